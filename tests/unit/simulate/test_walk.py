"""Would catch simulated rollouts that climb their ladder otherwise than the operator's: promises about nobody."""

from dataclasses import replace
from typing import Any, Literal

import pytest
from crossfade.api.v1alpha1.analysis import Analysis
from crossfade.api.v1alpha1.strategy import Stage
from crossfade.simulate.fleet import BLOCK, simulate, simulate_all
from crossfade.simulate.scenario import Scenario
from crossfade.simulate.service import Regression, Service
from crossfade.simulate.summary import quantiles, summary
from crossfade.simulate.walk import Run

NO_PROOF = {"relative": {"rollbackAbove": 10, "promoteWithin": 11}}
QUICK_PROOF = {"absolute": {"max": "0.5"}}
THRESHOLD = {"rule": {"max": "1", "violations": 1, "windows": 2}}


def stage(weight: int, least: str = "1m", most: str | None = None, then: str = "Hold") -> Stage:
    return Stage.model_validate(
        {"name": f"at-{weight}", "weight": weight, "minDuration": least, "maxDuration": most, "onInconclusive": then}
    )


def scenario(objective: dict[str, Any], *stages: Stage, **more: Any) -> Scenario:
    metrics = [{"name": "errors", "template": "mlserver/errors", "objective": objective}]
    given = {"templates": {"errors": "ratio"}, "horizon": 600.0, "calibrated": False, **more}
    return Scenario(Analysis.model_validate({"metrics": metrics}), stages, **given)


def ends(runs: list[Run]) -> set[tuple[str, float, int]]:
    return {(run.end, run.at, run.stage) for run in runs}


def test_a_proven_candidate_waits_for_each_stages_least_time() -> None:
    runs = simulate(scenario(QUICK_PROOF, stage(10, "1m"), stage(50, "2m")), 20)
    assert ends(runs) == {("Promoted", 180.0, 1)}
    assert not any(run.unproven for run in runs)


@pytest.mark.parametrize(
    ("then", "end", "at"),
    [("Advance", "Promoted", 120.0), ("Rollback", "RolledBack", 120.0), ("Hold", "Undecided", 600.0)],
)
def test_without_proof_a_stage_ends_as_it_asks_for(then: str, end: str, at: float) -> None:
    runs = simulate(scenario(NO_PROOF, stage(10, most="2m", then=then)), 20)
    assert ends(runs) == {(end, at, 0)}
    assert all(run.unproven == (then == "Advance") for run in runs)


def test_a_regression_ends_the_rollout_at_once_and_what_it_cost_is_counted() -> None:
    runs = simulate(scenario(NO_PROOF, stage(10, "5m"), regression=Regression(20), service=Service(50)), 40)
    assert {run.end for run in runs} == {"RolledBack"}
    assert max(run.at for run in runs) <= 60
    for run in runs:
        assert run.requests == pytest.approx(5 * run.at, rel=0.35)
        assert run.bad - run.beyond == pytest.approx(run.requests * 0.01)


def test_a_split_that_is_not_applied_is_doubted_after_the_grace_and_never_promoted() -> None:
    runs = simulate(scenario(QUICK_PROOF, stage(10, "5m"), service=Service(100, applied=0.0)), 20)
    assert {run.doubted for run in runs} == {75.0}
    assert {run.end for run in runs} == {"Undecided"}


def test_a_plain_threshold_is_taken_to_be_kept() -> None:
    metrics = [
        {"name": "memory", "gauge": {"series": "m"}, "objective": THRESHOLD, "role": "Guardrail"},
        {"name": "errors", "template": "mlserver/errors", "objective": QUICK_PROOF},
    ]
    one = replace(scenario(QUICK_PROOF, stage(10)), analysis=Analysis.model_validate({"metrics": metrics}))
    assert ends(simulate(one, 10)) == {("Promoted", 60.0, 0)}


def test_the_same_seed_gives_the_same_runs_on_any_number_of_processes_and_another_seed_others() -> None:
    one = scenario(NO_PROOF, stage(10, most="5m", then="Advance"), regression=Regression(5))
    runs = simulate(one, BLOCK + 20, seed=1, processes=1)
    assert simulate(one, BLOCK + 20, seed=1, processes=2) == runs
    assert simulate(one, BLOCK + 20, seed=2, processes=1) != runs
    assert runs[:20] != runs[BLOCK:], "blocks have numbers of their own"
    assert simulate(one, BLOCK, seed=1, processes=1) == runs[:BLOCK], "more runs leave the first ones as they were"


def test_scenarios_share_a_call_without_sharing_numbers() -> None:
    worse = scenario(NO_PROOF, stage(10, most="5m", then="Advance"), regression=Regression(20))
    same = replace(worse, regression=Regression())
    both = simulate_all([worse, same], 30)
    assert both == [simulate(worse, 30), simulate(same, 30)]


def test_a_summary_counts_one_end_and_takes_its_times_from_the_onset() -> None:
    def run(end: Literal["RolledBack", "Promoted", "Undecided"], at: float) -> Run:
        return Run(end, at, 0, 100, 7, 5.0, None, unproven=False)

    runs = [run("RolledBack", 100 + i) for i in range(1, 21)] + [run("Promoted", 50)] * 60
    told = summary(runs, "RolledBack", since=100)
    assert (told.runs, told.share, told.median, told.p95, told.bad, told.beyond) == (20, 0.25, 10, 19, 7, 5)
    assert told.share < told.upper < 0.35
    assert summary(runs, "Undecided").median is None
    assert quantiles([3.0]) == (3.0, 3.0)
