"""Catches edits, lost specs and odd moments that give users what nobody checked, or leave no way out."""

from dataclasses import replace
from typing import Any

import pytest
from crossfade.decide.plan import Standing
from crossfade.decide.rollout import plan_rollout
from crossfade.model.snapshot import Snapshot

from tests.simulation.test_orders import handled
from tests.simulation.test_stages import asking, at, ladder, revision, taken_back, transcript
from tests.simulation.world import World, promoted

TEN = {"name": "ten", "weight": 10}
HALF = {"name": "half", "weight": 50}
COPY = {"name": "copy", "shadow": 10}


def blind(world: World) -> Snapshot:
    """What is seen once the spec cannot be read any more."""
    seen = world.snapshot()
    return replace(seen, rollout=replace(seen.rollout, spec=None, spec_error="spec.strategy must be set"))


@pytest.mark.parametrize("before", [{"name": "one", "weight": 1}, COPY, {"name": "ask", "gate": "Manual"}])
def test_an_edit_alone_gives_the_candidate_nothing_more(before: dict[str, Any]) -> None:
    world = asking({**before, "minDuration": "10m"}, HALF)
    world.run(60, until=at(before["name"]))
    given = world.share("v2")
    world.prometheus_up = False
    world.edit(suspend=True, strategy=ladder(HALF))
    world.run(30)
    assert world.share("v2") == given, transcript(world)
    world.prometheus_up = True
    world.edit(suspend=False)
    world.run(60, until=at("half", proven=False))
    assert world.share("v2") == 50


def test_an_edit_gives_nothing_to_a_stable_version_that_cannot_answer() -> None:
    world = asking(TEN, {"name": "most", "weight": 90, "minDuration": "10m"})
    world.run(200, until=at("most"))
    world.dead.add(revision(world, "v1"))
    world.run(2)
    world.edit(strategy=ladder(TEN))
    world.run(10)
    assert world.share("v2") == 90, transcript(world)
    world.dead.clear()
    world.run(5)
    assert world.share("v2") == 10


def test_a_stage_put_before_the_one_that_runs_ends_nothing() -> None:
    world = asking({**TEN, "minDuration": "10m"}, HALF)
    world.run(60, until=at("ten"))
    world.run(60)
    gate = {"name": "g", "gate": "Manual", "maxDuration": "30s", "onInconclusive": "Rollback"}
    world.edit(strategy=ladder(gate, {**TEN, "minDuration": "10m"}, HALF))
    world.run(5)
    assert not taken_back(world), transcript(world)
    assert at("ten")(world)


def test_another_scale_for_the_same_weights_moves_nothing() -> None:
    world = asking({**TEN, "minDuration": "10m"}, HALF)
    world.run(60, until=at("ten"))
    proven = world.status.stage.proven_at if world.status.stage else None
    fine = ladder(
        {"name": "ten", "weight": 100, "minDuration": "10m"}, {"name": "half", "weight": 500}, weightScale=1000
    )
    world.edit(strategy=fine)
    world.run(5)
    assert at("ten")(world), transcript(world)
    assert world.status.stage is not None
    assert world.status.stage.proven_at == proven


def test_a_smaller_share_in_the_bake_goes_back_no_further_than_the_bake() -> None:
    world = asking(HALF, bake={"duration": "10m", "holdback": 2})
    world.run(120, until=at("bake"))
    world.edit(strategy=ladder(HALF, bake={"duration": "10m", "holdback": 5}))
    world.run(5)
    assert world.share("v2") == 95, transcript(world)


def test_an_abort_without_spec_and_route_is_recorded() -> None:
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    world.order("abort")
    plan = plan_rollout(replace(blind(world), route=None))
    assert plan.situation.standing is Standing.FAILED
    assert plan.status.candidate is None


def test_without_a_spec_and_with_stable_gone_there_is_still_a_plan() -> None:
    world = asking(TEN, HALF)
    world.run(200, until=at("half"))
    stable, candidate = revision(world, "v1"), revision(world, "v2")
    seen = blind(world)
    gone = {name: found for name, found in seen.revisions.items() if name != stable}
    gone[candidate] = replace(gone[candidate], ready=1)
    assert plan_rollout(replace(seen, revisions=gone)).situation.standing is Standing.FAILED


def test_taking_the_retry_token_away_does_not_end_what_it_began() -> None:
    world = asking(TEN, {**HALF, "minDuration": "10m"}, error_rate={"v2": 0.3})
    world.run(120, until=taken_back)
    world.run(30)
    world.error_rate.clear()
    world.order("retry")
    world.run(200, until=at("half"))
    del world.orders["retry"]
    world.run(10)
    assert at("half")(world), transcript(world)


def test_a_retry_of_a_ladder_with_a_shadow_is_obeyed_and_said_so() -> None:
    world = asking(COPY, TEN, error_rate={"v2": 0.3})
    world.run(120, until=taken_back)
    world.run(120)
    world.error_rate.clear()
    world.order("retry")
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)
    assert handled(world, "retry")[0] == "Obeyed"


def test_an_order_given_while_the_spec_cannot_be_read_is_not_used_up() -> None:
    world = asking(TEN, {"name": "ask", "gate": "Manual"}, HALF)
    world.run(200, until=at("ask"))
    world.order("advance")
    assert plan_rollout(blind(world)).status.handled == []
    world.run(20, until=at("half", proven=False))
    assert at("half", proven=False)(world)


def test_two_orders_at_once_pass_one_gate() -> None:
    world = asking(TEN, {"name": "one", "gate": "Manual"}, HALF, {"name": "two", "gate": "Manual"})
    world.run(200, until=at("one"))
    world.order("advance")
    world.order("skip-stage")
    world.run(200)
    assert at("two")(world), transcript(world)
    assert sorted(one.effect for one in world.status.handled) == ["Idle", "Obeyed"]


def test_what_was_aborted_says_so_for_as_long_as_it_is() -> None:
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    world.order("abort")
    world.run(60)
    assert world.plan is not None
    assert world.plan.situation.reason == "Aborted"


def test_a_kept_candidate_stays_while_the_spec_cannot_be_read() -> None:
    world = asking(HALF, error_rate={"v2": 0.3}, onRollback={"keepCandidate": "10m"})
    world.run(120, until=taken_back)
    world.run(60)
    deleted = [action for action in plan_rollout(blind(world)).first if type(action).__name__ == "Delete"]
    assert deleted == []
