"""Would catch a formula that only we believe in: each is held against scipy, statsmodels or a published table."""

from math import exp, inf, log

import numpy as np
import pytest
from crossfade.decide.judge.evidence import acceptance_evidence, is_proven
from crossfade.decide.judge.interval import ratio_interval
from crossfade.decide.judge.kernel import GRID, LOWER, MILDER, above, below, log_mixed, milder_than, worse_than_stable
from crossfade.decide.judge.latency import tail_margins
from crossfade.decide.judge.replay import upper_bound
from crossfade.decide.judge.shock import watched
from crossfade.decide.judge.traffic import fold_traffic, mismatch
from crossfade.model.ledger import Calm, PodCount, Stratum, TrafficLedger, Window
from crossfade.simulate.rivals import shifted_up
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, lognorm, mannwhitneyu, norm, poisson
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.rates import test_poisson_2indep as poisson_test

from tests.unit.judge.builders import errors, folded, held_to, window

ONES = (1.0,) * len(GRID)
counts = st.tuples(st.integers(1, 3000), st.integers(0, 60), st.integers(1, 3000), st.integers(0, 60))


@settings(max_examples=100)
@given(counts, st.floats(1.0, 2.0))
def test_worse_is_scipys_ratio_of_two_binomial_laws(window: tuple[int, int, int, int], rho: float) -> None:
    nc, ec, ns, es = window
    ratios = np.array(GRID) * rho
    law, null = (binom.logpmf(ec, ec + es, r * nc / (r * nc + ns)) for r in (ratios, rho))
    found = np.log(worse_than_stable(ONES, 0.0, rho, window, 1.0, 25.0))
    assert found == pytest.approx(np.minimum(law - null, 25.0), rel=1e-6, abs=1e-6)


@settings(max_examples=100)
@given(counts, st.floats(1.05, 2.0))
def test_milder_is_scipys_ratio_of_two_binomial_laws(window: tuple[int, int, int, int], rho: float) -> None:
    nc, ec, ns, es = window
    law, null = (binom.logpmf(ec, ec + es, r * nc / (r * nc + ns)) for r in (np.array(MILDER), rho))
    assert milder_than((0.0,) * len(MILDER), rho, window, 1.0) == pytest.approx(law - null, rel=1e-6, abs=1e-6)


@settings(max_examples=100)
@given(st.integers(1, 5000), st.integers(0, 60), st.floats(1e-4, 0.5))
def test_bounds_are_scipys_ratios_of_two_poisson_laws(total: int, bad: int, bound: float) -> None:
    null = poisson.logpmf(bad, total * bound)
    over = np.log(np.maximum(above(ONES, 0.0, bound, total, bad, 1.0, 25.0), 1e-300))
    expected = poisson.logpmf(bad, total * bound * np.array(GRID)) - null
    assert over == pytest.approx(np.clip(expected, log(1e-300), 25.0), rel=1e-6, abs=1e-6)
    under = below((0.0,) * len(LOWER), bound, total, bad, 1.0)
    assert under == pytest.approx(poisson.logpmf(bad, total * bound * np.array(LOWER)) - null, rel=1e-6, abs=1e-6)


@settings(max_examples=40)
@given(st.integers(20, 3000), st.integers(0, 60), st.integers(20, 3000), st.integers(1, 60))
def test_evidence_never_speaks_louder_than_the_exact_test_of_the_same_counts(
    nc: int, ec: int, ns: int, es: int
) -> None:
    """1/evidence is a p-value (Markov); the exact conditional test on one look is the most powerful one, so smaller."""
    found = worse_than_stable(ONES, 0.0, 1.0, (nc, ec, ns, es), 1.0, inf)
    exact = poisson_test(ec, nc, es, ns, method="exact-cond", alternative="larger").pvalue
    assert 1 / (sum(found) / len(found)) >= exact - 1e-9


@settings(max_examples=40)
@given(st.integers(200, 5000), st.integers(5, 60), st.integers(200, 5000), st.integers(5, 60))
def test_the_interval_for_all_looks_contains_clopper_and_pearsons_for_one(nc: int, ec: int, ns: int, es: int) -> None:
    """Given the events, the candidate's are binomial: their exact interval, as a ratio, is the tightest there is."""
    low, high = ratio_interval((Stratum(10, nc, ns, (float(ec),), (float(es),)),), 0, 0.99)
    shares = proportion_confint(ec, ec + es, alpha=0.01, method="beta")
    least, most = (share / (1 - share) * ns / nc if share < 1 else inf for share in shares)
    assert low <= least * 1.01
    assert high >= most * 0.99
    assert high / low <= (most / least) ** 3, "an interval that says nothing is right as well"


