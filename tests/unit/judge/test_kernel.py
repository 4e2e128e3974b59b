"""Would catch evidence whose expectation exceeds 1 when nothing is wrong: more false rollbacks than stated."""

from math import exp, inf, log

import numpy as np
import pytest
from crossfade.decide.judge.kernel import (
    GRID,
    LOWER,
    MILDER,
    MILDER_SHARES,
    above,
    below,
    log_mixed,
    milder_than,
    mixed,
    worse_than_stable,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, poisson

ONES = (1.0,) * len(GRID)
EVEN = (0.0,) * len(MILDER)
LEVEL = (0.0,) * len(LOWER)
ROUNDING = 1e-9

shares = st.floats(1e-4, 0.9)
kappas = st.sampled_from([0.0, 0.05, 0.25, 1.0, 4.0])
caps = st.sampled_from([500.0, log(100) / 2])


def _outcomes(nc: int, pc: float, ns: int, ps: float) -> list[tuple[float, int, int]]:
    """(probability, candidate bad, stable bad) of everything that two arms can show, by exact binomial laws."""
    ours, theirs = binom.pmf(np.arange(nc + 1), nc, pc), binom.pmf(np.arange(ns + 1), ns, ps)
    return [(float(a * b), ec, es) for ec, a in enumerate(ours) for es, b in enumerate(theirs) if a * b > 1e-15]


def _phi(kappa: float, expected: float) -> float:
    return 1 + kappa * expected


@settings(max_examples=60)
@given(st.integers(1, 12), st.integers(1, 30), shares, st.floats(1.0, 2.0), st.floats(0.01, 1.0), caps)
def test_a_candidate_within_its_margin_is_never_expected_to_look_worse(
    nc: int, ns: int, ps: float, rho: float, share_of_margin: float, cap: float
) -> None:
    """Exact sums over two binomial laws: every share of bad requests, not only rare ones."""
    pc = min(share_of_margin * rho * ps, 0.99)
    expected = np.zeros(len(GRID))
    for chance, ec, es in _outcomes(nc, pc, ns, ps):
        expected += chance * np.array(worse_than_stable(ONES, 0.0, rho, (nc, ec, ns, es), 1.0, cap))
    assert expected.max() <= 1 + ROUNDING


@settings(max_examples=60)
@given(st.integers(1, 12), st.integers(1, 30), shares, st.floats(1.05, 2.0), st.floats(1.0, 3.0))
def test_a_candidate_that_is_not_good_enough_is_never_expected_to_look_so(
    nc: int, ns: int, ps: float, rho: float, times_margin: float
) -> None:
    pc = min(rho * times_margin * ps, 0.99)
    ps = pc / (rho * times_margin)
    expected = np.zeros(len(MILDER))
    for chance, ec, es in _outcomes(nc, pc, ns, ps):
        expected += chance * np.exp(milder_than(EVEN, rho, (nc, ec, ns, es), 1.0))
    assert expected.max() <= 1 + ROUNDING


@settings(max_examples=100)
@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 40), st.floats(1.05, 2.0), kappas, caps)
def test_given_how_many_events_there_were_dispersion_that_depends_on_their_number_keeps_that(
    nc: int, ns: int, events: int, rho: float, kappa: float, cap: float
) -> None:
    """Exact for Poisson counts, of which the candidate's are then binomial."""
    share = rho * nc / (rho * nc + ns)
    phi = _phi(kappa, events * share)
    worse, milder = np.zeros(len(GRID)), np.zeros(len(MILDER))
    for ec, chance in enumerate(binom.pmf(np.arange(events + 1), events, share)):
        window = (nc, ec, ns, events - ec)
        worse += chance * np.array(worse_than_stable(ONES, 0.0, rho, window, phi, cap))
        milder += chance * np.exp(milder_than(EVEN, rho, window, phi))
    assert worse.max() <= 1 + ROUNDING
    assert milder.max() <= 1 + ROUNDING


