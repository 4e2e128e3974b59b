"""Would catch a verdict whose sentence says something else than its figures, or says it in words nobody can follow."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf, log
from typing import Any

import numpy as np
import pytest
from crossfade.api.v1alpha1.analysis import Analysis
from crossfade.api.v1alpha1.rollout import AnalysisStatus, ArmCount
from crossfade.api.v1alpha1.strategy import Stage
from crossfade.decide.judge import describe
from crossfade.decide.judge.describe import analysis_status, pooled_ratio
from crossfade.decide.judge.engine import fold, judge
from crossfade.decide.judge.figures import figure, number, odds, period, share
from crossfade.decide.judge.kernel import GRID, LOWER, MILDER
from crossfade.decide.judge.rules import Rules, rules_of
from crossfade.model.ledger import (
    Calm,
    Ledger,
    MetricLedger,
    PodCount,
    Stratum,
    Totals,
    TrafficLedger,
    Window,
)
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import StratifiedTable

_BEGAN = 1_700_000_000.0  # 22:13:20 UTC
_BOUNDS = (0.1, 0.25, 0.5, 1.0)

ERRORS: dict[str, Any] = {
    "name": "errors",
    "ratio": {"bad": "b", "total": "t"},
    "objective": {"relative": {"rollbackAbove": 10, "promoteWithin": 50}},
}
CAPPED = {**ERRORS, "objective": {"absolute": {"max": "0.02"}}}
SLOWER = {"name": "p99", "latency": {"buckets": "b"}, "objective": {"relative": {"slowerBy": 10}}}
MEMORY = {
    "name": "gpu-memory",
    "gauge": {"series": "g"},
    "objective": {"rule": {"max": "95"}},
    "role": "Guardrail",
}

Arm = tuple[int, int]
"""(bad, all)"""


def tail(limit: str) -> dict[str, Any]:
    return {**SLOWER, "objective": {"absolute": {"quantile": "0.99", "max": limit}}}


def counted(candidate: Arm, stable: Arm, worse: float = 1.0, enough: float = 0.5, floor: float = 0.01) -> MetricLedger:
    """A ledger of bad requests with these odds: that it is worse, within the ratio, and below floor or limit."""
    (bad, total), (stable_bad, stable_total) = candidate, stable
    return MetricLedger(
        end=_BEGAN + 60,
        looks=4,
        left=0.0,
        bounds=(0.0,),
        used=(0,),
        worse=((worse,) * len(GRID),),
        over_floor=(worse,) * len(GRID),
        over_limit=(worse,) * len(GRID),
        milder=((log(enough),) * len(MILDER),),
        lower=(log(floor),) * len(LOWER),
        stable=Totals(stable_total, (stable_bad,)),
        candidate=Totals(total, (bad,)),
        strata=(Stratum(10, total, stable_total, (float(bad),), (float(stable_bad),)),) if total else (),
        crossed=_BEGAN + 45 if worse >= 100 else 0.0,
    )


def timed(
    candidate: tuple[int, ...], total: int, stable: tuple[int, ...], all_stable: int, worse: Sequence[float] = (1.0,)
) -> MetricLedger:
    """A ledger of latencies that watches 250 ms and 500 ms; `worse` are the odds at them, those of good enough 40:1."""
    return replace(
        counted((0, total), (0, all_stable), enough=40, floor=40),
        bounds=_BOUNDS,
        used=(1, 2),
        worse=tuple((one,) * len(GRID) for one in (*worse, *worse)[:2]),
        over_limit=(max(worse),) * len(GRID),
        milder=((log(40),) * len(MILDER),) * 2,
        stable=Totals(all_stable, stable),
        candidate=Totals(total, candidate),
        strata=(Stratum(10, total, all_stable, tuple(map(float, candidate[1:3])), tuple(map(float, stable[1:3]))),),
        crossed=_BEGAN + 45 if sum((*worse, *worse)[:2]) >= 200 else 0.0,
    )


def gauge(rule: dict[str, Any], *values: float | None) -> MetricLedger:
    """Scrapes of a gauge, through the engine."""
    rules = _rules([ERRORS, {**MEMORY, "objective": {"rule": rule}}])
    ledger = MetricLedger(end=_BEGAN)
    for index, value in enumerate(values):
        ledger = fold(rules, "gpu-memory", ledger, Window(_BEGAN + 15 * (index + 1), (), (), value=value))
    return ledger


def told(
    metrics: Sequence[dict[str, Any]],
    ledgers: dict[str, MetricLedger],
    silent: Sequence[str] = (),
    traffic: TrafficLedger | None = None,
) -> AnalysisStatus:
    rules, ledger = _rules(metrics), Ledger(ledgers, traffic or TrafficLedger())
    return analysis_status(rules, ledger, judge(rules, ledger, frozenset(silent)), _BEGAN + 600)


def _rules(metrics: Sequence[dict[str, Any]]) -> Rules:
    return rules_of(Analysis.model_validate({"metrics": list(metrics)}), [Stage(name="ten", weight=10)], 15.0)


WORSE = counted((23, 451), (40, 4080), worse=4812.0)
SAME = counted((4, 451), (40, 4080), enough=2.2)


def test_a_regression_names_counts_ratio_interval_evidence_and_harm() -> None:
    status = told([ERRORS], {"errors": WORSE})
    assert status.verdict == "Rollback"
    assert status.explanation == (
        "errors: the candidate failed 5.1% (23 of 451), stable 0.98% (40 of 4,080): 5.2 times as often "
        "(99% interval 1.8 to 13.8; allowed 1.1). Evidence 4,800:1 of the 100:1 needed. 23 bad answers served."
    )


def test_the_figures_are_those_of_the_sentence() -> None:
    (metric,) = told([ERRORS], {"errors": WORSE}).metrics
    assert (metric.state, metric.ratio, metric.low, metric.high) == ("Regressed", "5.2", "1.79", "13.8")
    assert (metric.evidence, metric.threshold) == ("4812", "100")
    assert (metric.candidate.bad, metric.candidate.total) == (23, 451)
    assert (metric.stable.bad, metric.stable.total) == (40, 4080)


def test_a_regression_stays_told_when_the_evidence_has_fallen_since() -> None:
    ledger = replace(counted((1, 451), (40, 4080), worse=0.39), crossed=_BEGAN + 45)
    assert told([ERRORS], {"errors": ledger}).explanation == (
        "errors: the candidate failed 0.22% (1 of 451), stable 0.98% (40 of 4,080): 0.23 times as often "
        "(99% interval 0 to 2.3; allowed 1.1). The evidence reached the 100:1 needed at 22:14:05 UTC; "
        "it is 0.39:1 now. 1 bad answer served."
    )


def test_failures_that_stable_never_had_have_no_upper_end() -> None:
    status = told([ERRORS], {"errors": counted((9, 675), (0, 6120), worse=326)})
    assert status.explanation == (
        "errors: the candidate failed 1.3% (9 of 675), stable 0% (0 of 6,120): stable never did "
        "(99% interval 9.3 to unbounded; allowed 1.1). Evidence 326:1 of the 100:1 needed. 9 bad answers served."
    )
    assert (status.metrics[0].ratio, status.metrics[0].high) == ("unbounded", "unbounded")


def test_a_ratio_is_that_of_the_stages_however_the_weights_changed() -> None:
    """Ten times the candidate's share in a stage that is bad for both: pooled over all, it would look worse."""
    strata = (Stratum(5, 1000, 19000, (10.0,), (190.0,)), Stratum(50, 10000, 10000, (1000.0,), (1000.0,)))
    ledger = replace(counted((1010, 11000), (1190, 29000)), strata=strata)
    assert told([ERRORS], {"errors": ledger}).metrics[0].ratio == "1"


