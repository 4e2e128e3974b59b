"""Catches a rollout that waits for whom a Gateway was taken from, and one that believes him."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.simulation.cases.story import Story, at, gate, promoted, says, taken_back, weight
from tests.simulation.invariants import watched
from tests.simulation.places import at_place

NEW = "next.test/controller"


def serving() -> Story:
    """v1 serves."""
    story = Story()
    watched(story)
    return story.reaches(promoted).rests(5)


def rolling(*later: dict[str, object]) -> Story:
    """v2 has ten percent until somebody says otherwise."""
    story = serving()
    story.asks("v2", weight(10), gate(), *later)
    return story.reaches(at("sign-off")).rests(5)


def moved(story: Story, *, refused: bool = False) -> None:
    """The Gateway is given another class; what was said of the route stays in its status."""
    story.tell("the Gateway is of another controller")
    story.gateway.goes_to(NEW)
    if refused:
        said = story.gateway.former
        story.gateway.former = tuple(replace(one, accepted=False, message="no listener of mine") for one in said)


@pytest.mark.parametrize("refused", [False, True], ids=["which had taken it", "which had refused it"])
@pytest.mark.parametrize("begun", [False, True], ids=["before", "in the middle"])
def test_a_rollout_goes_on_after_its_gateway_went_to_another_controller(begun: bool, refused: bool) -> None:
    story = rolling() if begun else serving()
    moved(story, refused=refused)
    story.rests(5)
    story.asks("v2", weight(10), weight(50))
    story.reaches(promoted)
    assert story.failed_by_route == 0


def aborted(story: Story) -> None:
    story.order("abort")
    story.reaches(taken_back, within=1.0)
    story.reaches(lambda one: len(one.revisions) == 1, within=60.0)


def deleted(story: Story) -> None:
    story.delete()
    story.reaches(lambda one: not one.finalizer and len(one.revisions) == 1, within=30.0)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("end", [aborted, deleted])
def test_what_ends_waits_for_nobody_who_has_left(end: Callable[[Story], None], known: bool) -> None:
    story = rolling()
    moved(story, refused=True)
    if not known:
        story.gateway.controller = ""
    story.rests(3)
    end(story)


def test_no_step_forward_is_taken_on_the_word_of_who_has_left() -> None:
    story = rolling(weight(50))
    story.gateway_up = False
    moved(story)
    story.rests(3)
    story.order("advance")
    story.rests(30)
    assert story.share("v2") == 10, story.transcript()
    assert story.plan is not None
    assert "is not of next.test/controller" in story.plan.situation.message
    story.happens("the new controller looks at the route", gateway_up=True)
    story.reaches(lambda one: one.share("v2") == 50)


def test_a_place_of_long_standing_is_left_without_a_word_of_who_has_left() -> None:
    """Promoted, nothing is read of Gateways any more."""
    story = at_place("promoted")
    moved(story, refused=True)
    story.rests(60)
    assert says("Promoted")(story), story.transcript()
    story.ask("v3")
    story.reaches(at("sign-off"))