@pytest.mark.parametrize("rho", [1.0, 1.1, 1.5, 2.0])
@pytest.mark.parametrize("requests", [(1, 1), (1, 3), (3, 2), (10, 40)])
def test_where_most_requests_fail_dispersion_costs_a_third_of_a_percent_at_most(
    requests: tuple[int, int], rho: float
) -> None:
    """Where counts are far from Poisson: windows of a few requests of which nearly all are bad."""
    nc, ns = requests
    for pc in (0.3, 0.9, 0.99):
        for kappa in (0.25, 1.0, 4.0):
            expected = np.zeros(len(GRID))
            for chance, ec, es in _outcomes(nc, pc, ns, pc / rho):
                phi = _phi(kappa, (ec + es) * rho * nc / (rho * nc + ns))
                expected += chance * np.array(worse_than_stable(ONES, 0.0, rho, (nc, ec, ns, es), phi, 500.0))
            assert expected.max() <= 1.0034


@settings(max_examples=60)
@given(st.integers(1, 200), shares, st.floats(0.01, 1.0), kappas, caps)
def test_a_candidate_below_a_bound_is_never_expected_to_look_above_it(
    total: int, bound: float, share_of_bound: float, kappa: float, cap: float
) -> None:
    phi, p = _phi(kappa, total * bound), bound * share_of_bound
    expected = sum(
        chance * np.array(above(ONES, 0.0, bound, total, bad, phi, cap))
        for bad, chance in enumerate(binom.pmf(np.arange(total + 1), total, p))
    )
    assert np.max(expected) <= 1 + ROUNDING


@settings(max_examples=60)
@given(st.integers(1, 200), st.floats(1e-4, 0.5), st.floats(1.0, 1.9), kappas)
def test_a_candidate_above_a_bound_is_never_expected_to_look_below_it(
    total: int, bound: float, times_bound: float, kappa: float
) -> None:
    phi, p = _phi(kappa, total * bound), bound * times_bound
    expected = sum(
        chance * np.exp(below(LEVEL, bound, total, bad, phi))
        for bad, chance in enumerate(binom.pmf(np.arange(total + 1), total, p))
    )
    assert np.max(expected) <= 1 + ROUNDING


def test_on_the_margin_the_expectation_of_poisson_counts_is_one_exactly() -> None:
    """A ratio that is too cautious would pass all tests above, and find nothing."""
    nc, ns, rate, rho = 100, 300, 0.02, 1.1
    bad = range(40)
    expected = sum(
        float(poisson.pmf(ec, nc * rate * rho) * poisson.pmf(es, ns * rate))
        * np.array(worse_than_stable(ONES, 0.0, rho, (nc, ec, ns, es), 1.0, inf))[:8]
        for ec in bad
        for es in bad
    )
    assert expected == pytest.approx(np.ones(8), abs=1e-3)


@settings(max_examples=100)
@given(st.integers(9, 5000), st.integers(9, 5000), st.integers(0, 4), st.integers(0, 4), st.floats(1.0, 2.0))
def test_one_more_bad_request_of_the_candidate_is_more_evidence_and_one_of_stable_less(
    nc: int, ns: int, ec: int, es: int, rho: float
) -> None:
    def worse(more_ec: int, more_es: int) -> tuple[float, ...]:
        return worse_than_stable(ONES, 0.0, rho, (nc, ec + more_ec, ns, es + more_es), 1.0, inf)

    assert all(more > before > less for more, before, less in zip(worse(1, 0), worse(0, 0), worse(0, 1), strict=True))


@settings(max_examples=100)
@given(st.integers(9, 5000), st.integers(9, 5000), st.integers(0, 4), st.integers(0, 4), st.floats(1.1, 2.0))
def test_one_more_bad_request_of_the_candidate_is_less_proof_and_one_of_stable_more(
    nc: int, ns: int, ec: int, es: int, rho: float
) -> None:
    def milder(more_ec: int, more_es: int) -> tuple[float, ...]:
        return milder_than(EVEN, rho, (nc, ec + more_ec, ns, es + more_es), 1.0)

    assert all(
        less < before < more for less, before, more in zip(milder(1, 0), milder(0, 0), milder(0, 1), strict=True)
    )


@settings(max_examples=100)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 20), st.integers(0, 20), st.integers(2, 50))
def test_only_the_arms_shares_of_the_requests_count_not_how_many_there_were(
    nc: int, ns: int, ec: int, es: int, times: int
) -> None:
    """Shared shocks cancel: the ratio asks on which arm an event fell, given that it fell."""
    one = worse_than_stable(ONES, 0.0, 1.1, (nc, ec, ns, es), 1.0, inf)
    assert worse_than_stable(ONES, 0.0, 1.1, (nc * times, ec, ns * times, es), 1.0, inf) == pytest.approx(one, rel=1e-9)