def test_good_enough_says_within_what() -> None:
    status = told([ERRORS], {"errors": counted((40, 4500), (400, 40800), enough=50.5)})
    assert status.verdict == "Advance"
    assert status.explanation == (
        "errors: within 1.5 times stable (evidence 25:1 of the 20:1 needed): the candidate failed 0.89% (40 of 4,500), "
        "stable 0.98% (400 of 40,800): 0.91 times as often (99% interval 0.44 to 1.7; allowed 1.1)."
    )


def test_good_enough_by_the_floor_says_so() -> None:
    assert told([ERRORS], {"errors": counted((0, 9000), (0, 81600), floor=60)}).explanation == (
        "errors: below 0.1%, too little to matter (evidence 30:1 of the 20:1 needed): the candidate failed "
        "0% (0 of 9,000), stable 0% (0 of 81,600)."
    )


def test_undecided_says_how_far_it_is_both_ways() -> None:
    ledger = counted((20, 2250), (200, 20400), worse=0.48, enough=11.0)
    assert told([ERRORS], {"errors": ledger}).explanation == (
        "errors: undecided: the candidate failed 0.89% (20 of 2,250), stable 0.98% (200 of 20,400): "
        "0.91 times as often (99% interval 0.32 to 2.0; allowed 1.1). Evidence that it is worse 0.48:1 of the 100:1 "
        "needed, that it is good enough 5.5:1 of the 20:1 needed; about 2,000 more requests of the candidate would do "
        "if it goes on like this."
    )


