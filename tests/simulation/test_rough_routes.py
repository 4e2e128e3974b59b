"""Would catch an operator that is stopped by a route of its own out of which others took what it need not have."""

from copy import deepcopy
from typing import Any

import pytest

from tests.simulation.cases.calls import CALLS
from tests.simulation.cases.story import Story, at, gate, promoted, weight
from tests.simulation.world import spec


def holding(**knobs: Any) -> Story:
    """v2 gets forty percent, until somebody says otherwise."""
    story = Story(**knobs)
    story.reaches(promoted)
    story.asks("v2", weight(40), gate())
    story.reaches(at("sign-off"))
    return story


def write(story: Story, edited: dict[str, Any]) -> None:
    """Somebody stores another spec of the route."""
    assert story.route is not None
    story.route = {**story.route, "spec": edited}
    story.route_generation += 1


def stored(story: Story) -> dict[str, Any]:
    """A copy of the route's spec, to be edited."""
    assert story.route is not None
    return deepcopy(story.route["spec"])


def test_parents_that_somebody_took_away_come_back() -> None:
    story = holding(spec=spec())
    before = stored(story)
    write(story, {name: value for name, value in before.items() if name != "parentRefs"})
    story.rests(3)
    assert stored(story) == before


@pytest.mark.parametrize("lost", ["matches", "rules"])
def test_whatever_somebody_takes_out_of_a_route_it_comes_back_and_an_abort_works(lost: str) -> None:
    story = holding(spec=CALLS)
    edited = stored(story)
    if lost == "rules":
        del edited["rules"]
    for one in edited.get("rules", ()):
        del one["matches"]
    write(story, edited)
    story.order("abort")
    story.rests(3)
    assert (story.share("v1"), story.share("v2")) == (100, 0)
    assert all("matches" in one for one in stored(story)["rules"])