def test_an_intervals_ends_are_where_scipys_mixture_of_binomials_reaches_its_odds() -> None:
    nc, ec, ns, es = 451, 23, 4080, 40
    low, high = ratio_interval((Stratum(10, nc, ns, (23.0,), (40.0,)),), 0, 0.99)

    def odds(rho: float, alternatives: np.ndarray) -> float:  # type: ignore[type-arg]
        law, null = (binom.pmf(ec, ec + es, r * nc / (r * nc + ns)) for r in (rho * alternatives, rho))
        return float(np.mean(law / null))

    grid = np.array(GRID)
    assert odds(low, grid) == pytest.approx(200, rel=0.02)
    assert odds(high, 1 / grid) == pytest.approx(200, rel=0.02)


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2, 0.1])
@pytest.mark.parametrize("total", [200, 3000, 30_000])
def test_a_shock_is_what_scipys_poisson_tail_calls_one_in_a_million(rate: float, total: int) -> None:
    calm = Calm(bad=round(1_000_000 * rate), total=1_000_000)
    mean = total * (calm.bad + 0.5) / (calm.total + 1)
    least = int(2 * max(mean, 1)) + 1
    limit = next(bad for bad in range(least, 10 * total) if poisson.sf(bad - 1, mean) < 1e-6)
    shaken = [bad for bad in range(limit - 3, limit + 4) if watched(calm, (total, bad), (total, bad)).shaken]
    assert shaken, "nothing near the limit is a shock"
    assert shaken[0] in {limit, limit + 1, limit + 2}, (
        "the tail is bounded from above, so a shock is told late, not early"
    )


def test_the_splits_evidence_is_scipys_mixture_of_binomials_against_the_tolerated_ends() -> None:
    rules = held_to(errors())
    ledger = TrafficLedger()
    for number in range(8):
        pods = (PodCount("s", 1350, (0,)),), (PodCount("c", 150, (0,)),)
        ledger = fold_traffic(rules, ledger, 10, 1.0, Window(15.0 * (number + 1), *pods, (), 10))
    candidate, total = ledger.candidate, ledger.total
    assert (candidate, total) == (450, 4500), "the windows that began within the grace do not count"
    odds = np.geomspace(1.15, 30, 10)
    high = 0.12 / 0.88 * odds
    low = 0.08 / 0.92 / odds
    above_it = binom.logpmf(candidate, total, high / (1 + high)) - binom.logpmf(candidate, total, 0.12)
    below_it = binom.logpmf(candidate, total, low / (1 + low)) - binom.logpmf(candidate, total, 0.08)
    assert ledger.logs == pytest.approx(np.concatenate([above_it, below_it]), rel=1e-9, abs=1e-9)
    assert exp(log_mixed(ledger.logs, (0.05,) * 20)) == pytest.approx(np.exp([*above_it, *below_it]).mean())
    assert not mismatch(ledger)


@pytest.mark.parametrize("slower", [1.1, 1.25, 1.5])
def test_a_margin_of_time_is_the_ratio_of_scipys_lognormal_tails(slower: float) -> None:
    """Between two buckets we interpolate: with four buckets a doubling that is good to 3 %."""
    bounds = tuple(0.02 * 2 ** (i / 4) for i in range(24))
    law = lognorm(0.6, scale=0.08)
    total = 10_000_000
    beyond = tuple(round(total * law.sf(bound)) for bound in bounds)
    used = [j for j, bound in enumerate(bounds) if 0.002 <= law.sf(bound) <= 0.6]
    exact = [law.sf(bounds[j] / slower) / law.sf(bounds[j]) for j in used]
    assert tail_margins(bounds, beyond, total, used, slower) == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize(("found", "runs"), [(0, 300), (1, 1000), (7, 1000), (40, 500), (500, 500)])
def test_the_bound_on_a_measured_share_is_clopper_and_pearsons(found: int, runs: int) -> None:
    assert upper_bound(found, runs) == pytest.approx(proportion_confint(found, runs, alpha=0.1, method="beta")[1])


@pytest.mark.parametrize(("found", "upper"), [(0, 3.00), (1, 4.74), (2, 6.30), (5, 10.51), (10, 16.96)])
def test_the_bound_for_rare_events_is_the_published_one(found: int, upper: float) -> None:
    """One-sided 95 % limits of a Poisson mean (Garwood 1936, Biometrika 28:437); the first is "the rule of 3"."""
    runs = 1_000_000
    assert upper_bound(found, runs) * runs == pytest.approx(upper, abs=0.006)


def test_kayentas_judge_agrees_with_scipys_mann_whitney_where_both_see_a_clear_shift_or_none() -> None:
    rng = np.random.default_rng(4)
    for shift in (0.0, 3.0):
        for _ in range(30):
            control, experiment = rng.normal(10, 1, 40), rng.normal(10 + shift, 1, 40)
            p = mannwhitneyu(experiment, control, alternative="greater", method="asymptotic").pvalue
            if shift:
                assert shifted_up(experiment, control)
                assert p < 0.01
            elif p > 0.011:
                assert not shifted_up(experiment, control)


def test_kayentas_judge_calls_a_clear_case_high_as_kayenta_does() -> None:
    """The smallest case that Kayenta's root finder answers by scale; at this scale it says High too."""
    control = np.array([1.3, 2.0, 2.2, 1.1, 1.3, 2.9, 1.1, 1.3])
    experiment = np.array([4.3, 3.4, 2.6, 3.0, 3.5, 2.3, 1.9, 3.9])
    assert shifted_up(experiment, control)
    assert not shifted_up(control, experiment)
    assert norm.ppf(0.99) == pytest.approx(2.3263, abs=1e-4)


@settings(max_examples=100)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=12), st.floats(-2.0, 8.0))
def test_what_is_proven_is_what_its_whole_evidence_says(bad: list[int], needed: float) -> None:
    """The short cut never changes a verdict."""
    rules = held_to(errors())
    ledger = folded(rules, *(window((ec, 300), (9, 900), 15.0 * (i + 1)) for i, ec in enumerate(bad)))
    metric = rules.metrics[0]
    assert is_proven(metric, ledger, needed) == (acceptance_evidence(metric, ledger) >= needed)
