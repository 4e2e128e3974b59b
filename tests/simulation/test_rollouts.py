"""Would catch: a rollout that ends in the wrong place, moves weight without proof, or forgets how it got there."""

import pytest
from crossfade.api.v1alpha1 import RolloutStatus

from tests.simulation.invariants import watched
from tests.simulation.world import World, analysis, promoted, reached, serving, spec


def test_a_good_version_is_promoted_stage_by_stage() -> None:
    world = watched(serving())
    world.ask("v2")
    shares = []
    world.checks.append(lambda w: shares.append(w.share("v2")))
    world.run(60, until=promoted)
    assert promoted(world), "\n".join(world.lines)
    assert sorted(set(shares)) == [0, 10, 50, 100]
    assert shares == sorted(shares)
    assert world.failed_by_route == 0


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_promotion_is_looked_at_once_more_so_that_nothing_is_left_to_write_at_a_restart(version: str) -> None:
    world = serving() if version == "v2" else World(spec=spec())
    looks = []
    world.checks.append(lambda w: looks.append((w.plan.situation.reason, w.plan.look_again)))
    world.ask(version)
    world.run(60, until=promoted)
    assert ("Promoted", 0.0) in looks


def test_promotion_keeps_the_candidates_pods_and_removes_the_old_ones_after_they_drained() -> None:
    world = watched(serving())
    old = world.status.stable
    world.ask("v2")
    world.run(8)
    candidate = next(r for r in world.revisions.values() if r.arm[0] == "v2")
    world.run(60, until=promoted)
    assert world.status.stable is not None
    assert world.revisions[world.status.stable.revision] is candidate
    assert old is not None
    assert old.revision in world.revisions, "the old pods went before the gateway can have let go of them"
    world.run(12)
    assert list(world.revisions.values()) == [candidate]


def test_a_bad_version_is_rolled_back_and_stays_so() -> None:
    world = watched(serving(error_rate={"v3": 0.05}))
    world.ask("v3")
    world.run(120)
    assert world.share("v1") == 100
    assert world.status.outcome is not None
    assert (world.status.outcome.result, world.status.outcome.cause) == ("RolledBack", "MetricRegressed")
    assert "v3 was rolled back: errors: the candidate failed" in world.status.outcome.message
    assert [r.arm[0] for r in world.revisions.values()] == ["v1"]
    assert world.plan is not None
    assert world.plan.situation.standing == "Failed"


@pytest.mark.parametrize("again", ["token", "spec"])
def test_a_rolled_back_version_is_tried_again_when_asked(again: str) -> None:
    world = watched(serving(error_rate={"v3": 0.05}))
    world.ask("v3")
    world.run(60)
    world.error_rate.clear()
    if again == "token":
        world.order("retry", "fixed-the-feature-store")
    else:
        world.edit(analysis={**world.spec["analysis"], "falseRollback": "0.001"})
    world.run(60, until=promoted)
    assert promoted(world), "\n".join(world.lines)


def test_a_rolled_back_version_is_not_tried_again_unasked() -> None:
    world = watched(serving(error_rate={"v3": 0.05}))
    world.ask("v3")
    world.run(60)
    world.error_rate.clear()
    writes = world.writes
    world.edit(suspend=True)
    world.run(60)
    world.edit(suspend=False)
    world.run(300)
    assert world.writes == writes
    world.edit(serving={"replicas": 3})
    world.run(60)
    assert world.share("v1") == 100
    assert [r.replicas for r in world.revisions.values()] == [3]


@pytest.mark.parametrize(("knob", "cause"), [("crashes", "CrashLoop"), ("wrong_bytes", "DigestMismatch")])
def test_hard_signals_end_a_rollout_before_it_gets_traffic(knob: str, cause: str) -> None:
    world = watched(serving(**{knob: {"v3"}}))
    world.ask("v3")
    world.run(30)
    assert world.status.outcome is not None
    assert world.status.outcome.cause == cause
    assert world.share("v1") == 100
    assert not any("v3" in line and "HTTPRoute" in line for line in world.lines)


def test_a_candidate_that_crashes_under_traffic_is_left_although_prometheus_is_down() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 10)
    world.prometheus_up = False
    world.crashes.add("v2")
    world.run(2)
    assert world.share("v1") == 100


def test_no_weight_moves_while_prometheus_is_down() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 10)
    world.prometheus_up = False
    world.run(600)
    assert world.share("v2") == 10
    assert world.plan is not None
    assert world.plan.situation.reason == "MetricsUnavailable" or "metrics" in world.plan.situation.message
    world.prometheus_up = True
    world.run(60, until=promoted)
    assert promoted(world)