def test_dispersion_takes_the_root_of_a_window_and_the_cap_ends_it() -> None:
    window = (100, 9, 900, 4)
    plain = np.array(worse_than_stable(ONES, 0.0, 1.1, window, 1.0, inf))
    assert np.array(worse_than_stable(ONES, 0.0, 1.1, window, 3.0, inf)) == pytest.approx(plain ** (1 / 3))
    assert np.array(worse_than_stable(ONES, 0.0, 1.1, window, 1.0, log(5))) == pytest.approx(np.minimum(plain, 5))


def test_the_evidence_stays_finite_whatever_comes() -> None:
    sums = ONES
    for _ in range(200):
        sums = worse_than_stable(sums, 0.1, 1.0, (1000, 1000, 1000, 0), 1.0, 50.0)
        sums = above(sums, 0.1, 0.001, 1000, 1000, 1.0, 50.0)
    assert max(sums) <= 1e12


def test_windows_without_events_only_start_their_mass_and_a_quiet_bound_speaks_against_worse() -> None:
    assert worse_than_stable(ONES, 0.25, 1.1, (100, 0, 900, 0), 1.0, inf) == pytest.approx((1.25,) * len(GRID))
    assert milder_than(EVEN, 1.5, (100, 0, 900, 0), 1.0) == EVEN
    assert all(one < 1 for one in above(ONES, 0.0, 0.01, 1000, 0, 1.0, inf))
    assert all(one > 0 for one in below(LEVEL, 0.01, 1000, 0, 1.0))


def test_mixtures_are_means_of_evidence() -> None:
    assert sum(MILDER_SHARES) == 1
    assert mixed((1.0, 3.0), 0.25) == 2.25
    assert exp(log_mixed((log(2), log(6)), (0.25, 0.75))) == pytest.approx(5)
    assert log_mixed((800.0, 0.0), (0.5, 0.5)) == pytest.approx(800 - log(2))
    assert log_mixed((-inf, -inf), (0.5, 0.5)) == -inf
    assert log_mixed((), ()) == -inf


def test_the_evidence_of_an_equal_candidate_reaches_its_threshold_as_rarely_as_ville_says() -> None:
    """2,000 runs of 100 windows, looked at after each, with a threshold of 20: at most 5 % may ever cross it."""
    rng = np.random.default_rng(11)
    crossed = 0
    for _ in range(2000):
        sums, left = (0.0,) * len(GRID), 1.0
        stable, candidate = rng.binomial(900, 0.02, 100).tolist(), rng.binomial(100, 0.02, 100).tolist()
        for number, (es, ec) in enumerate(zip(stable, candidate, strict=True)):
            mass = 0.5 if number == 0 else 0.5 / 99
            left -= mass
            sums = worse_than_stable(sums, mass, 1.0, (100, ec, 900, es), 1.0, inf)
            if mixed(sums, left) >= 20:
                crossed += 1
                break
    assert crossed / 2000 <= 0.05
    assert crossed, "a test that never errs has thrown its power away"


@pytest.mark.parametrize("points", [len(GRID) - 1, len(GRID) + 1])
def test_sums_of_another_grid_are_refused_and_not_cut(points: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        worse_than_stable((1.0,) * points, 0.0, 1.1, (100, 1, 900, 1), 1.0, inf)
    with pytest.raises(ValueError, match="zip"):
        above((1.0,) * points, 0.0, 0.01, 100, 1, 1.0, inf)


@pytest.mark.parametrize("more", [-1, 1])
def test_logarithms_of_other_bets_are_refused_and_not_cut(more: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        milder_than((0.0,) * (len(MILDER) + more), 1.5, (100, 1, 900, 1), 1.0)
    with pytest.raises(ValueError, match="zip"):
        below((0.0,) * (len(LOWER) + more), 0.01, 100, 1, 1.0)
    with pytest.raises(ValueError, match="zip"):
        log_mixed((0.0,) * (len(MILDER) + more), MILDER_SHARES)