def test_too_little_to_forecast_says_so() -> None:
    assert told([ERRORS], {"errors": counted((6, 450), (40, 4080), worse=0.58, enough=0.64)}).explanation == (
        "errors: undecided: the candidate failed 1.3% (6 of 450), stable 0.98% (40 of 4,080): 1.4 times as often "
        "(99% interval 0.18 to 5.4; allowed 1.1). Evidence that it is worse 0.58:1 of the 100:1 needed, that it is "
        "good enough 0.32:1 of the 20:1 needed; neither is in sight yet."
    )


def test_an_arm_without_requests_is_told() -> None:
    status = told([ERRORS], {"errors": counted((0, 0), (3, 2040))})
    assert status.explanation == "errors: undecided: the candidate had no requests yet."
    status = told([ERRORS], {"errors": counted((3, 20), (0, 0))})
    assert "the candidate failed 15.0% (3 of 20), stable had no requests" in status.explanation
    status = told([SLOWER], {"p99": timed((9, 5, 1, 0), 10, (0, 0, 0, 0), 0)})
    assert "10.0% of the candidate's 10 requests took longer than 500 ms, stable had none" in status.explanation


def test_a_metric_that_has_begun_and_counted_nothing_is_undecided() -> None:
    status = told([ERRORS], {"errors": MetricLedger(end=_BEGAN)})
    assert (status.verdict, status.explanation) == (
        "Continue",
        "errors: undecided: the candidate had no requests yet.",
    )


def test_a_metric_never_seen_has_no_data() -> None:
    status = told([ERRORS], {})
    assert status.verdict == "Hold"
    assert status.explanation == "errors: no samples of both versions yet, so nothing is concluded."


def test_of_what_was_not_counted_status_shows_no_figures() -> None:
    silent = told([ERRORS, MEMORY], {"gpu-memory": gauge({"max": "95"}, 90)}).metrics
    nothing = ArmCount(bad=0, total=0)
    for metric in silent:
        assert (metric.stable, metric.candidate, metric.ratio, metric.low, metric.high) == (
            nothing,
            nothing,
            *[None] * 3,
        )
    assert [(metric.evidence, metric.threshold) for metric in silent] == [("1", "100"), (None, None)]


def test_silence_says_since_when() -> None:
    status = told([ERRORS], {"errors": SAME}, silent=["errors"])
    assert status.explanation == "errors: no samples of both versions since 22:14:20 UTC, so nothing is concluded."


