"""Would catch a people's event told again and again, one whose return nobody is told of, or one that stops a look."""

from typing import Any

from crossfade.api.conditions import Reason
from crossfade.decide.plan import Apply, Event, Target
from crossfade.ports import ROLLOUTS
from crossfade.status.events import Events

from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.objects import rollout

NOW = 1_800_000_000.0
REPAIRED = Event(Reason.ROUTE_REPAIRED, "put right", by=Apply(Target.HTTP_ROUTE, {}, "why"))
REFUSED = Event(Reason.HOST_TAKEN, "others have it", warning=True)


class Told:
    """What one process tells of one Rollout, a look at a time."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.raw = self.cluster.create(rollout())
        self.events, self.now = Events(self.cluster, "pod-1"), NOW

    async def look(self, *events: Event, untold: tuple[Event, ...] = ()) -> None:
        """A look that says these; those `untold` are not to be told yet."""
        self.now += 10
        await self.events.post(ROLLOUTS, self.raw, events, (*events, *untold), self.now)

    @property
    def said(self) -> list[tuple[str, Any]]:
        """What stands in the cluster: the sentence, and how often it was so."""
        return [(one["note"], one.get("series", {}).get("count", 1)) for one in self.cluster.events]


async def test_what_is_said_look_after_look_is_told_once() -> None:
    told = Told()
    for message in ("5 % now", "5 % now", "50 % now"):
        await told.look(Event(Reason.SHIFTING, message))
    assert told.said == [("5 % now", 1), ("50 % now", 1)]
    assert len({event["metadata"]["name"] for event in told.cluster.events}) == 2


async def test_what_comes_back_is_counted_where_it_was_told() -> None:
    told = Told()
    for looked in (REFUSED, REFUSED, None, REFUSED, REFUSED):
        await told.look(*[looked] if looked else [])
    assert told.said == [("others have it", 2)]
    (event,) = told.cluster.events
    assert event["eventTime"] < event["series"]["lastObservedTime"]


async def test_what_was_done_again_at_once_has_happened_again() -> None:
    told = Told()
    for _ in range(3):
        await told.look(REPAIRED)
    assert told.said == [("put right", 3)]


async def test_what_could_not_be_told_yet_is_news_when_it_can() -> None:
    told = Told()
    await told.look(untold=(REFUSED,))
    await told.look(REFUSED)
    assert told.said == [("others have it", 1)]


async def test_an_event_that_has_expired_is_told_anew() -> None:
    told = Told()
    await told.look(REPAIRED)
    told.cluster.events.clear()
    await told.look(REPAIRED)
    await told.look(REPAIRED)
    assert told.said == [("put right", 2)]


async def test_an_event_that_cannot_be_told_is_no_error() -> None:
    told = Told()
    told.cluster.refuse = lambda verb, kind, name: kind == "Event"
    await told.look(REPAIRED)
    await told.look(REPAIRED)
    assert told.cluster.events == []
