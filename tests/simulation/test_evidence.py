"""Would catch: evidence lost, counted twice or kept for another candidate, and a verdict that is not acted upon."""

from typing import Any

import pytest
from crossfade.api.v1alpha1.plan import PlanStatus
from crossfade.model.ledger import History, Ledger
from crossfade.model.snapshot import Foresight

from tests.simulation.invariants import watched
from tests.simulation.world import World, analysis, promoted, serving

pytestmark = pytest.mark.matrix

SLOW = 20.0
"""Requests a second of which a stage of 20 s proves nothing."""


def under_way(world: World, version: str = "v2", share: int = 10, seconds: float = 5.0) -> World:
    """The candidate has had its share for so many seconds."""
    world.run(5)
    world.ask(version)
    world.run(60, until=lambda w: w.share(version) == share)
    return world.run(seconds)


def one_stage(**changes: Any) -> dict[str, Any]:
    return {"stages": [{"name": "ten", "weight": 10, "minDuration": "5s", **changes}]}


def ledger_of(world: World) -> Ledger:
    assert world.ledger is not None, "\n".join(world.lines)
    return world.ledger


@pytest.mark.parametrize("version", ["good", "bad"])
def test_after_a_restart_at_any_moment_the_ledger_is_what_it_would_have_been_without(version: str) -> None:
    rates = {"v1": 0.01, "v2": 0.01 if version == "good" else 0.03}
    held = one_stage(minDuration="10m")

    def rolled_out(seconds: float) -> World:
        known = History(0.3, (0.0,), (900,), 90_000, 1.2, 2, 400)
        world = watched(serving(error_rate=rates, foresight=Foresight({"errors": known})))
        world.edit(strategy=held)
        return under_way(world, seconds=seconds)

    whole = ledger_of(rolled_out(40))
    assert whole.histories["errors"].kappa == 0.3
    for restart_at in range(1, 40, 3):
        world = rolled_out(restart_at)
        world.restart()
        world.run(40 - restart_at)
        assert ledger_of(world) == whole, f"restarted after {restart_at} s"


def test_what_prometheus_has_forgotten_by_the_restart_is_still_known() -> None:
    def rolled_out(*, restarted: bool) -> World:
        world = watched(serving(error_rate={"v1": 0.01, "v2": 0.01}, retention=60.0))
        world.edit(strategy=one_stage(minDuration="1h"))
        under_way(world, seconds=197)
        if restarted:
            world.restart()
        return world.run(5)

    assert ledger_of(rolled_out(restarted=True)) == ledger_of(rolled_out(restarted=False))


def test_a_restart_within_an_outage_of_prometheus_neither_loses_nor_repeats_a_window() -> None:
    def rolled_out(*, restarted: bool) -> World:
        world = watched(serving(error_rate={"v1": 0.01, "v2": 0.01}))
        world.edit(strategy=one_stage(minDuration="1h"))
        under_way(world, seconds=10)
        world.prometheus_up = False
        world.run(400)
        if restarted:
            world.restart()
        world.run(200)
        world.prometheus_up = True
        return world.run(30)

    assert ledger_of(rolled_out(restarted=True)) == ledger_of(rolled_out(restarted=False))


def test_every_request_since_the_first_stage_is_counted_once_over_all_stages() -> None:
    world = watched(serving())
    under_way(world)
    world.run(60, until=lambda w: w.share("v2") == 50)
    world.run(4)
    revision = next(r for r in world.revisions.values() if r.arm[0] == "v2")
    scraped = [value for _, value in revision.samples[1]]
    assert ledger_of(world).metrics["errors"].candidate.total == scraped[-1]


def test_a_regression_that_starts_late_is_caught() -> None:
    world = watched(serving())
    world.edit(strategy=one_stage(minDuration="1h"))
    under_way(world, seconds=600)
    assert world.share("v2") == 10
    world.error_rate["v2"] = 0.1
    world.run(60)
    assert world.status.outcome is not None
    assert world.status.outcome.cause == "MetricRegressed"
    assert world.share("v1") == 100


def test_a_shock_in_both_arms_holds_and_rolls_nothing_back() -> None:
    world = watched(serving(error_rate={"v1": 0.01, "v2": 0.01}))
    world.edit(strategy=one_stage(minDuration="1m"))
    under_way(world, seconds=55)
    world.error_rate.update(v1=0.5, v2=0.5)
    world.run(20)
    assert world.share("v2") == 10
    assert world.plan is not None
    assert world.plan.situation.reason == "Shock"