def test_an_absolute_limit_is_told_without_stable() -> None:
    assert told([CAPPED], {"errors": counted((60, 675), (60, 6120), worse=240)}).explanation == (
        "errors: the candidate failed 8.9% (60 of 675), stable 0.98% (60 of 6,120); at most 2% is allowed, "
        "whatever stable does. Evidence 240:1 of the 100:1 needed. 60 bad answers served."
    )
    assert told([CAPPED], {"errors": counted((4, 900), (80, 8160), floor=35.5)}).explanation == (
        "errors: below the 2% allowed (evidence 35:1 of the 20:1 needed): the candidate failed 0.44% (4 of 900), "
        "stable 0.98% (80 of 8,160); at most 2% is allowed, whatever stable does."
    )


def test_beside_a_ratio_the_limit_is_told_when_it_is_what_was_broken() -> None:
    both = {**ERRORS, "objective": {**ERRORS["objective"], "absolute": {"max": "0.02"}}}
    ledger = replace(counted((60, 675), (60, 6120), worse=240), over_limit=(900.0,) * len(GRID))
    assert "whatever stable does" in told([both], {"errors": ledger}).explanation
    ledger = replace(ledger, over_limit=(100.0,) * len(GRID))
    assert "allowed 1.1" in told([both], {"errors": ledger}).explanation
    ledger = replace(ledger, over_limit=(240.0,) * len(GRID), over_floor=(240.0,) * len(GRID))
    assert "allowed 1.1" in told([both], {"errors": ledger}).explanation
    ledger = replace(ledger, over_limit=(200.0,) * len(GRID), over_floor=(30.0,) * len(GRID))
    assert "whatever stable does" in told([both], {"errors": ledger}).explanation


def test_beside_a_ratio_the_limit_is_not_told_while_nothing_is_broken() -> None:
    both = {**ERRORS, "objective": {"relative": {"rollbackAbove": 10}, "absolute": {"max": "0.02"}}}
    assert "allowed 1.1)" in told([both], {"errors": SAME}).explanation
    nearly = replace(SAME, over_limit=(99.0,) * len(GRID))
    assert "allowed 1.1)" in told([both], {"errors": nearly}).explanation


def test_beside_a_margin_of_time_a_broken_limit_is_told_at_its_own_bound() -> None:
    aims = {"relative": {"slowerBy": 10}, "absolute": {"quantile": "0.99", "max": "1s"}}
    ledger = replace(timed((90, 60, 30, 20), 100, (90, 60, 30, 2), 900, worse=(1.0,)), over_limit=(900.0,) * len(GRID))
    status = told([{**SLOWER, "objective": aims}], {"p99": replace(ledger, crossed=_BEGAN + 45)})
    assert "took longer than 1 s" in status.explanation


def test_a_stage_that_was_never_weighed_changes_no_ratio() -> None:
    ledger = replace(WORSE, strata=(*WORSE.strata, Stratum(25)))
    assert told([ERRORS], {"errors": ledger}).metrics[0].ratio == "5.2"


def test_a_slower_candidate_is_told_in_time_at_the_bound_that_shows_it_best() -> None:
    ledger = timed((120, 72, 18, 3), 339, (900, 153, 30, 6), 3060, worse=(12000, 4600))
    assert told([SLOWER], {"p99": ledger}).explanation == (
        "p99: 21.2% of the candidate's 339 requests took longer than 250 ms, 5.0% of stable's 3,060: "
        "4.2 times as many (99% interval 2.4 to 7.4); at most 10% slower is allowed. "
        "Evidence 8,300:1 of the 100:1 needed. 72 slow answers served."
    )
    ledger = timed((120, 72, 18, 3), 339, (900, 153, 30, 6), 3060, worse=(4600, 12000))
    assert "5.3% of the candidate's 339 requests took longer than 500 ms" in told([SLOWER], {"p99": ledger}).explanation


