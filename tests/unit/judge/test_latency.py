"""Would catch bounds that say nothing being watched, or a margin of time that becomes a wrong ratio of requests."""

from itertools import pairwise
from math import sqrt

import pytest
from crossfade.decide.judge.latency import chosen_bounds, tail_margins
from hypothesis import given
from hypothesis import strategies as st

TEN = tuple(float(j) for j in range(1, 11))


def test_bounds_are_watched_from_two_in_a_thousand_to_six_in_ten() -> None:
    beyond = (901, 601, 600, 2, 1, 0)
    assert chosen_bounds(TEN[:6], beyond, 1000) == (2, 3)


def test_nothing_is_chosen_before_two_hundred_requests() -> None:
    assert chosen_bounds((0.1, 0.2), (60, 50), 199) == ()
    assert chosen_bounds((0.1, 0.2), (60, 50), 200) == (1,)


def test_the_lowest_bound_is_never_watched() -> None:
    assert chosen_bounds((0.1, 0.2), (500, 400), 1000) == (1,)


def test_eight_bounds_are_all_watched() -> None:
    assert chosen_bounds(TEN[:9], (100,) * 9, 1000) == tuple(range(1, 9))


def test_of_more_than_eight_bounds_eight_are_spread_evenly() -> None:
    assert chosen_bounds(TEN, (900, *range(500, 410, -10)), 1000) == (1, 2, 3, 4, 6, 7, 8, 9)


@given(st.integers(9, 200))
def test_the_spread_keeps_both_ends_and_leaves_no_gap_twice_as_wide(fit: int) -> None:
    bounds = tuple(float(j) for j in range(fit + 2))
    found = chosen_bounds(bounds, (1000, *[100] * fit, 0), 1000)
    gaps = [b - a for a, b in pairwise(found)]
    assert (len(found), found[0], found[-1]) == (8, 1, fit)
    assert max(gaps) - min(gaps) <= 1


BOUNDS = (0.1, 0.2, 0.4, 0.8)
BEYOND = (600, 300, 100, 0)


def margins(slower: float, used: tuple[int, ...] = (0, 1, 2, 3), beyond: tuple[int, ...] = BEYOND) -> tuple[float, ...]:
    return tail_margins(BOUNDS, beyond, 1000, used, slower)


def test_where_a_bound_falls_on_another_the_margin_is_the_ratio_of_their_tails() -> None:
    assert margins(2.0, (1, 2)) == pytest.approx((2.0, 3.0), rel=1e-12)
    assert margins(4.0, (2,)) == pytest.approx((6.0,), rel=1e-12)


def test_between_two_bounds_the_tail_is_a_line_on_logarithms_of_both() -> None:
    # 0.4 / sqrt(2) is the middle of 0.2 and 0.4 by logarithms, where the tail is the root of 0.3 * 0.1
    assert margins(sqrt(2), (2,)) == pytest.approx((sqrt(0.3 * 0.1) / 0.1,), rel=1e-12)
    # three quarters of the way from 0.2 down to 0.1
    assert margins(2**0.75, (1,)) == pytest.approx((0.6**0.75 * 0.3**0.25 / 0.3,), rel=1e-12)


def test_below_the_first_bound_all_requests_are_taken_to_go_beyond() -> None:
    assert margins(1.5, (0,)) == pytest.approx((1 / 0.6,), rel=1e-12)
    assert margins(100.0, (1, 2)) == pytest.approx((1 / 0.3, 10.0), rel=1e-12)


def test_towards_a_bound_that_nothing_went_beyond_the_tail_stays_as_before_it() -> None:
    assert tail_margins((0.1, 0.2, 0.4), (500, 400, 0), 1000, (2,), 1.1) == pytest.approx((0.4 / 1e-12,))


def test_the_last_bound_is_like_the_others() -> None:
    assert tail_margins((0.1, 0.2), (500, 250), 1000, (1,), sqrt(2)) == pytest.approx((sqrt(2),), rel=1e-12)


def test_a_faster_tail_than_asked_is_no_margin_below_one() -> None:
    assert tail_margins((0.1, 0.2), (250, 300), 1000, (1,), 2.0) == (1.0,)


def test_who_may_be_faster_has_no_margin_below_one_either() -> None:
    assert margins(0.5) == (1.0,) * 4


@pytest.mark.parametrize(
    ("bounds", "beyond"), [((0.0, 0.4), (900, 300)), ((-1.0, 0.4), (900, 300)), ((0.1, 0.4), (0, 300))]
)
def test_a_histogram_that_makes_no_sense_does_not_stop_the_judge(
    bounds: tuple[float, ...], beyond: tuple[int, ...]
) -> None:
    assert tail_margins(bounds, beyond, 1000, (1,), 2.0) == pytest.approx((max(1.0, beyond[0] / 300),))


@given(st.floats(1.0, 50.0), st.floats(1.0, 2.0), st.lists(st.integers(1, 1000), min_size=4, max_size=4))
def test_more_time_is_never_a_smaller_margin(slower: float, more: float, beyond: list[int]) -> None:
    tails = tuple(sorted(beyond, reverse=True))
    for less, greater in zip(margins(slower, beyond=tails), margins(slower * more, beyond=tails), strict=True):
        assert 1.0 <= less <= greater * (1 + 1e-12)