@pytest.mark.parametrize(("policy", "share", "ended"), [("Hold", 10, None), ("Rollback", 0, "Inconclusive")])
def test_a_stage_without_a_decision_ends_as_it_says(policy: str, share: int, ended: str | None) -> None:
    world = watched(serving(rate=SLOW))
    world.edit(strategy=one_stage(maxDuration="20s", onInconclusive=policy))
    under_way(world, seconds=60)
    assert world.share("v2") == share
    assert world.plan is not None
    if ended is None:
        assert world.plan.situation.reason == "Inconclusive"
        assert "says neither worse nor good enough" in world.plan.situation.message
    else:
        assert world.status.outcome is not None
        assert (world.status.outcome.result, world.status.outcome.cause) == ("RolledBack", ended)
        writes = world.writes
        world.run(60)
        assert world.writes - writes <= 2, "a rollback sticks"


def test_a_stage_that_says_so_advances_without_evidence_and_tells() -> None:
    world = watched(serving(rate=SLOW))
    world.edit(strategy=one_stage(maxDuration="20s", onInconclusive="Advance"))
    told: list[str] = []
    world.checks.append(lambda w: told.extend(e.message for e in w.plan.events if e.reason == "Inconclusive"))
    under_way(world, seconds=80)
    assert promoted(world), "\n".join(world.lines)
    assert "WITHOUT evidence" in told[0]


def test_a_suspended_stage_is_not_given_up_by_its_clock() -> None:
    world = watched(serving(rate=SLOW))
    world.edit(strategy=one_stage(maxDuration="20s", onInconclusive="Rollback"))
    under_way(world)
    world.edit(suspend=True)
    world.run(120)
    assert world.share("v2") == 10


def test_missing_data_of_the_candidate_holds_for_ever() -> None:
    world = watched(serving())
    world.edit(strategy=one_stage(maxDuration="30s", onInconclusive="Advance"))
    under_way(world, seconds=6)
    world.unscraped.add("v2")
    world.run(300)
    assert world.share("v2") == 10
    assert world.plan is not None
    assert world.plan.situation.reason == "NoData"


def test_a_split_that_is_not_what_was_asked_for_holds_and_says_so() -> None:
    world = watched(serving())
    world.edit(strategy=one_stage(minDuration="1h"), analysis=analysis(trafficCheck={"grace": "10s"}))
    under_way(world, seconds=30)
    assert world.plan is not None
    assert world.plan.proven
    world.skew = 30
    world.run(60)
    assert (world.plan.proven, world.plan.situation.reason) == (False, "Unproven")
    assert world.share("v2") == 10


def test_an_outage_over_the_end_of_the_grace_is_no_other_split() -> None:
    """Case D5."""
    world = watched(serving())
    world.edit(strategy=one_stage(minDuration="5m"))
    under_way(world, seconds=30)
    world.prometheus_up = False
    world.run(100)
    world.prometheus_up, world.unscraped = True, {"v1"}
    world.run(1)
    world.unscraped.clear()
    world.run(20)
    assert world.plan is not None
    assert world.plan.situation.reason == "Analysing", world.plan.situation.message


def test_no_requests_is_not_success() -> None:
    world = watched(serving())
    world.run(5)
    world.rate = 0
    world.ask("v2")
    world.run(600)
    assert world.share("v2") == 10
    assert not promoted(world)


def test_nothing_starts_before_stable_has_been_seen() -> None:
    world = watched(serving())
    world.rate = 0
    world.ask("v2")
    world.run(60)
    assert world.share("v1") == 100
    assert world.plan is not None
    assert world.plan.situation.standing == "InProgress"
    world.rate = 200
    world.run(90, until=promoted)
    assert promoted(world)


def test_a_template_that_does_not_exist_is_named_and_waited_for() -> None:
    world = watched(serving())
    metric = {**world.spec["analysis"]["metrics"][0], "template": "ours"}
    world.run(5)
    world.edit(analysis={"metrics": [metric]})
    world.ask("v2")
    world.run(60)
    assert world.share("v1") == 100
    assert world.plan is not None
    assert world.plan.situation.reason == "MetricInvalid"
    assert "'ours'" in world.plan.situation.message