def test_a_candidate_as_fast_is_told_in_time() -> None:
    ledger = timed((900, 150, 30, 0), 3390, (9000, 1530, 300, 60), 30600)
    assert told([SLOWER], {"p99": ledger}).explanation == (
        "p99: less than 50% slower than stable (evidence 40:1 of the 20:1 needed): 0.88% of the candidate's "
        "3,390 requests took longer than 500 ms, 0.98% of stable's 30,600: 0.9 times as many "
        "(99% interval 0.39 to 1.8); at most 10% slower is allowed."
    )


def test_latencies_not_known_yet_are_undecided() -> None:
    ledger = replace(timed((6, 2, 2, 0), 26, (6, 2, 2, 0), 40), used=(), worse=(), strata=())
    assert told([SLOWER], {"p99": ledger}).explanation == (
        "p99: undecided: 7.7% of the candidate's 26 requests took longer than 500 ms, 5.0% of stable's 40; "
        "at most 10% slower is allowed; 200 requests of stable are needed to know its latencies."
    )


def test_a_latency_limit_is_told_at_its_own_bound() -> None:
    ledger = timed((120, 60, 36, 0), 452, (1200, 204, 8, 8), 4080, worse=(326,))
    assert told([tail("500ms")], {"p99": ledger}).explanation == (
        "p99: 8.0% of the candidate's 452 requests took longer than 500 ms, 0.2% of stable's 4,080; at most 1% is "
        "allowed beyond 500 ms, whatever stable does. Evidence 326:1 of the 100:1 needed. 36 slow answers served."
    )
    ledger = timed((120, 60, 36, 0), 452, (1200, 204, 8, 8), 4080)
    assert told([tail("500ms")], {"p99": ledger}).explanation.startswith("p99: below the 1% allowed beyond 500 ms (")


def test_a_limit_at_a_bound_that_is_not_watched_has_no_interval() -> None:
    (metric,) = told([tail("1s")], {"p99": timed((9, 5, 4, 3), 452, (90, 50, 8, 8), 4080)}).metrics
    assert (metric.ratio, metric.low, metric.high) == (None, None, None)
    assert (metric.candidate.bad, metric.stable.bad) == (3, 8)


def test_a_limit_between_two_buckets_names_them() -> None:
    status = told([tail("300ms")], {"p99": timed((30, 5, 1, 0), 113, (300, 51, 10, 2), 1020)})
    assert status.verdict == "Hold"
    assert status.explanation == (
        "p99: its histogram has no bucket that ends at 300 ms, so the limit cannot be judged; the nearest end at "
        "250 ms and 500 ms. Set `max` to one of them, or add the bucket."
    )


def test_a_limit_beyond_all_buckets_names_the_last() -> None:
    status = told([tail("2s")], {"p99": timed((30, 5, 1, 0), 113, (300, 51, 10, 2), 1020)})
    assert status.explanation == (
        "p99: its histogram has no bucket that ends at 2 s, so the limit cannot be judged; the nearest ends at 1 s. "
        "Set `max` to one of them, or add the bucket."
    )


def test_other_buckets_than_before_are_not_compared() -> None:
    rules, before = _rules([SLOWER]), timed((30, 5, 1, 0), 113, (300, 51, 10, 2), 1020)
    arms = (PodCount("stable-0", 1020, (300, 51, 10)),), (PodCount("candidate-0", 113, (30, 5, 1)),)
    ledger = fold(rules, "p99", before, Window(_BEGAN + 75, *arms, _BOUNDS[:3], weight=10))
    assert told([SLOWER], {"p99": ledger}).explanation == (
        "p99: the histogram's buckets are not those of before, so nothing is compared. "
        "All pods of both versions must have the same buckets throughout."
    )


def test_a_broken_threshold_is_told_in_scrapes() -> None:
    ledgers = {"errors": SAME, "gpu-memory": gauge({"max": "95"}, 90, 97.2, 93, 96, 97.2)}
    assert told([ERRORS, MEMORY], ledgers).explanation == "gpu-memory: 97.2 was above 95 in 3 of the last 5 scrapes."


