"""Would catch a people's event told again and again, or one that stops a reconcile because it can't be told."""

from crossfade.api.conditions import Reason
from crossfade.decide.plan import Event
from crossfade.ports import ROLLOUTS
from crossfade.status.events import Events

from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.objects import rollout

NOW = 1_800_000_000.0


async def test_an_event_is_told_once_until_it_says_something_else() -> None:
    cluster = FakeCluster()
    raw, events = cluster.create(rollout()), Events(cluster, "pod-1")
    for message in ("5 % now", "5 % now", "50 % now"):
        await events.post(ROLLOUTS, raw, [Event(Reason.SHIFTING, message)], NOW)
    assert [event["note"] for event in cluster.events] == ["5 % now", "50 % now"]
    assert len({event["metadata"]["name"] for event in cluster.events}) == 2


async def test_an_event_that_cannot_be_told_is_no_error() -> None:
    cluster = FakeCluster()
    raw, events = cluster.create(rollout()), Events(cluster, "pod-1")
    cluster.refuse = lambda verb, kind, name: kind == "Event"
    await events.post(ROLLOUTS, raw, [Event(Reason.ROLLED_BACK, "it was worse", warning=True)], NOW)
    assert cluster.events == []
