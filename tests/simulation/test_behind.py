"""Would catch a leader that has not heard of the last write of the status, and undoes what that was about."""

import pytest

from tests.simulation.invariants import watched
from tests.simulation.test_stages import asking, at
from tests.simulation.world import World, promoted


def half(*, proven: bool = True) -> World:
    """v1 serves, and v2 has a half."""
    world = watched(asking({"name": "half", "weight": 50, "minDuration": "600s"}))
    return world.run(60, until=at("half", proven=proven))


def taken_back(world: World) -> World:
    """No pod of v2 is ready for a moment, and the next leader has not heard what was done about it."""
    world.room["v2"] = 0
    world._once()
    assert (world.status.outcome and world.status.outcome.result, world.share("v2")) == ("RolledBack", 0)
    world.room.clear()
    world.restart(behind=True)
    return world


@pytest.mark.parametrize("proven", [True, False])
@pytest.mark.parametrize("metrics", [True, False])
def test_what_was_taken_back_is_not_given_again(*, metrics: bool, proven: bool) -> None:
    """Of a stage that is not proven yet all is on record, in the one that is known: so the route waits for no other."""
    world = taken_back(half(proven=proven))
    end = world.status.outcome
    world.prometheus_up = metrics
    shares: list[int] = []
    world.checks.append(lambda one: shares.append(one.share("v2")))
    world.run(15)
    world.prometheus_up = True
    world.run(60)
    assert set(shares) == {0}, "\n".join(world.lines)
    assert world.status.outcome == end


def test_a_step_forward_is_refused_its_record_before_its_route() -> None:
    """The stage that was left is not entered again."""
    world = half()
    world.order("abort")
    world._once()
    world.restart(behind=True)
    share = world.share("v2")
    world.run(20)
    assert (share, world.share("v2")) == (0, 0)
    assert world.record.refusals > 0, "\n".join(world.lines)


def test_a_promotion_stays_one() -> None:
    world = watched(asking({"name": "half", "weight": 50}))
    world.run(120, until=promoted)
    world.restart(behind=True)
    world.run(60)
    assert world.share("v2") == 100, "\n".join(world.lines)
    assert promoted(world)


def test_a_rollback_that_is_seen_by_whoever_is_behind_is_written_and_recorded_at_once() -> None:
    """Without its record it would be forgotten: who has no traffic any more has not lost it."""
    world = half()
    world.restart(behind=True)
    world.room["v2"] = 0
    world.now += 2
    world.reconcile()
    assert world.share("v2") == 0
    assert (world.status.outcome and world.status.outcome.result) == "RolledBack"
