"""Would catch an interval that leaves out ratios the evidence has not refused, or one far wider than it need be."""

from math import exp, inf, log
from typing import Any

import numpy as np
import pytest
from crossfade.decide.judge import interval
from crossfade.decide.judge.interval import ratio_interval
from crossfade.model.ledger import Stratum
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import logsumexp

GRID = np.geomspace(1.15, 100, 20)
FEW = Stratum(10, 1000, 9000, (20.0,), (30.0,))
SOME = Stratum(25, 3000, 9000, (17.5,), (40.0,))


def refused(strata: list[Stratum], log_ratio: float, side: int) -> float:
    """log odds against "the ratio is at most this" (side 1) or "at least this" (side -1), averaged over the grid."""
    odds = np.zeros(20)
    for one in strata:
        (ours,), (theirs,) = one.candidate, one.stable
        null = np.exp(log_ratio) * one.candidate_total / (np.exp(log_ratio) * one.candidate_total + one.stable_total)
        other = np.exp(log_ratio) * GRID**side * one.candidate_total
        other = other / (other + one.stable_total)
        odds += ours * np.log(other / null) + theirs * np.log((1 - other) / (1 - null))
    return float(logsumexp(odds) - log(20))


def exact(strata: list[Stratum], confidence: float) -> tuple[float, float]:
    """Where the evidence against the ratio is just 2 / (1 - confidence), either way."""
    needed = log(2 / (1 - confidence))
    low = brentq(lambda at: refused(strata, at, 1) - needed, -9, 9)
    high = brentq(lambda at: refused(strata, at, -1) - needed, -9, 9)
    return float(np.exp(low)), float(np.exp(high))


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99, 0.9999])
@pytest.mark.parametrize("strata", [[FEW], [SOME], [FEW, SOME]])
def test_the_ends_are_where_the_evidence_refuses(strata: list[Stratum], confidence: float) -> None:
    low, high = ratio_interval(strata, 0, confidence)
    exact_low, exact_high = exact(strata, confidence)
    assert exact_low * 0.998 <= low <= exact_low * (1 + 1e-9)
    assert exact_high * (1 - 1e-9) <= high <= exact_high * 1.002


COUNT, EVENTS = st.integers(100, 10_000), st.integers(30, 300)


@given(st.lists(st.tuples(COUNT, COUNT, EVENTS, EVENTS), min_size=1, max_size=4))
@settings(max_examples=40)
def test_the_ends_are_exact_to_two_in_a_thousand_and_err_to_the_outside(
    counts: list[tuple[int, int, int, int]],
) -> None:
    strata = [Stratum(i, nc * 300, ns * 300, (ec,), (es,)) for i, (nc, ns, ec, es) in enumerate(counts)]
    low, high = ratio_interval(strata, 0, 0.99)
    needed = log(200)
    assert refused(strata, log(low), 1) >= needed - 1e-6
    assert refused(strata, log(low * 1.002), 1) < needed
    assert refused(strata, log(high), -1) >= needed - 1e-6
    assert refused(strata, log(high / 1.002), -1) < needed


def test_surer_is_wider() -> None:
    narrow, wide = ratio_interval([FEW], 0, 0.9), ratio_interval([FEW], 0, 0.99)
    assert wide[0] < narrow[0] < 6 < narrow[1] < wide[1]


def test_an_arm_without_bad_requests_leaves_its_side_open() -> None:
    low, high = ratio_interval([Stratum(10, 1000, 9000, (0.0,), (90.0,))], 0, 0.99)
    assert low == 0.0
    assert 0.5 < high < 1.5
    low, high = ratio_interval([Stratum(10, 1000, 9000, (20.0,), (0.0,))], 0, 0.99)
    assert 5 < low < 50
    assert high == inf


def test_without_a_bad_request_every_ratio_is_possible() -> None:
    assert ratio_interval([], 0, 0.99) == (0.0, inf)
    assert ratio_interval([Stratum(10, 1000, 9000, (0.0,), (0.0,))], 0, 0.99) == (0.0, inf)


def test_one_bad_request_says_next_to_nothing() -> None:
    assert ratio_interval([Stratum(10, 1, 9, (1.0,), (0.0,))], 0, 0.99) == (0.0, inf)


