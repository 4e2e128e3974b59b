"""Catches a version that answers alone, or on hold, and is not put right when its children are deleted or changed; and
any other place on the way at which that is so of any version that has a part."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulation.cases.story import Story, at, gate, promoted, weight
from tests.simulation.invariants import watched
from tests.simulation.places import PLACES, at_place, ways_to
from tests.simulation.shop import BLUE, GREEN
from tests.simulation.test_adopted import holding


def half_way() -> Story:
    """v2 has half of the requests of v1."""
    story = Story()
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(50), gate())
    return story.reaches(at("sign-off"))


def stranded(asks: str) -> Story:
    """Then stable lost its pods, and another version is asked for, which gets none."""
    story = half_way()
    story.happens("v1 loses its pods", room={"v1": 0, "v3": 0})
    story.ask(asks)
    return story.rests(2)


def held() -> Story:
    """Then a version is asked for that nobody has registered."""
    story = half_way()
    story.ask("v9")
    return story.rests(2)


@pytest.mark.parametrize("asks", ["v1", "v3"])
def test_the_service_of_what_alone_answers_is_made_again(asks: str) -> None:
    story = stranded(asks)
    story.revisions[story.revision("v2")].service = None
    story.rests(2)
    assert story.revisions[story.revision("v2")].service is not None


@pytest.mark.parametrize("asks", ["v1", "v3"])
def test_what_alone_answers_gets_the_pods_again_that_somebody_took_from_it(asks: str) -> None:
    story = stranded(asks)
    before = story.pods("v2")
    story.revisions[story.revision("v2")].scale(before + 1, story.now)
    story.rests(2)
    assert story.pods("v2") == before


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_on_hold_services_and_pods_are_put_right_too(version: str) -> None:
    story = held()
    name, before = story.revision(version), story.pods(version)
    story.revisions[name].service = None
    story.revisions[name].scale(before + 1, story.now)
    story.rests(2)
    assert story.revisions[name].service is not None
    assert story.pods(version) == before


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("asks", ["v1", "v3"])
def test_its_service_in_an_adopted_route_is_pointed_at_it_again(asks: str, up: bool) -> None:
    story = holding()
    story.happens("v1 loses its pods", room={"v1": 0, "v3": 0}, prometheus_up=up)
    story.ask(asks)
    story.rests(2)
    story.tell("its Service is deleted")
    story.slots[GREEN] = None
    story._served_anew()
    story.rests(2)
    assert story.slots[GREEN] == story.revision("v2")
    assert (story.share("v1"), story.share("v2")) == (60, 40)


@pytest.mark.parametrize("whose", ["v1", "v2"])
def test_without_metrics_a_service_of_an_adopted_route_is_made_again_and_no_weight_moves(whose: str) -> None:
    story = at_place("without metrics", "adopted")
    slot = next(name for name, revision in story.slots.items() if revision == story.revision(whose))
    story.slots[slot] = None
    story._served_anew()
    story.rests(3)
    assert story.slots[slot] == story.revision(whose)
    assert (story.share("v1"), story.share("v2")) == (50, 50)


@pytest.mark.parametrize(("slot", "whose"), [(BLUE, "v1"), (GREEN, "v2")])
def test_on_hold_both_services_of_an_adopted_route_are_made_again(slot: str, whose: str) -> None:
    story = holding()
    story.ask("v9")
    story.rests(2)
    story.slots[slot] = None
    story._served_anew()
    story.rests(2)
    assert story.slots[slot] == story.revision(whose)
    assert (story.share("v1"), story.share("v2")) == (60, 40)


def loses_its_service(story: Story, name: str) -> None:
    story.revisions[name].service = None


def is_scaled_away(story: Story, name: str) -> None:
    story.revisions[name].scale(0, story.now)


def is_scaled_down(story: Story, name: str) -> None:
    story.revisions[name].scale(1, story.now)


def is_scaled_up(story: Story, name: str) -> None:
    story.revisions[name].scale(story.revisions[name].replicas + 2, story.now)


def loses_its_deployment(story: Story, name: str) -> None:
    del story.revisions[name]


OF_PODS = [is_scaled_down, is_scaled_up]
OF_STABLE = [loses_its_service, is_scaled_away, loses_its_deployment, *OF_PODS]
TAKEN = [
    *((place, found.stable, lays) for place, found in PLACES.items() for lays in OF_STABLE),
    *(
        (place, found.beside, lays)
        for place, found in PLACES.items()
        if found.beside
        for lays in (OF_STABLE[0], *OF_PODS)
    ),
    *(("promoted", "v1", lays) for lays in OF_PODS),
]


def by_every_way(*what: Any) -> Iterator[Any]:
    """The place first; only with a route of our own it is quick."""
    for way in ways_to(what[0]):
        yield pytest.param(*what, way, marks=() if way == "gateway" else pytest.mark.matrix)


def children(story: Story, name: str) -> tuple[int, bool, Any]:
    """How many pods it should have and of what, and whether requests find them."""
    found = story.revisions.get(name)
    return (
        (found.replicas, found.service is not None, found.deployment["spec"]["template"]) if found else (0, False, {})
    )


@pytest.mark.parametrize(
    ("place", "version", "lays_hands", "way"), [one for taken in TAKEN for one in by_every_way(*taken)]
)
def test_what_somebody_took_is_there_again(
    place: str, version: str, lays_hands: Callable[[Story, str], None], way: str
) -> None:
    """Of a version that requests get to, and of the one before that is kept."""
    story = at_place(place, way)
    name = story.revision(version)
    before = children(story, name)
    story.tell(f"{version} {lays_hands.__name__.replace('_', ' ')}")
    lays_hands(story, name)
    story.rests(2)
    assert children(story, name) == before, story.transcript()


@pytest.mark.parametrize("lays_hands", [is_scaled_away, loses_its_deployment])
@pytest.mark.parametrize(
    ("place", "way"),
    [one for place in ("half-way", "suspended", "without metrics", "holding") for one in by_every_way(place)],
)
def test_stable_has_everything_when_somebody_took_all_pods_of_the_candidate(
    place: str, lays_hands: Callable[[Story, str], None], way: str
) -> None:
    story = at_place(place, way)
    lays_hands(story, story.revision("v2"))
    story.reaches(lambda one: one.share("v1") == 100, within=2.0)
    assert story.status.outcome is not None
    assert story.status.outcome.result == "RolledBack"
