"""Catches a version that answers alone, or on hold, and is not put right when its children are deleted or changed."""

import pytest

from tests.simulation.cases.story import Story, at, gate, promoted, weight
from tests.simulation.invariants import watched
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
