"""Would catch rivals that are made to look worse than they are: each rule on counts whose verdict is known by hand."""

import numpy as np
import pytest
from crossfade.simulate.rivals import Table, argo, counted, flagger, kayenta, rules_for, served, shifted_up, z_test
from crossfade.simulate.service import Regression
from crossfade.simulate.walk import walk
from statsmodels.stats.proportion import proportions_ztest

from bench.judge_bars import LONG, ladder, scenario

MINUTES = 40


def table(candidate_bad: list[int], candidate: int = 100, stable_bad: int = 1) -> Table:
    """One run of 15 s windows; what is given of the bad ones is followed by none."""
    windows = MINUTES * 4
    bad = np.array([candidate_bad + [0] * (windows - len(candidate_bad))])
    whole = np.ones((1, windows), dtype=int)
    return Table(whole * candidate, bad, whole * 1000, whole * stable_bad, 15.0)


def test_argo_aborts_at_the_fourth_failed_minute_however_far_apart_they_are() -> None:
    bad_minute, good_minute = [5] * 4, [0] * 4
    assert argo(table(bad_minute * 4), 0.99) == [240]
    assert argo(table((bad_minute + good_minute) * 4), 0.99) == [420]
    assert argo(table(bad_minute * 3), 0.99) == [np.inf]


def test_argo_sees_the_last_45_seconds_of_each_minute_and_takes_no_requests_for_a_failure() -> None:
    assert argo(table([50, 0, 0, 0] * MINUTES), 0.99) == [np.inf]
    assert argo(table([0, 0, 0, 50] * MINUTES), 0.99) == [240]
    assert argo(table([], candidate=0), 0.99) == [240]


def test_flagger_rolls_back_at_the_tick_after_the_fifth_failed_check() -> None:
    assert flagger(table([5] * 20), 0.99) == [360]
    assert flagger(table([5] * 16), 0.99) == [np.inf]


@pytest.mark.parametrize("bad", [0, 1, 2, 3])
def test_the_z_test_is_statsmodels(bad: int) -> None:
    one = table([bad] * MINUTES * 4)
    n, e, m, f = (int(column[0, :4].sum()) for column in (one.candidate, one.candidate_bad, one.stable, one.stable_bad))
    z, p = proportions_ztest([e, f], [n, m])
    assert z_test(one, 0.05, [60.0]) == [60 if z > 0 and p < 0.05 else np.inf]


def test_a_z_test_that_peeks_decides_at_its_first_hit() -> None:
    late = [0] * 40 + [9] * 120
    assert z_test(table(late), 0.05, [2400.0]) == [2400]
    peeking = z_test(table(late), 0.05, [60.0 * (i + 1) for i in range(MINUTES)])
    assert 600 < peeking[0] < 1200


def test_kayenta_judges_points_and_looks_every_ten_minutes() -> None:
    rng = np.random.default_rng(1)
    assert kayenta(table(rng.poisson(8, 160).tolist())) == [600]
    assert kayenta(table([0] * 160)) == [np.inf]
    assert not shifted_up(np.array([]), np.array([1.0]))
    assert not shifted_up(np.array([5.0]), np.array([1.0])), "too few points for an interval of 98 %"


def test_rivals_are_served_the_judges_own_numbers() -> None:
    one = scenario(regression=Regression(2), stages=ladder(10, least=LONG), horizon=120.0)
    seen = counted(one, "errors", 10, 3)
    runs = walk(one, 10, 3, 0)
    assert served(seen, np.full(10, 120.0)).tolist() == [run.bad for run in runs]
    assert seen.candidate.sum(axis=1).tolist() == [run.requests for run in runs]
    assert served(seen, np.full(10, 15.0)).tolist() == seen.candidate_bad[:, 0].tolist()


def test_thresholds_are_set_as_a_person_would_who_knows_the_base_rate() -> None:
    worse = table([3] * 40)  # 3 % of 100
    assert rules_for(0.01)["Argo Rollouts"](worse) == [240]
    fair = table([0, 1, 1, 2] * 10)  # 1.3 %
    assert rules_for(0.01)["Argo Rollouts"](fair) == [np.inf]
    assert rules_for(0.001)["Argo Rollouts"](fair) == [240]
