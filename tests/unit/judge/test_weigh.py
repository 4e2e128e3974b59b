"""Would catch a likelihood ratio that is off, prior mass spent twice, evidence that grows though nothing is worse."""

from dataclasses import replace
from math import comb, exp, log
from typing import Any

import numpy as np
import pytest
from crossfade.decide.judge.evidence import acceptance_evidence, regression_evidence
from crossfade.decide.judge.rules import History, MetricRules, Rules
from crossfade.decide.judge.weigh import dispersion, weigh
from crossfade.model.ledger import Calm, PodCount, Stratum, Totals, Window
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.judge.builders import BOUNDS, Arm, capped, counted, errors, folded, held_to, histogram, slower, window

RATIOS = [float(g) for g in np.geomspace(1.15, 100, 20)]
MILDER = (0.3, 0.5, 0.7, 0.85, 1.0)
LOWER = (0.05, 0.2, 0.4, 0.5, 0.6, 0.7)


def near(expected: object) -> object:
    return pytest.approx(expected, rel=1e-9, abs=1e-12)


def split(candidate: Arm, stable: Arm, rho: float, ratio: float) -> float:
    """How much likelier events fall on these arms if the candidate has `ratio` times stable's rate than `rho` times."""
    (ec, nc), (es, ns) = candidate, stable
    ours, theirs = ratio * nc / (ratio * nc + ns), rho * nc / (rho * nc + ns)
    return float((ours / theirs) ** ec * ((1 - ours) / (1 - theirs)) ** es)


def rate(bad: int, total: int, bound: float, times: float) -> float:
    """How much likelier so many are at `times` the bound than at the bound, by Poisson's law."""
    return float(times**bad * exp(-total * bound * (times - 1)))


def uncapped(metric: MetricRules) -> Rules:
    """Rules by which one window may say all it has to."""
    return held_to(metric, threshold=1e24)


# --- what one window adds ---


def test_a_window_counts_which_arm_the_bad_requests_fell_on() -> None:
    found = folded(uncapped(errors()), window((5, 100), (9, 900)))
    assert found.worse[0] == near([0.5 * split((5, 100), (9, 900), 1.1, 1.1 * g) for g in RATIOS])
    assert [exp(one) for one in found.milder[0]] == near([split((5, 100), (9, 900), 1.5, r) for r in MILDER])


def test_a_window_counts_how_far_the_candidate_is_from_the_floor() -> None:
    found = folded(uncapped(errors(floor=0.02)), window((5, 100), (9, 900)))
    assert found.over_floor == near([0.5 * rate(5, 100, 0.02, g) for g in RATIOS])
    assert [exp(one) for one in found.lower] == near([rate(5, 100, 0.02, g) for g in LOWER])
    assert found.over_limit == (0.0,) * 20


def test_a_window_counts_how_far_the_candidate_is_from_the_limit() -> None:
    found = folded(uncapped(capped(0.03)), window((5, 100), (9, 900)))
    assert found.over_limit == near([0.5 * rate(5, 100, 0.03, g) for g in RATIOS])
    assert [exp(one) for one in found.lower] == near([rate(5, 100, 0.03, g) for g in LOWER])
    assert (found.worse, found.milder, found.over_floor) == (((0.0,) * 20,), ((0.0,) * 5,), (0.0,) * 20)


def test_beside_a_margin_the_limit_leaves_the_proof_to_the_floor() -> None:
    found = folded(uncapped(errors(floor=0.02, limit=0.03)), window((5, 100), (9, 900)))
    assert found.over_limit == near([0.5 * rate(5, 100, 0.03, g) for g in RATIOS])
    assert [exp(one) for one in found.lower] == near([rate(5, 100, 0.02, g) for g in LOWER])


def test_without_a_margin_no_floor_is_weighed() -> None:
    assert folded(uncapped(capped(floor=0.01)), window((5, 100), (9, 900))).over_floor == (0.0,) * 20


def test_windows_multiply() -> None:
    rules = held_to(errors(), planned=6)
    found = folded(rules, window((1, 100), (3, 900)), window((2, 50), (4, 500), end=30.0))
    first, second = (
        [split(*arms, 1.1, 1.1 * g) for g in RATIOS] for arms in (((1, 100), (3, 900)), ((2, 50), (4, 500)))
    )
    assert found.worse[0] == near([(0.5 * a + 0.1) * b for a, b in zip(first, second, strict=True)])


# --- prior mass ---


