"""Would catch a gateway that does not apply its weight going unnoticed, or doubt before the grace is over."""

from math import exp, log

import pytest
from crossfade.decide.judge.rules import Rules
from crossfade.decide.judge.traffic import fold_traffic, mismatch
from crossfade.model.ledger import PodCount, TrafficLedger, Window
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from tests.unit.judge.builders import held_to

RULES = held_to(tolerance=0.2)
ODDS = [1.15 * (30 / 1.15) ** (i / 9) for i in range(10)]
SINCE = 1000.0


def requests(end: float, candidate: int, stable: int) -> Window:
    """The requests of either arm, over two pods each."""
    arms = [(PodCount("a", arm - arm // 3, ()), PodCount("b", arm // 3, ())) for arm in (stable, candidate)]
    return Window(end, arms[0], arms[1])


def split(*windows: Window, weight: int = 10, since: float = SINCE, rules: Rules = RULES) -> TrafficLedger:
    """The ledger after these windows, of which the first ends when the grace does unless it says otherwise."""
    ledger = TrafficLedger()
    for window in windows:
        ledger = fold_traffic(rules, ledger, weight, since, window)
    return ledger


def seen(candidate: int, stable: int, weight: int = 10, rules: Rules = RULES) -> TrafficLedger:
    """One window after the grace."""
    return split(requests(SINCE + 60, 9, 9), requests(SINCE + 75, candidate, stable), weight=weight, rules=rules)


def test_requests_are_counted_from_the_end_of_the_grace_on() -> None:
    ledger = TrafficLedger()
    counted = []
    for end in (1030.0, 1059.0, 1060.0, 1075.0, 1090.0):
        ledger = fold_traffic(RULES, ledger, 10, SINCE, requests(end, 10, 90))
        counted.append((ledger.end, ledger.candidate, ledger.total))
    # the window that began at 1060 ends at 1075; one that began before is not counted
    assert counted == [(1030.0, 0, 0), (1059.0, 0, 0), (1060.0, 0, 0), (1075.0, 10, 100), (1090.0, 20, 200)]


def test_the_first_window_began_nobody_knows_when() -> None:
    assert split(requests(9999.0, 10, 90)).total == 0


@pytest.mark.parametrize(("weight", "since"), [(25, SINCE), (10, SINCE + 30)])
def test_a_new_weight_or_acknowledgement_starts_afresh(weight: int, since: float) -> None:
    before = seen(0, 1000)
    assert mismatch(before)
    after = fold_traffic(RULES, before, weight, since, requests(SINCE + 90, 0, 1000))
    assert after == TrafficLedger(weight, since, SINCE + 90)


@pytest.mark.parametrize("weight", [0, 100])
def test_without_a_split_there_is_nothing_to_check(weight: int) -> None:
    assert seen(500, 500, weight) == TrafficLedger(weight, SINCE, SINCE + 75)


@pytest.mark.parametrize("weight", [1, 99])
def test_the_smallest_and_the_largest_split_are_checked(weight: int) -> None:
    assert seen(weight * 10, 1000 - weight * 10, weight).total == 1000
    assert mismatch(seen(500, 500, weight))


def test_the_evidence_is_the_ratio_of_two_binomial_laws() -> None:
    ends = ((0.12, +1), (0.08, -1))
    expected = []
    for end, side in ends:
        for odds in ODDS:
            share = end / (1 - end) * odds**side
            share /= 1 + share
            expected.append(binom.logpmf(17, 100, share) - binom.logpmf(17, 100, end))
    assert seen(17, 83).logs == pytest.approx(expected, rel=1e-9)


def test_windows_add_up() -> None:
    one = seen(17, 83)
    two = split(requests(SINCE + 60, 9, 9), requests(SINCE + 75, 17, 83), requests(SINCE + 90, 17, 83))
    assert two.logs == pytest.approx([2 * log_ratio for log_ratio in one.logs])


def test_the_tolerance_ends_short_of_everything() -> None:
    """95 % and a fifth more would be 114 %: above 99.9 % nothing is checked, below 76 % it still is."""
    assert not mismatch(seen(99_900, 100, 95))
    assert mismatch(seen(500, 500, 95))
    ratios = seen(999, 1, 95).logs[:10]
    shares = [999 * g / (1 + 999 * g) for g in ODDS]
    expected = [binom.logpmf(999, 1000, share) - binom.logpmf(999, 1000, 0.999) for share in shares]
    assert ratios == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("candidate", [0, 30, 190, 1000])
def test_a_split_that_is_not_applied_is_found_in_one_window_of_a_thousand(candidate: int) -> None:
    assert mismatch(seen(candidate, 1000 - candidate))


@pytest.mark.parametrize("candidate", [80, 100, 120])
def test_a_split_within_the_tolerance_is_not(candidate: int) -> None:
    assert not mismatch(seen(candidate * 100, 100_000 - candidate * 100))


def test_a_thousand_to_one_is_enough() -> None:
    assert mismatch(TrafficLedger(logs=(log(1000.0) + 1e-9,) * 20))
    assert not mismatch(TrafficLedger(logs=(log(1000.0) - 1e-9,) * 20))
    one_speaks = (log(20_000.0) + 1e-6, *(-1000.0,) * 19)
    assert mismatch(TrafficLedger(logs=one_speaks))
    assert not mismatch(TrafficLedger(logs=(log(20_000.0) - 1e-6, *(-1000.0,) * 19)))


@pytest.mark.parametrize(("weight", "requests_until"), [(1, 20_000), (5, 4_000), (10, 2_000), (50, 500)])
def test_a_split_that_was_wrong_for_hours_is_right_again_after_as_many_requests_as_that_takes(
    weight: int, requests_until: int
) -> None:
    ledger = seen(900_000, 100_000, weight)
    assert mismatch(ledger)
    right = requests(SINCE + 90, requests_until * weight // 100, requests_until * (100 - weight) // 100)
    assert not mismatch(fold_traffic(RULES, ledger, weight, SINCE, right))
    little = requests(SINCE + 90, max(weight * requests_until // 1_000, 1), (100 - weight) * requests_until // 1_000)
    assert mismatch(fold_traffic(RULES, ledger, weight, SINCE, little)), "nor by a few that happen to be right"


def test_evidence_ends_where_no_bet_needs_more() -> None:
    assert max(seen(900_000, 100_000).logs) == pytest.approx(log(20 * 1000.0**2))


def test_evidence_of_other_bets_is_refused_and_not_cut() -> None:
    ledger = TrafficLedger(10, SINCE, SINCE + 60, logs=(0.0,) * 19)
    with pytest.raises(ValueError, match="zip"):
        fold_traffic(RULES, ledger, 10, SINCE, requests(SINCE + 75, 17, 83))


def test_before_the_first_request_counts_nothing_is_wrong() -> None:
    assert not mismatch(TrafficLedger())


@given(st.integers(1, 99), st.integers(1, 40), st.floats(0.0, 1.0), st.integers(1, 60))
@settings(max_examples=60)
def test_evidence_is_not_expected_above_one_while_the_split_is_within_the_tolerance(
    weight: int, tolerance: int, where: float, total: int
) -> None:
    rules = held_to(tolerance=tolerance / 100)
    low, high = weight / 100 * (1 - tolerance / 100), min(weight / 100 * (1 + tolerance / 100), 0.999)
    chances = binom.pmf(range(total + 1), total, low + where * (high - low))
    expected = [0.0] * 20
    for candidate, chance in enumerate(chances):
        logs = seen(candidate, total - candidate, weight, rules).logs
        expected = [e + chance * exp(one) for e, one in zip(expected, logs, strict=True)]
    assert max(expected) <= 1 + 1e-9