def test_a_stage_that_was_never_weighed_says_nothing() -> None:
    assert ratio_interval([FEW, Stratum(25)], 0, 0.99) == ratio_interval([FEW], 0, 0.99)


def test_the_bound_asked_for_is_the_one_compared() -> None:
    both = Stratum(10, 1000, 9000, (99.0, 20.0), (9.0, 30.0))
    assert ratio_interval([both], 1, 0.99) == ratio_interval([FEW], 0, 0.99)


def test_stages_of_different_weights_do_not_make_a_difference_of_their_own() -> None:
    """Simpson: both arms alike, but errors rose just when the candidate got more of the traffic."""
    quiet = Stratum(5, 3000, 57_000, (15.0,), (285.0,))
    busy = Stratum(50, 30_000, 30_000, (600.0,), (600.0,))
    low, high = ratio_interval([quiet, busy], 0, 0.99)
    assert low < 1 < high


def test_an_arm_without_requests_leaves_both_sides_open() -> None:
    assert ratio_interval([Stratum(10, 1000, 0, (20.0,), (0.0,))], 0, 0.99) == (0.0, inf)
    assert ratio_interval([Stratum(10, 0, 9000, (0.0,), (20.0,))], 0, 0.99) == (0.0, inf)


def test_the_search_starts_at_the_ratio_of_mantel_and_haenszel_with_half_an_event_more_in_each_arm() -> None:
    one, two = (1000, 20.0, 9000, 30.0), (3000, 17.5, 9000, 40.0)
    assert exp(interval._estimate([one])) == pytest.approx((20 * 0.9 + 0.5 * 0.9) / (30 * 0.1 + 0.5 * 0.1))
    above = 20 * 0.9 + 17.5 * 0.75 + 0.5 * 18_000 / 22_000
    below = 30 * 0.1 + 40 * 0.25 + 0.5 * 4_000 / 22_000
    assert exp(interval._estimate([one, two])) == pytest.approx(above / below)


class Counter:
    """How often the evidence was worked out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps, evidence = 0, interval._evidence

        def counted(*args: Any) -> float:
            self.steps += 1
            return evidence(*args)

        monkeypatch.setattr(interval, "_evidence", counted)

    def of(self, *strata: Stratum) -> int:
        self.steps = 0
        ratio_interval(strata, 0, 0.99)
        return self.steps


def test_where_no_end_can_be_found_none_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """One event wins at most the largest bet, log(100) of the log(200) that are needed."""
    counter = Counter(monkeypatch)
    assert counter.of(Stratum(10, 1000, 9000, (0.0,), (0.0,))) == 0
    assert counter.of(Stratum(10, 1000, 9000, (1.0,), (1.0,))) == 0


@pytest.mark.parametrize(
    ("strata", "steps"),
    [
        ([FEW], 6),
        ([SOME], 5),
        ([FEW, SOME], 6),
        ([Stratum(10, 1000, 9000, (0.0,), (90.0,))], 7),
        ([Stratum(10, 1000, 9000, (5.0,), (0.0,))], 5),
        ([Stratum(5, 300_000, 5_700_000, (3000.0,), (57_000.0,))], 13),
        ([Stratum(50, 500, 500, (2.0,), (3.0,))], 10),
        ([Stratum(10, 1000, 9000, (900.0,), (9.0,))], 8),
        ([Stratum(10, 1000, 9000, (2.0,), (900.0,))], 11),
    ],
)
def test_both_ends_are_found_in_a_few_steps(monkeypatch: pytest.MonkeyPatch, strata: list[Stratum], steps: int) -> None:
    """Halving would take fourteen for each: the root of the evidence is nearly a line."""
    assert Counter(monkeypatch).of(*strata) <= steps


def test_an_end_that_is_not_found_in_time_is_too_wide_and_never_too_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    exact_low, exact_high = exact([FEW, SOME], 0.99)
    for tries in range(1, 6):
        monkeypatch.setattr(interval, "_TRIES", tries)
        low, high = ratio_interval([FEW, SOME], 0, 0.99)
        assert low <= exact_low
        assert high >= exact_high