def test_half_of_the_mass_starts_at_once_and_the_rest_over_the_planned_windows() -> None:
    rules = held_to(errors(), planned=6)
    left = [folded(rules, *[window((0, 1), (0, 1))] * looks).left for looks in range(9)]
    assert left == near([1.0, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0, 0.0])


@given(st.integers(2, 300), st.integers(1, 400))
@settings(max_examples=30)
def test_windows_without_events_leave_the_evidence_at_one(planned: int, looks: int) -> None:
    metric = errors(floor=None)
    found = folded(held_to(metric, planned=planned), *[window((0, 7), (0, 9))] * looks)
    assert found.looks == looks
    assert regression_evidence(metric, found) == near(1.0)


def test_one_window_counts_no_more_than_the_root_of_the_threshold() -> None:
    found = folded(held_to(errors(limit=0.02), threshold=900.0), window((100, 100), (0, 900)))
    assert max(found.worse[0]) == max(found.over_floor) == max(found.over_limit) == near(0.5 * 30)


@given(st.integers(2, 40), st.floats(10.0, 1e4))
@settings(max_examples=30)
def test_no_fewer_than_three_windows_decide(planned: int, threshold: float) -> None:
    rules = held_to(errors(), planned=planned, threshold=threshold)
    awful = window((1000, 1000), (0, 9000))
    assert not folded(rules, awful, awful).crossed
    assert folded(rules, awful, awful, awful).crossed


# --- noise between pods ---


def test_noise_between_pods_weakens_every_ratio() -> None:
    noisy = History(kappa=0.5)
    busy = (PodCount("a", 60, (3,)), PodCount("b", 40, (2,)), PodCount("idle", 0, (0,)))
    seen = replace(window((0, 0), (9, 900)), candidate=busy)
    found = folded(uncapped(errors(limit=0.02, history=noisy)), seen)
    arms = (5, 100), (9, 900)
    phi = 1 + 0.5 * (14 * 110 / 1010) / 2
    assert found.worse[0] == near([0.5 * split(*arms, 1.1, 1.1 * g) ** (1 / phi) for g in RATIOS])
    phi = 1 + 0.5 * (14 * 150 / 1050) / 2
    assert [exp(one) for one in found.milder[0]] == near([split(*arms, 1.5, r) ** (1 / phi) for r in MILDER])
    phi = 1 + 0.5 * (100 * 0.01) / 2
    assert found.over_floor == near([0.5 * rate(5, 100, 0.01, g) ** (1 / phi) for g in RATIOS])
    assert [exp(one) for one in found.lower] == near([rate(5, 100, 0.01, g) ** (1 / phi) for g in LOWER])
    phi = 1 + 0.5 * (100 * 0.02) / 2
    assert found.over_limit == near([0.5 * rate(5, 100, 0.02, g) ** (1 / phi) for g in RATIOS])
    phi = 1 + 0.5 * (14 * 100 / 1000) / 2
    assert found.strata == (Stratum(10, 100, 900, near((5 / phi,)), near((9 / phi,))),)  # type: ignore[arg-type]


def test_a_pod_of_one_request_is_a_pod() -> None:
    pods = PodCount("a", 99, (5,)), PodCount("b", 1, (0,))
    found = folded(
        uncapped(capped(0.02, history=History(kappa=0.5))), replace(window((0, 0), (9, 900)), candidate=pods)
    )
    phi = 1 + 0.5 * (100 * 0.02) / 2
    assert found.over_limit == near([0.5 * rate(5, 100, 0.02, g) ** (1 / phi) for g in RATIOS])


def test_noise_weakens_the_proof_below_a_limit() -> None:
    found = folded(uncapped(capped(0.02, history=History(kappa=0.5))), window((1, 100), (9, 900)))
    phi = 1 + 0.5 * (100 * 0.02)
    assert [exp(one) for one in found.lower] == near([rate(1, 100, 0.02, g) ** (1 / phi) for g in LOWER])


def test_the_larger_of_both_models_of_noise_counts() -> None:
    assert dispersion(History(kappa=0.5, phi=1.5), expected=4.0, pods=2) == 2.0
    assert dispersion(History(kappa=0.5, phi=2.5), expected=4.0, pods=2) == 2.5
    assert dispersion(History(), expected=4.0, pods=2) == 1.0


# --- the limit and what stable does ---


def test_a_limit_that_stable_breaks_as_well_is_no_evidence() -> None:
    metric = capped(0.02)
    found = folded(held_to(metric), window((50, 100), (19, 900)))
    assert found.over_limit == (0.5,) * 20
    assert regression_evidence(metric, found) == near(1.0)


