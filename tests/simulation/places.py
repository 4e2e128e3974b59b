"""Places on the way of a rollout from v1 to v2, and off it, at which somebody may lay hands on what serves."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache

from tests.simulation.cases.pods import of
from tests.simulation.cases.story import Story, at, gate, promoted, weight
from tests.simulation.cases.theirs import Adopted
from tests.simulation.invariants import watched
from tests.simulation.shop import adopting
from tests.simulation.specs import spec

KEEPING = {"rollbackWindow": {"revisions": 1}, "keepPrevious": "10m"}
WAYS: Mapping[str, Callable[[], Story]] = {
    "gateway": lambda: Story(spec=spec(serving={"replicas": 3})),
    "pods": lambda: Story(spec=of(4)),
    "adopted": lambda: Adopted(spec=adopting(serving={"replicas": 3})),
}
"""A route of our own, a Service in front of both, a route of others; each in a world of its own."""


@dataclass(frozen=True, slots=True)
class Place:
    """How a rollout gets there from the middle; who gets requests `beside` stable there, and who is stable."""

    go: Callable[[Story], object]
    beside: str = ""
    stable: str = "v1"


def _clears(story: Story) -> None:
    story.ask("v3")
    story.reaches(lambda one: one.plan is not None and one.plan.situation.message.startswith("v3 starts when")).rests(1)


def _goes_back(story: Story) -> None:
    story.ask("v1")
    story.rests(2)


def _supersedes(story: Story) -> None:
    story.happens("what is written is not taken", ack_seconds=1e9)
    story.ask("v3")
    story.rests(2)


def _aborts(story: Story) -> None:
    story.order("abort")
    story.rests(1)


def _keeps_for_people(story: Story) -> None:
    story.edit(strategy={**story.spec["strategy"], "onRollback": {"keepCandidate": "10m"}})
    story.order("abort")
    story.rests(30)


def _holds(story: Story) -> None:
    story.ask("v9")
    story.rests(2)


def _is_refused(story: Story) -> None:
    _keeps_for_people(story)
    story.gateway.absent = "it does not exist"
    story.ask("v3")
    story.rests(40)


def _is_stranded(story: Story) -> None:
    story.happens("v1 loses its pods, and no pod of v3 gets ready", room={"v1": 0, "v3": 0})
    story.ask("v3")
    story.rests(2)


def _cannot_go_back(story: Story) -> None:
    story.happens("v1 loses its pods", room={"v1": 0})
    story.ask("v1")
    story.rests(2)


def _stands_in(story: Story) -> None:
    story.happens("v1 loses its pods", room={"v1": 0})
    story.ask("v3")
    story.reaches(lambda one: one.share("v3") > 0).rests(15)
    story.happens("one of them is back", room={"v1": 1})
    story.rests(1)


def _waits_for_metrics(story: Story) -> None:
    story.happens("Prometheus does not answer", prometheus_up=False)
    story.rests(3)


def _is_suspended(story: Story) -> None:
    story.edit(suspend=True)
    story.rests(3)


def _has_lost_pods(story: Story) -> None:
    story.happens("v2 has one pod", room={"v2": 1})
    story.rests(3)


def _is_small(story: Story) -> None:
    story.edit(strategy={**story.spec["strategy"], "stableCapacity": "MatchTraffic"})
    story.reaches(lambda one: one.pods("v1") == 2)


def _hands_back(story: Story) -> None:
    _is_small(story)
    story.happens("no further pod of v1 gets ready", room={"v1": 2})
    story.order("abort")
    story.rests(2)


def _is_deleted(story: Story) -> None:
    story.happens("what is written is not taken", ack_seconds=1e9)
    story.delete()
    story.rests(2)


def _keeps_the_version_before(story: Story) -> None:
    story.edit(strategy={**story.spec["strategy"], **KEEPING})
    story.order("advance")
    story.reaches(promoted).rests(30)


PLACES: Mapping[str, Place] = {
    "half-way": Place(lambda story: story, "v2"),
    "suspended": Place(_is_suspended, "v2"),
    "without metrics": Place(_waits_for_metrics, "v2"),
    "fewer pods": Place(_has_lost_pods, "v2"),
    "fewer pods of stable": Place(_is_small, "v2"),
    "handing back": Place(_hands_back, "v2"),
    "holding": Place(_holds, "v2"),
    "superseding": Place(_supersedes),
    "clearing": Place(_clears),
    "going back": Place(_goes_back),
    "taken back": Place(_aborts),
    "kept for people": Place(_keeps_for_people),
    "refused": Place(_is_refused),
    "stranded": Place(_is_stranded, "v2"),
    "stranded on the way back": Place(_cannot_go_back, "v2"),
    "standing in": Place(_stands_in, "v3"),
    "deleting": Place(_is_deleted),
    "promoted": Place(_keeps_the_version_before, stable="v2"),
}

WITH_GATEWAY = ("fewer pods of stable", "handing back", "deleting", "kept for people", "refused", "promoted")
"""Where pods stay that serve nobody, which nobody may ask for without a gateway; or where one is waited for."""


def ways_to(place: str) -> tuple[str, ...]:
    """By which ways it can be reached."""
    return tuple(way for way in WAYS if way != "pods" or place not in WITH_GATEWAY)


def at_place(place: str, way: str = "gateway") -> Story:
    """v2 has half of the requests of v1, and then it goes there; every promise is checked from the beginning on."""
    return deepcopy(_reached(place, way))


@cache
def _reached(place: str, way: str) -> Story:
    story = _half_way(way) if place == "half-way" else at_place("half-way", way)
    PLACES[place].go(story)
    story.failed_by_route = 0.0
    return story


def _half_way(way: str) -> Story:
    story = WAYS[way]()
    watched(story)
    story.reaches(promoted).rests(15)
    story.asks("v2", weight(50), gate())
    return story.reaches(at("sign-off"))
