"""Catches a route that others changed and nobody is told of, and a change of our own that is taken for theirs."""

import pytest

from tests.simulation.cases import CASES, Case
from tests.simulation.world import World

BY_OTHERS = {
    "calls_sent_elsewhere_by_hand",
    "the_cohorts_rule_is_taken_away_by_hand",
    "weights_set_by_hand_are_put_right",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_route_that_others_changed_is_told_and_no_other(case: Case) -> None:
    told: list[str] = []

    def listen(world: World) -> None:
        events = world.plan.events if world.plan else ()
        told.extend(one.message for one in events if one.reason == "RouteRepaired" and one.message not in told)

    case.on(checks=[listen])
    assert len(told) == (case.name in BY_OTHERS), told
    assert all("was changed by others: the route must say" in one for one in told)