def test_a_limit_that_stable_just_keeps_counts() -> None:
    assert folded(held_to(capped(0.02)), window((50, 100), (18, 900))).over_limit[-1] > 0.5


# --- an arm without requests, other buckets, impossible counts ---


def test_without_requests_of_the_candidate_nothing_is_spent() -> None:
    found = folded(held_to(errors()), window((0, 0), (9, 900), end=30.0))
    assert found == counted(end=30.0, looks=0, stable=Totals(900, (9,)), candidate=Totals(0, (0,)), calm=Calm(9, 900))
    assert found.left == 1.0


def test_without_requests_of_stable_the_bounds_still_count() -> None:
    found = folded(uncapped(errors()), window((5, 100), (0, 0)))
    assert found.worse[0] == near((0.5,) * 20)
    assert found.over_floor == near([0.5 * rate(5, 100, 0.01, g) for g in RATIOS])


def test_an_arm_without_pods_did_nothing() -> None:
    found = folded(held_to(errors()), Window(15.0, (), ()))
    assert (found.stable, found.candidate, found.looks) == (Totals(0, (0,)), Totals(0, (0,)), 0)


def test_other_buckets_are_a_fault_and_count_for_nothing() -> None:
    rules = held_to(slower())
    before = folded(rules, histogram((10, 5, 2, 1, 0), (90, 50, 20, 10, 0)))
    other = histogram((10, 5, 2, 1), (90, 50, 20, 10), end=30.0, bounds=(0.1, 0.2, 0.5))
    found = folded(rules, other, ledger=before)
    assert found == replace(before, end=30.0, fault="the histogram's buckets are not those of before")
    healed = folded(rules, histogram((10, 5, 2, 1, 0), (90, 50, 20, 10, 0), end=45.0), ledger=found)
    assert (healed.fault, healed.end, healed.stable.total) == ("", 45.0, 180)


def test_a_window_that_cannot_be_compared_counts_for_nothing() -> None:
    rules = held_to(errors())
    before = folded(rules, window((5, 100), (9, 900)))
    found = folded(rules, window((50, 100), (9, 900), end=30.0, fault="pods disagree"), ledger=before)
    assert found == replace(before, end=30.0, fault="pods disagree")
    for candidate in ((0, 0), (5, 100)):
        assert folded(rules, window(candidate, (9, 900), end=45.0), ledger=found).fault == ""


def test_pods_are_added_up_and_never_more_are_bad_than_there_were() -> None:
    stable = (PodCount("a", 10, (3,)), PodCount("b", 5, (4,)))
    found = folded(held_to(errors()), Window(15.0, stable, (PodCount("c", 4, (9,)),)))
    assert (found.stable, found.candidate) == (Totals(15, (7,)), Totals(4, (4,)))
    more = folded(held_to(errors()), Window(30.0, stable, (PodCount("c", 4, (1,)),)), ledger=found)
    assert (more.stable, more.candidate, more.end, more.looks) == (Totals(30, (14,)), Totals(8, (5,)), 30.0, 2)


def test_pods_of_different_buckets_in_one_window_are_refused_and_not_cut() -> None:
    odd = replace(window(), stable=(PodCount("a", 10, (3, 2)), PodCount("b", 5, (4,))))
    with pytest.raises(ValueError, match="zip"):
        folded(held_to(errors()), odd)


@pytest.mark.parametrize(
    "changed", [{"worse": ((0.0,) * 20,) * 2}, {"strata": (Stratum(10, 9, 9, (1.0, 1.0), (1.0,)),)}]
)
def test_a_ledger_of_other_bounds_is_refused_and_not_cut(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="zip"):
        folded(held_to(errors()), window((5, 100), (9, 900)), ledger=counted(**changed))


# --- stages ---


def test_the_windows_of_one_stage_are_one_stratum() -> None:
    seen = [window((1, 10), (2, 90), weight=w) for w in (10, 10, 25, 10)]
    assert folded(held_to(errors()), *seen).strata == (
        Stratum(10, 20, 180, (2.0,), (4.0,)),
        Stratum(25, 10, 90, (1.0,), (2.0,)),
        Stratum(10, 10, 90, (1.0,), (2.0,)),
    )


def test_a_stage_goes_on_beside_those_before_it() -> None:
    seen = [window((1, 10), (2, 90), weight=w) for w in (5, 10, 25, 25)]
    assert [(one.weight, one.candidate_total) for one in folded(held_to(errors()), *seen).strata] == [
        (5, 10),
        (10, 10),
        (25, 20),
    ]


