"""Would catch a bad version taken for a bad day, a bad day that is none, or one that never ends."""

import pytest
from crossfade.decide.judge.rules import NOTHING_KNOWN, History
from crossfade.decide.judge.shock import calm_before, watched
from crossfade.model.ledger import Calm
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import poisson

CALM = Calm(bad=100, total=10_000)
USUAL, JUMP = (1000, 10), (1000, 100)
OURS_USUAL, OURS_JUMP = (100, 1), (100, 10)


def after(calm: Calm, *windows: tuple[tuple[int, int], tuple[int, int]]) -> Calm:
    for stable, candidate in windows:
        calm = watched(calm, stable, candidate)
    return calm


def test_both_arms_suddenly_worse_is_a_shock() -> None:
    assert watched(CALM, JUMP, OURS_JUMP) == Calm(100, 10_000, run=1, cooling=2)


def test_one_arm_alone_is_no_shock() -> None:
    assert watched(CALM, JUMP, OURS_USUAL) == Calm(200, 11_000)
    assert watched(CALM, USUAL, OURS_JUMP) == Calm(110, 11_000)


def test_a_candidate_without_bad_requests_has_not_jumped() -> None:
    assert watched(CALM, JUMP, (100, 0)) == Calm(200, 11_000)


def test_stable_alone_is_one_while_the_candidate_has_no_requests() -> None:
    assert watched(CALM, JUMP, (0, 0)).shaken


def test_calm_windows_are_learnt_from() -> None:
    assert after(CALM, (USUAL, OURS_USUAL), ((2000, 30), OURS_JUMP)) == Calm(140, 13_000)


def test_windows_of_a_shock_are_not_learnt_from() -> None:
    assert after(CALM, (JUMP, OURS_JUMP), (JUMP, OURS_JUMP)) == Calm(100, 10_000, run=2, cooling=2)


def test_it_cools_for_one_window_more() -> None:
    shaken = watched(CALM, JUMP, OURS_JUMP)
    first = watched(shaken, USUAL, OURS_USUAL)
    second = watched(first, USUAL, OURS_USUAL)
    third = watched(second, USUAL, OURS_USUAL)
    assert (first, second) == (Calm(110, 11_000, 0, 1), Calm(120, 12_000, 0, 0))
    assert [one.shaken for one in (shaken, first, second, third)] == [True, True, False, False]


def test_what_lasts_forty_windows_is_the_new_normal() -> None:
    before = after(CALM, *[(JUMP, OURS_JUMP)] * 39)
    assert before == Calm(100, 10_000, run=39, cooling=2)
    accepted = watched(before, JUMP, OURS_JUMP)
    assert accepted == Calm(100, 1000)
    assert watched(accepted, JUMP, OURS_JUMP) == Calm(200, 2000)


def test_a_run_is_of_windows_in_a_row() -> None:
    pause = (USUAL, OURS_USUAL)
    assert after(CALM, *[(JUMP, OURS_JUMP)] * 39, pause, (JUMP, OURS_JUMP)).run == 1


def test_the_candidate_jumps_along_from_twice_the_calm_rate_on() -> None:
    calm = Calm(bad=99, total=9999)  # (99 + 1/2) / 10,000 a request
    assert not watched(calm, (10_000, 400), (10_000, 198)).shaken
    assert watched(calm, (10_000, 400), (10_000, 199)).shaken


def test_of_nothing_known_nothing_is_a_shock() -> None:
    assert watched(Calm(), JUMP, OURS_JUMP) == Calm(100, 1000)


def test_no_requests_of_stable_are_no_shock() -> None:
    assert watched(CALM, (0, 0), OURS_JUMP) == CALM


@pytest.mark.parametrize("expected", [0.01, 0.1, 1.0, 5.0, 20.0])
def test_the_first_count_that_is_a_shock_is_the_first_below_one_in_a_million(expected: float) -> None:
    calm = Calm(bad=0, total=round(10**6 * 0.5 / expected) - 1)
    found = next(bad for bad in range(1, 200) if watched(calm, (10**6, bad), (0, 0)).shaken)
    assert poisson.sf(found - 1, expected) < 1e-6 <= poisson.sf(found - 2, expected)


def test_of_ten_requests_known_half_a_bad_one_is_expected_more() -> None:
    calm = Calm(bad=0, total=9)
    found = next(bad for bad in range(1, 200) if watched(calm, (100, bad), (0, 0)).shaken)
    assert poisson.sf(found - 1, 5.0) < 1e-6 <= poisson.sf(found - 2, 5.0)


@pytest.mark.parametrize("count", [3, 9, 30])
def test_the_tail_is_bounded_by_its_first_term_and_a_geometric_rest(count: int) -> None:
    def above(expected: float) -> float:
        return float(poisson.pmf(count, expected)) * (count + 1) / (count + 1 - expected) - 1e-6

    edge = brentq(above, 1e-6, count / 2)
    assert float(poisson.sf(count - 1, edge)) <= 1e-6
    for expected, shaken in ((edge * 0.9999, True), (edge * 1.0001, False)):
        calm = Calm(bad=0, total=round(10**12 * 0.5 / expected) - 1)
        assert watched(calm, (10**12, count), (0, 0)).shaken is shaken


def test_a_jump_of_many_must_be_more_than_double() -> None:
    calm = Calm(bad=100_000, total=1_000_000)
    expected = 100_000 * 100_000.5 / 1_000_001
    assert not watched(calm, (100_000, int(2 * expected)), (0, 0)).shaken
    assert watched(calm, (100_000, int(2 * expected) + 1), (0, 0)).shaken


def test_where_hardly_any_is_expected_more_than_two_must_fail() -> None:
    calm = Calm(bad=0, total=10**9)
    assert not watched(calm, (1000, 2), (0, 0)).shaken
    assert watched(calm, (1000, 3), (0, 0)).shaken


@given(
    st.integers(0, 10**6), st.integers(0, 10**9), st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**5)
)
def test_no_counts_are_too_large_or_too_small(seen: int, more: int, total: int, bad: int, ours: int) -> None:
    found = watched(Calm(seen, seen + more), (total, min(bad, total)), (ours, ours))
    assert found.cooling in (0, 2)


# --- what history says ---


def test_history_is_remembered_at_the_bound_that_is_watched() -> None:
    history = History(bounds=(0.1, 0.2), bad=(300, 30), total=3000)
    assert calm_before(history, (0.1, 0.2), 0) == Calm(300, 3000)
    assert calm_before(history, (0.1, 0.2), 1) == Calm(30, 3000)


def test_a_long_history_counts_as_a_hundred_thousand_requests() -> None:
    assert calm_before(History(bounds=(0.0,), bad=(20_000,), total=2_000_000), (0.0,), 0) == Calm(1000, 100_000)


def test_history_of_other_buckets_says_nothing() -> None:
    assert calm_before(History(bounds=(0.1, 0.5), bad=(300, 30), total=3000), (0.1, 0.2), 0) == Calm()
    assert calm_before(NOTHING_KNOWN, (), 0) == Calm()