TWICE = "the pod fraud-1-x is scraped more than once"


def test_nothing_starts_while_pods_are_scraped_twice() -> None:
    world = watched(serving(doubled=""))
    world.run(5)
    world.doubled = TWICE
    world.ask("v2")
    world.run(60)
    assert (world.share("v1"), promoted(world)) == (100, False)
    assert world.plan is not None
    assert world.plan.situation.reason == "MetricInvalid"
    assert f"the metric 'errors' cannot be judged: {TWICE}" in world.plan.situation.message
    world.doubled = ""
    world.run(120, until=promoted)
    assert promoted(world)


def test_a_stage_in_which_pods_are_scraped_twice_holds_until_they_are_not_and_then_counts_all_once() -> None:
    def rolled_out(*, twice: bool) -> World:
        world = watched(serving(error_rate={"v1": 0.01, "v2": 0.01}))
        world.edit(strategy=one_stage(minDuration="1h"))
        under_way(world, seconds=20)
        world.doubled = TWICE if twice else ""
        return world.run(120)

    held = rolled_out(twice=True)
    assert held.plan is not None
    assert held.plan.situation.reason == "MetricInvalid", held.plan.situation.message
    assert f"{TWICE}; no weight moves" in held.plan.situation.message
    assert held.status.analysis is not None
    assert "scraped more than once" in held.status.analysis.metrics[0].explanation
    assert held.share("v2") == 10
    held.doubled = ""
    held.run(20)
    assert ledger_of(held) == ledger_of(rolled_out(twice=False).run(20))


def test_no_evidence_is_drawn_from_pods_that_are_scraped_twice_and_a_bad_version_goes_back_once_they_are_not() -> None:
    world = watched(serving(error_rate={"v2": 0.2}))
    world.run(5)
    world.ask("v2")
    world.run(60, until=lambda w: w.share("v2") == 10)
    world.doubled = TWICE
    world.run(120)
    assert world.share("v2") == 10
    world.doubled = ""
    world.run(5, until=lambda w: w.share("v2") == 0)
    assert world.share("v2") == 0


def test_another_analysis_needs_evidence_of_its_own_and_another_weight_does_not() -> None:
    world = watched(serving())
    world.edit(strategy=one_stage(minDuration="1h"))
    under_way(world, seconds=30)
    before = ledger_of(world)
    world.edit(strategy=one_stage(minDuration="2h"))
    world.run(1)
    assert ledger_of(world).since == before.since
    world.edit(analysis=analysis(falseRollback="0.001"))
    world.run(1)
    after = ledger_of(world)
    assert after.since == world.now - 0.5
    assert after.metrics["errors"].candidate.total < 30
    world.restart()
    world.run(1)
    assert ledger_of(world).since == after.since


def test_a_retry_starts_with_empty_hands() -> None:
    world = watched(serving(error_rate={"v3": 0.1}))
    world.ask("v3")
    world.run(60)
    world.error_rate.clear()
    world.order("retry")
    world.run(60, until=lambda w: w.share("v3") == 10)
    assert ledger_of(world).metrics["errors"].candidate.total == 0


def test_the_first_stage_waits_for_the_past_of_stable_and_shows_the_plan_that_follows() -> None:
    world = watched(serving(foresight=None))
    world.run(5)
    world.ask("v2")
    world.run(30)
    assert world.share("v1") == 100
    assert world.plan is not None
    assert (world.plan.foresee, world.plan.situation.reason) == (True, "Planning")
    world.foresight = Foresight(plan=PlanStatus(summary="an equal version is promoted in 2 min"))
    world.run(60, until=lambda w: w.share("v2") == 10)
    assert world.status.plan == world.foresight.plan
    assert not world.plan.foresee
    world.run(90, until=promoted)
    assert world.status.plan is None


def test_an_ended_rollout_leaves_its_figures_and_no_memory() -> None:
    """Case B12."""
    world = watched(serving())
    world.run(5)
    world.ask("v2")
    world.run(120, until=promoted)
    assert world.ledger is None
    assert world.status.analysis is not None
    assert world.status.analysis.metrics[0].candidate.total > 0
    assert world.status.analysis.metrics[0].checkpoint == world.status.analysis.checkpoint == ""