def test_a_threshold_kept_to_says_of_how_many() -> None:
    ledgers = {"errors": SAME, "gpu-memory": gauge({"max": "95"}, *[91.234567] * 6)}
    assert told([ERRORS, MEMORY], ledgers).metrics[1].explanation == (
        "gpu-memory: 91.23, at most 95 is allowed: broken in 0 of the last 5 scrapes, and 3 would be too many."
    )


def test_a_threshold_below_which_it_fell_is_told() -> None:
    rule = {"min": "0.5", "max": "2", "violations": 1, "windows": 2}
    metric = {**MEMORY, "objective": {"rule": rule}}
    status = told([ERRORS, metric], {"errors": SAME, "gpu-memory": gauge(rule, 0.25)})
    assert status.explanation == "gpu-memory: 0.25 was below 0.5 in 1 of the last 1 scrape."


def test_a_threshold_broken_before_a_gap_is_still_told() -> None:
    ledgers = {"errors": SAME, "gpu-memory": gauge({"max": "95"}, 97, 97.2, 98, 90, None)}
    assert told([ERRORS, MEMORY], ledgers).explanation == (
        "gpu-memory: 90, at most 95 is allowed, which was broken in 3 of the last 4 scrapes."
    )


def test_a_threshold_not_looked_at_for_long_enough_is_undecided() -> None:
    ledgers = {"errors": SAME, "gpu-memory": gauge({"max": "95"}, 97, 90)}
    assert told([ERRORS, MEMORY], ledgers).metrics[1].explanation == (
        "gpu-memory: undecided: 90, at most 95 is allowed: broken in 1 of 2 scrapes so far, and 5 are looked at."
    )


def test_a_shock_says_that_both_arms_jumped() -> None:
    status = told([ERRORS], {"errors": replace(SAME, calm=Calm(40, 4080, 1, 2))})
    assert status.verdict == "Hold"
    assert status.explanation == (
        "both arms jumped at the same time, far above what stable usually does (errors: 0.98%), so nothing is "
        "concluded."
    )


def test_a_weight_that_was_not_applied_is_told_as_such() -> None:
    status = told([ERRORS], {"errors": SAME}, traffic=TrafficLedger(10, 1, 2, 0, 1930, (50.0,) * 20))
    assert status.verdict == "Hold"
    assert status.explanation == (
        "0 of 1,930 requests reached the candidate, expected 10%: the gateway has not applied the weight, "
        "or nobody scrapes the candidate, so nothing is concluded."
    )


def test_another_split_than_asked_for_is_told_as_such() -> None:
    status = told([ERRORS], {"errors": SAME}, traffic=TrafficLedger(10, 1, 2, 60, 1930, (50.0,) * 20))
    assert status.explanation == (
        "60 of 1,930 requests (3.1%) reached the candidate, expected 10% (8% to 12%): the split is not what was "
        "asked for, so nothing is concluded."
    )


def test_a_metric_that_only_observes_is_told_and_decides_nothing() -> None:
    status = told([{**ERRORS, "role": "Observe"}, {**ERRORS, "name": "other"}], {"errors": WORSE, "other": SAME})
    assert status.verdict == "Continue"
    assert status.metrics[0].state == "Regressed"
    assert status.metrics[0].explanation.endswith("23 bad answers served. Shown only; it decides nothing.")
    assert "errors:" not in status.explanation


def test_all_metrics_that_decided_are_named_together() -> None:
    status = told([ERRORS, {**ERRORS, "name": "other"}], {"errors": WORSE, "other": WORSE})
    first, second = (metric.explanation for metric in status.metrics)
    assert (first[:8], second[:7]) == ("errors: ", "other: ")
    assert status.explanation == f"{first} {second}"