def test_no_more_than_sixteen_strata_are_kept() -> None:
    strata = folded(held_to(errors()), *[window((1, 10), (2, 90), weight=w) for w in range(1, 21)]).strata
    assert [one.weight for one in strata] == list(range(5, 21))


def test_more_bounds_leave_room_for_fewer_strata() -> None:
    steps = tuple(0.1 * (j + 1) for j in range(9))
    known = History(bounds=steps, bad=(500,) * 9, total=1000)
    seen = [replace(histogram((9,) * 10, (9,) * 10, bounds=steps), weight=w) for w in range(1, 9)]
    found = folded(held_to(slower(history=known)), *seen)
    assert len(found.used) == 8
    assert [one.weight for one in found.strata] == [4, 5, 6, 7, 8]
    assert all(len(one.candidate) == 8 for one in found.strata)


# --- latency ---

SEEN = (400, 240, 120, 40, 4)
"""Stable: 60 %, 30 %, 10 % and 1 % of the requests beyond 0.1, 0.2, 0.4, 0.8 s."""


def test_latency_is_not_weighed_before_two_hundred_requests_of_stable_are_known() -> None:
    rules = held_to(slower())
    early = folded(rules, histogram((50, 30, 15, 5, 0), SEEN))
    assert (early.used, early.looks, early.left, early.stable.total, early.calm) == ((), 0, 1.0, 400, Calm())
    assert early.candidate == Totals(50, (30, 15, 5, 0))
    later = folded(rules, histogram((50, 30, 15, 5, 0), SEEN, end=30.0), ledger=early)
    assert (later.used, later.looks, later.left) == ((1, 2, 3), 1, 0.5)


def test_history_is_as_good_as_waiting() -> None:
    known = History(bounds=BOUNDS, bad=SEEN[1:], total=SEEN[0])
    assert folded(held_to(slower(history=known)), histogram((50, 30, 15, 5, 0), (450, 270, 135, 45, 4))).looks == 1


def test_each_bound_is_weighed_by_its_own_counts_and_margin() -> None:
    rules = held_to(slower(worse=2.0, enough=4.0))
    found = folded(rules, histogram((0, 0, 0, 0, 0), SEEN), histogram((50, 32, 18, 9, 2), (100, 60, 30, 10, 1)))
    # twice as slow: beyond 0.2 s falls what was beyond 0.1 s; four times: beyond 0.4 s; before 0.1 s is all
    worse = {1: 2.0, 2: 3.0, 3: 10.0}
    enough = {1: 1 / 0.3, 2: 6.0, 3: 30.0}
    ours, theirs = (32, 18, 9, 2), (60, 30, 10, 1)
    for sums, logs, j in zip(found.worse, found.milder, (1, 2, 3), strict=True):
        arms = (ours[j], 50), (theirs[j], 100)
        assert sums == near([0.5 * min(split(*arms, worse[j], worse[j] * g), 10.0) for g in RATIOS])
        assert [exp(one) for one in logs] == near([split(*arms, enough[j], r) for r in MILDER])


def test_margins_of_a_window_do_not_know_the_window() -> None:
    rules = held_to(slower(worse=2.0, enough=4.0))
    before = folded(rules, histogram((0, 0, 0, 0, 0), SEEN))
    slow, quick = (100, 100, 90, 80, 10), (100, 10, 5, 3, 1)
    ours = (50, 32, 18, 9, 2)
    after = [folded(rules, histogram(ours, stable), ledger=before) for stable in (slow, quick)]
    for found, stable in zip(after, (slow, quick), strict=True):
        expected = [0.5 * min(split((9, 50), (stable[3], 100), 3.0, 3.0 * g), 10.0) for g in RATIOS]
        assert found.worse[1] == near(expected)


def test_a_limit_of_latency_is_weighed_at_its_own_bound() -> None:
    metric = slower(worse=None, enough=None, limit=0.05, edge=0.4)
    found = folded(uncapped(metric), histogram((100, 90, 50, 8, 1), (900, 500, 300, 40, 0)))
    assert (found.used, found.looks) == ((2,), 1)
    assert found.over_limit == near([0.5 * rate(8, 100, 0.05, g) for g in RATIOS])
    assert [exp(one) for one in found.lower] == near([rate(8, 100, 0.05, g) for g in LOWER])


def test_a_limit_of_latency_needs_no_slow_request_of_stable() -> None:
    metric = slower(worse=None, enough=None, limit=0.01, edge=0.8)
    rules = held_to(metric)
    quick, slow = (900, 0, 0, 0, 0), (100, 100, 100, 100, 100)
    assert folded(rules, *[histogram(slow, quick)] * 3).crossed
    assert acceptance_evidence(metric, folded(rules, *[histogram((100, 0, 0, 0, 0), quick)] * 10)) > log(20)