def test_a_gateway_that_does_not_acknowledge_stops_the_clock() -> None:
    world = watched(serving())
    world.gateway_up = False
    world.ask("v2")
    world.run(300)
    assert world.share("v2") == 10
    world.gateway_up = True
    world.run(60, until=promoted)
    assert promoted(world)


def test_a_missing_model_version_waits_and_heals() -> None:
    world = watched(serving(versions={"v1"}))
    world.ask("v2")
    world.run(30)
    assert world.plan is not None
    assert world.plan.situation.reason == "WaitingForModelVersion"
    assert world.share("v1") == 100
    world.versions.add("v2")
    world.run(60, until=promoted)
    assert promoted(world)


def test_superseding_takes_the_traffic_first_and_starts_the_next_after_the_drain() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 50)
    world.ask("v3")
    world.run(5)
    assert world.share("v1") == 100
    assert {r.arm[0] for r in world.revisions.values()} == {"v1", "v2"}
    world.run(90, until=promoted)
    assert promoted(world), "\n".join(world.lines)
    assert [end.result for end in world.status.history] == ["Promoted", "Superseded", "Promoted"]
    assert world.failed_by_route == 0


def test_asking_for_the_stable_version_again_is_an_immediate_return() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 50)
    world.ask("v1")
    world.run(1)
    assert world.share("v1") == 100
    assert world.plan is not None
    world.run(15)
    assert world.plan.situation.standing == "Done"
    assert [r.arm[0] for r in world.revisions.values()] == ["v1"]


def test_suspend_freezes_progress_but_not_rollback() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 10)
    world.edit(suspend=True)
    world.run(300)
    assert world.share("v2") == 10
    world.error_rate["v2"] = 0.5
    world.run(60)
    assert world.share("v1") == 100


def test_drift_of_the_route_is_repaired() -> None:
    world = watched(serving())
    assert world.route is not None
    backends = world.route["spec"]["rules"][0]["backendRefs"]
    world.route["spec"]["rules"][0]["backendRefs"] = [{**backends[0], "name": "somebody-elses"}]
    world.checks.clear()
    world.run(1)
    assert world.share("v1") == 100


def test_deleting_mid_split_leaves_the_stable_version_serving() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 50)
    world.delete()
    world.run(20)
    assert not world.finalizer
    assert world.share("v1") == 100
    assert [r.arm[0] for r in world.revisions.values()] == ["v1"]
    assert world.failed_by_route == 0


def said(world: World) -> str:
    assert world.plan is not None
    return world.plan.situation.message


def test_deleting_before_a_version_served_says_nothing_of_a_stable_one() -> None:
    world = watched(World(start_seconds=20.0)).run(5)
    world.delete()
    world.run(1)
    assert said(world) == "being deleted: no version has served yet"
    assert (world.finalizer, world.revisions) == (False, {})


def test_deleting_when_the_first_route_is_written_keeps_what_it_leads_to_and_says_so() -> None:
    world = watched(World(ack_seconds=5.0))
    world.run(60, until=lambda one: one.route is not None)
    world.delete()
    world.run(1)
    assert said(world) == "being deleted: what its requests are led to stays"
    assert (world.finalizer, [*world.revisions]) == (False, [*reached(world.route)])


def test_a_recreated_rollout_takes_over_what_serves_and_compares_with_it() -> None:
    before = serving()
    world = watched(World(spec=spec("v2"), revisions=before.revisions, route=before.route, now=before.now))
    world.route_generation, world.served = before.route_generation, before.served
    world.run(90, until=promoted)
    assert promoted(world), "\n".join(world.lines)
    assert [end.cause for end in world.status.history] == ["StagesPassed"]


@pytest.mark.matrix
@pytest.mark.parametrize("bad", [False, True])
def test_a_kill_between_any_two_writes_ends_in_the_same_place(bad: bool) -> None:
    kills = 0
    for boundary in range(100):
        world = watched(serving(error_rate={"v2": 0.05} if bad else {}))
        world.ask("v2")
        world.crash_after = boundary
        world.run(90)
        assert {r.arm[0] for r in world.revisions.values()} == {"v1" if bad else "v2"}
        assert world.share("v1" if bad else "v2") == 100
        assert world.status.outcome is not None
        assert world.status.outcome.result == ("RolledBack" if bad else "Promoted")
        assert world.failed_by_route == 0
        assert not world.finalizer
        if world.crash_after is not None:
            break
        kills += 1
    assert kills >= 15
    assert kills < 99, "the writes never ended"