def test_stages_are_pooled_as_mantel_and_haenszel_do() -> None:
    strata = (Stratum(5, 1000, 19_000, (30.0,), (190.0,)), Stratum(50, 10_000, 5_000, (900.0,), (300.0,)))
    tables = [
        [[one.candidate[0], one.candidate_total - one.candidate[0]], [one.stable[0], one.stable_total - one.stable[0]]]
        for one in strata
    ]
    oracle = StratifiedTable([np.array(table) for table in tables]).riskratio_pooled
    assert pooled_ratio(strata, 0) == pytest.approx(oracle)
    assert pooled_ratio((*strata, Stratum(70)), 0) == pytest.approx(oracle)
    assert pooled_ratio((Stratum(5, 1000, 19_000, (0.0,), (0.0,)),), 0) is None


def test_an_explanation_of_many_metrics_fits_its_field() -> None:
    many = [{**ERRORS, "name": f"errors-{index}"} for index in range(16)]
    status = told(many, {metric["name"]: WORSE for metric in many})
    assert len(status.explanation) == 1024
    assert status.explanation.endswith("…")


def test_only_what_is_too_long_is_cut() -> None:
    assert describe._short("x" * 1024) == "x" * 1024
    assert describe._short("x" * 1025) == "x" * 1023 + "…"


_COUNTS = st.tuples(*(st.integers(0, limit) for limit in (10**6, 10**6, 10**7, 10**7)))


@given(st.lists(_COUNTS, min_size=1, max_size=6))
def test_whatever_is_counted_can_be_told(counts: list[tuple[int, int, int, int]]) -> None:
    """AnalysisStatus refuses what is too long; nothing may read NaN or inf."""
    metrics = [ERRORS, {**CAPPED, "name": "capped"}]
    ledgers = {name: MetricLedger(end=_BEGAN) for name in ("errors", "capped")}
    for index, (total, bad, all_stable, stable_bad) in enumerate(counts):
        arms = (PodCount("stable-0", all_stable, (stable_bad,)),), (PodCount("candidate-0", total, (bad,)),)
        window = Window(_BEGAN + 15 * (index + 1), *arms, weight=10)
        ledgers = {name: fold(_rules(metrics), name, ledger, window) for name, ledger in ledgers.items()}
    status = told(metrics, ledgers)
    words = f"{status.explanation} {' '.join(metric.explanation for metric in status.metrics)}".lower().split()
    assert not {"nan", "inf", "nan:1", "inf:1", "none"} & set(words)


@given(st.floats(min_value=0, max_value=1e300))
def test_every_figure_fits_its_field(value: float) -> None:
    text = figure(value)
    assert text is not None
    assert 0 < len(text) <= 16
    assert abs(float(text) - value) <= 0.06 * value


@given(st.floats(min_value=0.01, max_value=9e5), st.floats(min_value=1, max_value=2))
def test_odds_never_claim_more_than_there_is(value: float, more: float) -> None:
    shown = float(odds(value).removesuffix(":1").replace(",", ""))
    assert shown <= value * (1 + 1e-9)
    assert shown <= float(odds(value * more).removesuffix(":1").replace(",", "") if value * more < 1e6 else "inf")


def test_numbers_read_well() -> None:
    assert [odds(value) for value in (4899, 199.99, 19.99, 1.36, 0.003, 0, 1e9)] == [
        "4,800:1",
        "199:1",
        "19:1",
        "1.3:1",
        "below 0.01:1",
        "below 0.01:1",
        "over a million:1",
    ]
    assert [number(value) for value in (0.62, 5.2345, 1240, 1e7, inf)] == [
        "0.62",
        "5.2",
        "1,240",
        "over a million",
        "unbounded",
    ]
    assert [share(*pair) for pair in ((23, 451), (40, 4080), (1, 10**7), (9999, 10000))] == [
        "5.1%",
        "0.98%",
        "0.00001%",
        "99.9%",
    ]
    assert [period(value) for value in (0.25, 1.5, 0.0005)] == ["250 ms", "1.5 s", "0.5 ms"]
    assert [figure(value) for value in (None, 4899.3, 0.0001, 1e9, inf)] == [
        None,
        "4899",
        "1.0e-04",
        "1.0e+09",
        "unbounded",
    ]