def test_a_limit_without_its_bucket_is_not_weighed() -> None:
    metric = slower(worse=None, enough=None, limit=0.05, edge=0.5)
    found = folded(held_to(metric), histogram((100, 90, 50, 8, 1), (900, 500, 300, 40, 0)))
    assert (found.used, found.looks, found.lower) == ((), 0, (0.0,) * 6)


def test_beside_a_margin_a_limit_without_its_bucket_leaves_the_rest_alone() -> None:
    rules = held_to(slower(limit=0.05, edge=0.5))
    found = folded(rules, histogram((0, 0, 0, 0, 0), SEEN), histogram((50, 32, 18, 9, 2), SEEN))
    assert (found.looks, found.over_limit) == (1, (0.0,) * 20)
    assert found.worse[0] != (0.0,) * 20


# --- calm ---


def test_the_slowest_watched_bound_tells_what_is_calm() -> None:
    rules = held_to(slower())
    found = folded(rules, histogram((0, 0, 0, 0, 0), SEEN), histogram((0, 0, 0, 0, 0), (100, 60, 30, 10, 2)))
    assert found.calm == Calm(2, 100)


def test_calm_begins_with_the_history_of_the_watched_bound() -> None:
    known = History(bounds=BOUNDS, bad=(2400, 1200, 400, 40), total=4000)
    found = folded(held_to(slower(history=known)), histogram((0, 0, 0, 0, 0), (100, 60, 30, 10, 2)))
    assert found.calm == Calm(42, 4100)


def test_a_jump_of_both_arms_shakes_and_one_of_the_candidate_does_not() -> None:
    rules = held_to(errors())
    calm = folded(rules, window((1, 100), (9, 900)))
    assert folded(rules, window((50, 100), (450, 900)), ledger=calm).calm.shaken
    assert not folded(rules, window((50, 100), (9, 900)), ledger=calm).calm.shaken
    assert not folded(rules, window((1, 100), (450, 900)), ledger=calm).calm.shaken


# --- what makes it a test: no evidence is expected to grow when nothing is worse ---

STARTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=3)
SIZES = st.tuples(st.integers(1, 6), st.integers(0, 8))
SHARE = st.floats(0.0, 1.0)


def expected(metric: MetricRules, start: list[Arm], sizes: tuple[int, int], rates: tuple[float, float]) -> float:
    """Evidence as it is expected after one more window at these true rates, exactly, over the evidence before it."""
    (nc, ns), (candidate, stable) = sizes, rates
    rules = held_to(metric, threshold=1e4)
    before, total = folded(rules, *[window((ec, 6), (es, 6)) for ec, es in start]), 0.0
    for ec in range(nc + 1):
        for es in range(ns + 1):
            chance = comb(nc, ec) * candidate**ec * (1 - candidate) ** (nc - ec)
            chance *= comb(ns, es) * stable**es * (1 - stable) ** (ns - es)
            total += chance * regression_evidence(metric, weigh(rules, metric, before, window((ec, nc), (es, ns))))
    return total / regression_evidence(metric, before)


@given(STARTS, SIZES, SHARE, SHARE, st.floats(0.0, 2.0))
@settings(max_examples=80)
def test_evidence_against_stable_is_not_expected_to_grow(
    start: list[Arm], sizes: tuple[int, int], stable: float, share: float, kappa: float
) -> None:
    rates = min(share * 1.1 * stable, 1.0), stable
    assert expected(errors(floor=None, history=History(kappa=kappa)), start, sizes, rates) <= 1 + 1e-9


@given(STARTS, SIZES, SHARE, SHARE, st.floats(0.01, 0.6))
@settings(max_examples=80)
def test_evidence_against_a_limit_is_not_expected_to_grow_whatever_stable_does(
    start: list[Arm], sizes: tuple[int, int], stable: float, share: float, limit: float
) -> None:
    assert expected(capped(limit), start, sizes, (share * limit, stable)) <= 1 + 1e-9


@given(STARTS, SIZES, SHARE, SHARE, st.floats(0.01, 0.6))
@settings(max_examples=80)
def test_evidence_of_margin_and_limit_together_is_not_expected_to_grow(
    start: list[Arm], sizes: tuple[int, int], stable: float, share: float, limit: float
) -> None:
    rates = min(share * 1.1 * stable, share * limit), stable
    assert expected(errors(floor=None, limit=limit), start, sizes, rates) <= 1 + 1e-9