def test_deletion_does_not_wait_for_a_gateway_that_is_gone() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 50)
    world.gateway_up = False
    world.delete()
    world.run(30)
    assert world.finalizer
    world.run(60)
    assert not world.finalizer
    assert world.share("v1") == 100
    assert {r.arm[0] for r in world.revisions.values()} == {"v1", "v2"}, "requests may still reach its pods"


def test_no_arm_goes_before_the_gateway_let_go_of_it() -> None:
    world = watched(serving(error_rate={"v3": 0.05}))
    world.ask("v3")
    world.run(60, until=lambda w: w.share("v3") == 10)
    world.gateway_up = False
    world.run(60)
    world.ask("v2")
    world.run(60)
    assert {r.arm[0] for r in world.revisions.values()} == {"v1", "v3"}
    world.gateway_up = True
    world.run(5)
    assert {r.arm[0] for r in world.revisions.values()} == {"v1", "v3"}, "acknowledged is not served"
    world.run(60, until=promoted)
    assert promoted(world)
    assert world.failed_by_route == 0


def test_falling_back_to_a_rolled_back_version_drains_what_was_under_way() -> None:
    world = watched(serving(error_rate={"v3": 0.05}))
    world.ask("v3")
    world.run(60)
    bad = world.spec
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 50)
    world.edit(**bad)
    world.run(30)
    assert world.share("v1") == 100
    assert [r.arm[0] for r in world.revisions.values()] == ["v1"]
    assert world.failed_by_route == 0
    assert world.plan is not None
    assert world.plan.situation.standing == "Failed"
    assert [end.result for end in world.status.history] == ["Superseded", "RolledBack", "Promoted"]


def test_taking_stages_away_promotes_nothing() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 50)
    world.rate = 0
    world.edit(strategy={"stages": world.spec["strategy"]["stages"][:1]})
    world.run(120)
    assert world.share("v2") == 10
    world.rate = 200
    world.run(60, until=promoted)
    assert promoted(world)


def test_raising_the_weight_of_the_running_stage_is_no_short_cut() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 50)
    ten, half = world.spec["strategy"]["stages"]
    world.rate = 0
    world.edit(strategy={"stages": [ten, {**half, "weight": 90}]})
    world.run(120)
    assert world.share("v2") == 10


def test_the_way_back_to_stable_needs_no_model_version() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 50)
    world.versions.discard("v1")
    world.ask("v1")
    world.run(1)
    assert world.share("v1") == 100


def test_a_bad_candidate_is_kept_while_stable_could_not_answer_at_all() -> None:
    world = watched(serving(error_rate={"v3": 0.05}))
    world.edit(analysis=analysis({"absolute": {"max": "0.02"}}))
    stable = world.status.stable
    assert stable is not None
    world.ask("v3")
    world.run(60, until=lambda w: w.share("v3") == 10)
    world.dead.add(stable.revision)
    world.run(60)
    assert world.share("v3") == 10
    assert world.plan is not None
    assert world.plan.situation.reason == "NotServing"
    world.dead.clear()
    world.run(60)
    assert world.share("v1") == 100


def test_what_serves_is_kept_serving_while_the_spec_asks_for_something_unknown() -> None:
    world = watched(serving())
    world.ask("v9")
    world.route = None
    world.edit(serving={"replicas": 4})
    world.run(5)
    assert world.share("v1") == 100
    assert [r.replicas for r in world.revisions.values()] == [4]


def test_a_status_lost_mid_way_does_not_promote_the_candidate() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 50)
    world.checks.clear()
    world.status = RolloutStatus()
    world.run(1)
    assert world.status.stable is not None
    assert world.status.stable.model_version == "v1"


def test_pods_lost_long_after_the_start_are_no_late_start() -> None:
    world = watched(serving())
    world.edit(suspend=True)
    world.ask("v2")
    world.run(900)
    world.edit(serving={"replicas": 3})
    late = next(r for r in world.revisions.values() if r.arm[0] == "v2")
    late.created_at = world.now
    world.run(2)
    assert world.status.outcome is not None
    assert world.status.outcome.result == "Promoted", "the candidate was given up for pods that are starting"


def test_a_long_token_stops_no_rollback_and_taking_it_away_asks_for_nothing() -> None:
    world = watched(serving(error_rate={"v3": 0.05}))
    world.order("retry", "again")
    world.ask("v3")
    world.run(60)
    assert world.share("v1") == 100
    writes = world.writes
    del world.orders["retry"]
    world.run(60)
    assert world.writes == writes


@pytest.mark.matrix
def test_a_stage_held_for_long_writes_seldom() -> None:
    world = watched(serving())
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 10)
    world.edit(suspend=True)
    world.run(900)
    writes = world.writes
    world.run(600)
    assert world.writes - writes <= 11
