"""Would catch a plan that reckons with other evidence than the judge gathers, term by term: mean, noise, cap, bets."""

from math import exp, inf, log, sqrt
from typing import Any

import numpy as np
import pytest
from crossfade.decide.judge import pace
from crossfade.decide.judge.pace import (
    Flow,
    Shares,
    is_caught,
    is_told,
    limit_bound,
    shares,
    used_bounds,
    windows_to_accept,
    windows_to_catch,
)
from crossfade.decide.judge.rules import History, MetricRules
from scipy import integrate, optimize, special, stats

from tests.unit.judge.builders import capped, errors, held_to, slower

GRID = np.geomspace(1.15, 100, 20)
MILDER, MILDER_BETS = np.array([0.3, 0.5, 0.7, 0.85, 1.0]), np.array([1, 1, 2, 4, 24]) / 32
LOWER = np.array([0.05, 0.2, 0.4, 0.5, 0.6, 0.7])
CAP = log(100) / 2
"""No window wins more of the odds of 100 that are needed."""

USUAL = History(bounds=(0.0,), bad=(10_000,), total=1_000_000)
"""1 % of the requests fail."""
BOUNDS = (0.1, 0.2, 0.4, 0.8)
FAST = History(bounds=BOUNDS, bad=(400_000, 100_000, 10_000, 10), total=1_000_000)
FLOW = Flow(100.0, 900.0, 2)


def against_stable(
    ratio: float, g: Any, candidate: float, stable: float = 0.01, level: Any = 1.0, phi: Any = 1.0, wild: float = 1.0
) -> tuple[Any, Any]:
    """(mean, deviation) of what a window of 100 and 900 requests adds to the evidence that it is `g` times `ratio`.

    An event falls on the candidate with odds of `ratio` * 100 to 900 under the null hypothesis; binomial counts.
    """
    x = ratio * 100 / (ratio * 100 + 900)
    theirs = np.log(1 + x * (g - 1))
    ours = np.log(g) - theirs
    mean = (100 * candidate * level * ours - 900 * stable * theirs) / phi
    noise = 100 * candidate * level * (1 - candidate) * ours**2 + 900 * stable * (1 - stable) * theirs**2
    return mean, np.sqrt(wild * noise) / phi


def against_bound(bound: float, g: Any, candidate: float, phi: float = 1.0, wild: float = 1.0) -> tuple[Any, Any]:
    """The same of the evidence that it is `g` times a fixed share."""
    noise = np.sqrt(wild * 100 * candidate * (1 - candidate))
    return (100 * candidate * np.log(g) - 100 * bound * (g - 1)) / phi, noise * np.abs(np.log(g)) / phi


def no_more_than_the_cap(mean: Any, spread: Any) -> tuple[np.ndarray, np.ndarray]:
    """(mean, deviation) of the lesser of a normal variable and the cap, by adding up over its quantiles."""
    values = np.minimum(np.add.outer(mean, 0 * QUANTILES) + np.multiply.outer(spread, QUANTILES), CAP)
    return values.mean(axis=-1), values.std(axis=-1)


QUANTILES = stats.norm.ppf((np.arange(10_000) + 0.5) / 10_000)


def mixture(growth: tuple[Any, Any], windows: int, z: float) -> float:
    mean, spread = growth
    return float(special.logsumexp(windows * mean - z * sqrt(windows) * spread) - log(len(mean)))


def after(metric: MetricRules, times: float, windows: int = 20, z: float = 0.8416) -> float:
    return pace._Regression.of(held_to(metric), metric, FLOW, times).after(windows, z)


def near(value: float) -> Any:
    return pytest.approx(value, abs=2e-3, rel=1e-4)


# --- what is known of a metric ---


def test_the_candidates_share_is_so_many_times_stables_and_at_most_all() -> None:
    metric = errors(history=History(bounds=(0.0,), bad=(300,), total=1000))
    assert shares(metric, 2.0, (0,)) == [Shares(0.3, 0.6, 1.1, 1.5)]
    assert shares(metric, 4.0, (0,)) == [Shares(0.3, 1.0, 1.1, 1.5)]
    assert shares(capped(history=metric.history), 1.0, (0,)) == [Shares(0.3, 0.3, 1.0, 1.0)]


def test_without_a_bad_request_half_of_one_is_reckoned_with() -> None:
    metric = errors(history=History(bounds=(0.0,), bad=(0,), total=1000))
    assert shares(metric, 2.0, (0,)) == [Shares(0.0005, 0.001, 1.1, 1.5)]
    metric = errors(history=History(bounds=(0.0,), bad=(1,), total=1000))
    assert shares(metric, 2.0, (0,)) == [Shares(0.001, 0.002, 1.1, 1.5)]


def test_a_slowdown_moves_the_tail_along_a_line_between_the_bounds_on_logarithms() -> None:
    found = shares(slower(history=FAST, worse=2.0, enough=1.5), 3.0, (1, 2))

    def tail(at: float) -> float:
        return float(np.exp(np.interp(np.log(at), np.log(BOUNDS[:3]), np.log([0.4, 0.1, 0.01]))))

    # Three times as slow, 0.2 s are 0.067 s: below the first bound all that is known is that everything is slower.
    expected = [
        (0.1, 1.0, tail(0.1) / 0.1, tail(0.2 / 1.5) / 0.1),
        (0.01, tail(0.4 / 3), tail(0.2) / 0.01, tail(0.4 / 1.5) / 0.01),
    ]
    for one, (stable, candidate, worse, enough) in zip(found, expected, strict=True):
        assert (one.stable, one.candidate) == pytest.approx((stable, candidate))
        assert (one.worse, one.enough) == pytest.approx((worse, enough))


def test_a_slowdown_beyond_what_stable_ever_took_is_no_more_than_the_tail_that_moves_there() -> None:
    never = slower(worse=None, enough=None, limit=0.01, edge=0.8, history=History(0.0, BOUNDS, (400, 100, 10, 0), 1000))
    (found,) = shares(never, 2.0, (3,))
    assert (found.stable, found.candidate) == pytest.approx((0.0005, 0.01))


@pytest.mark.parametrize(
    ("metric", "used", "limit", "told"),
    [
        (errors(history=USUAL), (0,), None, True),
        (errors(), (0,), None, False),
        (capped(history=USUAL), (0,), 0, True),
        (slower(history=FAST), (1, 2), None, True),
        (slower(), (), None, False),
        (slower(limit=0.01, edge=0.4, history=FAST), (1, 2), 2, True),
        (slower(limit=0.01, edge=0.4 + 3e-10, history=FAST), (1, 2), 2, True),
        (slower(limit=0.01, edge=0.4 - 3e-10, history=FAST), (1, 2), 2, True),
        (slower(limit=0.01, edge=0.4 + 5e-10, history=FAST), (1, 2), None, False),
        (slower(limit=0.01, edge=0.3, history=FAST), (1, 2), None, False),
        (slower(worse=None, enough=None, limit=0.01, edge=0.8, history=FAST), (3,), 3, True),
        (slower(worse=None, enough=None, limit=0.01, edge=0.3, history=FAST), (), None, False),
        (slower(edge=0.4, history=FAST), (1, 2), None, True),
    ],
)
def test_what_would_be_watched_is_known_from_the_history(
    metric: MetricRules, used: tuple[int, ...], limit: int | None, told: bool
) -> None:
    assert (used_bounds(metric), limit_bound(metric), is_told(metric)) == (used, limit, told)


# --- how fast the evidence of a regression grows ---


@pytest.mark.parametrize("times", [1.3, 2.0, 8.0])
@pytest.mark.parametrize("z", [0.0, 0.8416])
def test_evidence_against_stable_grows_by_the_binomial_law(times: float, z: float) -> None:
    growth = no_more_than_the_cap(*against_stable(1.1, GRID, 0.01 * times))
    metric = errors(history=USUAL, floor=None)
    for windows in (1, 20, 100):
        assert after(metric, times, windows, z) == near(mixture(growth, windows, z) + log(0.5))


def test_of_stable_and_floor_the_lesser_counts_and_the_floor_so_many_times() -> None:
    relative = mixture(no_more_than_the_cap(*against_stable(1.1, GRID, 0.04)), 20, 0.8416)
    for floor, worth in ((0.001, 5.0), (0.03, 5.0), (0.03, 2.0)):
        bound = mixture(no_more_than_the_cap(*against_bound(floor, GRID, 0.04)), 20, 0.8416) + log(worth)
        found = after(errors(history=USUAL, floor=floor, floor_worth=worth), 4.0)
        assert found == near(min(relative, bound) + log(0.5))
    assert bound < relative


def limited(limit: float, times: float, stable: float = 0.01) -> tuple[Any, Any]:
    """Only windows in which stable itself keeps the limit count: a mixture of what they add and nothing."""
    heard = stats.norm.cdf((limit - stable) / sqrt(stable * (1 - stable) / 900))
    mean, spread = no_more_than_the_cap(*against_bound(limit, GRID, stable * times))
    return heard * mean, np.sqrt(heard * (spread**2 + mean**2) - (heard * mean) ** 2)


@pytest.mark.parametrize("limit", [0.01, 0.012, 0.05])
def test_evidence_against_the_limit_grows_while_stable_keeps_it(limit: float) -> None:
    assert after(capped(limit, history=USUAL), 8.0) == near(mixture(limited(limit, 8.0), 20, 0.8416) + log(0.5))


def test_limit_and_margin_are_averaged() -> None:
    relative = mixture(no_more_than_the_cap(*against_stable(1.1, GRID, 0.04)), 20, 0.8416)
    limit = mixture(limited(0.02, 4.0), 20, 0.8416)
    both = special.logsumexp([relative, limit]) - log(2)
    assert after(errors(history=USUAL, floor=None, limit=0.02), 4.0) == near(both + log(0.5))


def test_the_bounds_of_a_histogram_are_averaged_each_with_its_own_margin() -> None:
    metric = slower(history=FAST, worse=1.5)
    growth = [
        no_more_than_the_cap(*against_stable(one.worse, GRID, one.candidate, one.stable))
        for one in shares(metric, 1.8, (1, 2))
    ]
    assert growth[0][0].max() != pytest.approx(growth[1][0].max())
    whole = (np.concatenate([mean for mean, _ in growth]), np.concatenate([spread for _, spread in growth]))
    assert after(metric, 1.8) == near(mixture(whole, 20, 0.8416) + log(0.5))


def test_what_is_not_judged_gives_no_evidence() -> None:
    assert after(slower(worse=None, enough=None, limit=0.01, edge=0.3, history=FAST), 8.0) == 0.0


def test_the_first_window_whose_evidence_is_enough_is_told() -> None:
    metric = errors(history=USUAL, floor=None)
    growth = no_more_than_the_cap(*against_stable(1.1, GRID, 0.03))
    reached = [mixture(growth, n, 0.8416) + log(0.5) >= log(100) for n in range(1, 200)]
    first = 1 + reached.index(True)
    rules = held_to(metric)
    assert windows_to_catch(rules, metric, FLOW, 3.0, 0.8416, 200) == first
    assert windows_to_catch(rules, metric, FLOW, 3.0, 0.8416, first) == first
    assert windows_to_catch(rules, metric, FLOW, 3.0, 0.8416, first - 1) is None
    assert [is_caught(rules, metric, FLOW, 3.0, 0.8416, n) for n in (first - 1, first)] == [False, True]


@pytest.mark.parametrize("first", [1, 2, 7, 99, 100])
def test_the_least_number_is_found(first: int) -> None:
    assert pace._first(lambda n: n >= first, 100) == first
    assert pace._first(lambda n: n > 100, 100) is None


# --- noise ---


def test_evidence_is_divided_by_the_noise_between_pods() -> None:
    """kappa 0.5: over its 15 quantiles of the candidate's own noise, each window divided by 1 + 0.5 * events / 2."""
    levels = noise(0.25)
    x = 110 / 1010
    rows = []
    for level in levels:
        phi = 1 + 0.5 * (100 * 0.03 * level + 9) * x / 2
        rows.append(no_more_than_the_cap(*against_stable(1.1, GRID, 0.03, level=level, phi=phi)))
    means, spreads = np.array([m for m, _ in rows]), np.array([s for _, s in rows])
    growth = means.mean(axis=0), np.sqrt((spreads**2 + means**2).mean(axis=0) - means.mean(axis=0) ** 2)
    known = History(kappa=0.5, bounds=(0.0,), bad=(10_000,), total=1_000_000)
    assert after(errors(history=known, floor=None), 3.0) == near(mixture(growth, 20, 0.8416) + log(0.5))


def noise(variance: float) -> np.ndarray:
    """Gamma noise of mean 1 as Wilson and Hilferty have it (1931), at the middles of fifteen equal parts."""
    shape = 1 / variance
    levels = (1 - 1 / (9 * shape) + stats.norm.ppf((np.arange(15) + 0.5) / 15) / sqrt(9 * shape)) ** 3
    return levels / levels.mean()


def test_the_candidates_own_noise_is_gamma() -> None:
    exact = stats.gamma.ppf((np.arange(15) + 0.5) / 15, 4, scale=0.25)
    seen: list[float] = []

    def one(level: float) -> tuple[float, float]:
        seen.append(level)
        return level, 0.5

    mean, spread = pace._over_noise(errors(history=History(kappa=0.5)), FLOW, one, inf)
    assert seen == pytest.approx(noise(0.25).tolist())
    assert seen == pytest.approx((exact / exact.mean()).tolist(), rel=0.03)
    assert mean == pytest.approx(1.0)
    assert spread == pytest.approx(sqrt(0.25 + noise(0.25).var()))


def test_noise_so_wild_that_a_pod_has_no_bad_request_is_no_negative_one() -> None:
    seen: list[float] = []

    def one(level: float) -> tuple[float, float]:
        seen.append(level)
        return level, 0.0

    assert pace._over_noise(errors(history=History(kappa=18.0)), FLOW, one, inf)[0] == pytest.approx(1.0)
    assert seen[:8] == pytest.approx([0.0] * 8)
    assert seen[8] > 0


def test_the_constant_model_divides_evidence_and_widens_its_noise() -> None:
    """Variance over mean of 4 whatever the counts: a quarter of the evidence, twice its deviation before that."""
    growth = no_more_than_the_cap(*against_stable(1.1, GRID, 0.03, phi=4.0, wild=4.0))
    known = History(bounds=(0.0,), bad=(10_000,), total=1_000_000, phi=4.0)
    assert after(errors(history=known, floor=None), 3.0) == near(mixture(growth, 20, 0.8416) + log(0.5))
    growth = no_more_than_the_cap(*against_bound(0.02, GRID, 0.03, phi=4.0, wild=4.0))
    heard = stats.norm.cdf((0.02 - 0.01) / sqrt(0.01 * 0.99 / 900))
    growth = heard * growth[0], np.sqrt(heard * (growth[1] ** 2 + growth[0] ** 2) - (heard * growth[0]) ** 2)
    assert after(capped(0.02, history=known), 3.0) == near(mixture(growth, 20, 0.8416) + log(0.5))


def test_what_kappa_explains_of_the_constant_is_not_counted_twice() -> None:
    assert pace._wildness(errors(history=History(kappa=0.5, phi=6.0)), FLOW, 8.0) == pytest.approx(6 / (1 + 0.5 * 4))
    assert pace._wildness(errors(history=History(kappa=0.5, phi=2.0)), FLOW, 8.0) == 1.0
    assert pace._wildness(errors(history=History(phi=3.0)), FLOW, 8.0) == 3.0


def test_against_a_fixed_share_noise_divides_by_what_is_expected_at_it() -> None:
    found = pace._bound(errors(history=History(kappa=1e-9, phi=1.0)), FLOW, 0.03, 0.02, LOWER)
    assert [m for m, _ in found] == pytest.approx(against_bound(0.02, LOWER, 0.03)[0].tolist(), rel=1e-6)
    phi = 1 + 0.5 * 100 * 0.02 / 2
    found = pace._bound(errors(history=History(kappa=0.5)), FLOW, 0.03, 0.02, LOWER)
    mean, spread = against_bound(0.02, LOWER, 0.03, phi=phi)
    assert [m for m, _ in found] == pytest.approx(mean.tolist())
    # Its noise beside that of the counts: 100 * 0.03 bad requests times the noise of their rate.
    wide = 3 * np.abs(np.log(LOWER)) / phi * noise(0.25).std()
    assert [s for _, s in found] == pytest.approx(np.sqrt(spread**2 + wide**2).tolist())


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (2.0, 1.0), (2.5, 0.2), (-3.0, 4.0), (9.0, 1.5)])
def test_the_lesser_of_a_normal_variable_and_the_cap(mean: float, spread: float) -> None:
    def moment(power: int) -> float:
        low, high = mean - 12 * spread, mean + 12 * spread
        middle = min(max(CAP, low), high)
        law = stats.norm(mean, spread)
        below = integrate.quad(lambda x: x**power * law.pdf(x), low, middle, epsabs=1e-12, limit=200)[0]
        return float(below + CAP**power * law.sf(CAP))

    found = pace._capped(mean, spread, CAP)
    assert found == pytest.approx((moment(1), sqrt(moment(2) - moment(1) ** 2)), abs=1e-6)


def test_without_a_cap_or_without_noise_nothing_is_cut_but_the_mean() -> None:
    assert pace._capped(3.0, 2.0, inf) == (3.0, 2.0)
    assert pace._capped(3.0, 0.0, CAP) == (CAP, 0.0)
    assert pace._capped(1.0, 0.0, CAP) == (1.0, 0.0)


def test_stable_is_heard_in_the_share_of_windows_in_which_it_keeps_the_limit() -> None:
    found = pace._heard(0.01, 0.012, 900)
    assert found == pytest.approx(stats.norm.cdf(0.002 / sqrt(0.01 * 0.99 / 900)))
    assert found == pytest.approx(stats.binom.cdf(10, 900, 0.01), abs=0.05)
    assert [pace._heard(1.0, limit, 900) for limit in (0.5, 1.0)] == [0.0, 1.0]


# --- how soon an equal version is found good enough ---


def passes(mean: float, spread: float, windows: int, bar: float) -> float:
    """That a Brownian path with this drift has reached the bar by then, by the reflection principle."""
    bar, wide = bar + 0.5826 * spread, spread * sqrt(windows)
    back = exp(2 * mean * bar / spread**2) * stats.norm.cdf((-bar - mean * windows) / wide)
    return float(stats.norm.cdf((mean * windows - bar) / wide) + back)


@pytest.mark.parametrize("windows", [1, 10, 60, 200])
@pytest.mark.parametrize(("mean", "spread"), [(0.05, 0.3), (0.3, 0.2), (-0.02, 0.4)])
def test_the_chance_is_that_of_passing_the_bar_at_any_of_the_windows(mean: float, spread: float, windows: int) -> None:
    found = pace._Acceptance([(mean, spread)], [1.0]).chance(windows, log(20))
    assert found == pytest.approx(passes(mean, spread, windows, log(20)), rel=2e-3, abs=1e-9)


@pytest.mark.parametrize("z", [-37.0, -9.7, -1.0, 0.0, 2.5])
def test_the_normal_law_is_exact_far_out_too(z: float) -> None:
    assert pace._below(z) == pytest.approx(stats.norm.cdf(z), rel=1e-12)


@pytest.mark.parametrize(("other", "leads"), [((0.02, 0.1), 0), ((0.04, 0.6), 1)])
def test_of_several_bets_the_one_that_leads_passes_for_all(other: tuple[float, float], leads: int) -> None:
    """With more noise a bet may lead though it grows more slowly: luck is what gets there early."""
    growth, bets = [(0.05, 0.3), other], [0.25, 0.75]

    def mixed(z: float) -> float:
        logs = [log(b) + 40 * m - z * sqrt(40) * s for (m, s), b in zip(growth, bets, strict=True)]
        return float(special.logsumexp(logs)) - log(20)

    z = optimize.brentq(mixed, -8, 8)
    bars = [40 * m - z * sqrt(40) * s for m, s in growth]
    assert bars.index(max(bars)) == leads
    found = pace._Acceptance(growth, bets).chance(40, log(20))
    assert found == pytest.approx(passes(*growth[leads], 40, max(bars)), rel=1e-3)


def test_what_cannot_be_reached_has_no_chance_and_what_is_certain_every() -> None:
    assert pace._Acceptance([(-1.0, 0.01)], [1.0]).chance(50, log(20)) == 0.0
    assert pace._Acceptance([(1.0, 0.0)], [1.0]).chance(2, log(20)) == 0.0
    assert pace._Acceptance([(1.0, 0.0)], [1.0]).chance(3, log(20)) == 1.0
    assert pace._Acceptance([(9.0, 0.001)], [1.0]).chance(50, log(20)) == pytest.approx(1.0)


def bets_of(metric: MetricRules) -> list[tuple[list[float], list[float], list[float]]]:
    """(means, deviations, bets) of each bound."""
    found = pace._Acceptance.every(metric, FLOW)
    return [([m for m, _ in one.growth], [s for _, s in one.growth], list(one.bets)) for one in found]


def test_a_ratio_is_proven_by_bets_on_a_version_as_good_or_better() -> None:
    mean, spread = against_stable(1.5, MILDER / 1.5, 0.01)
    ((means, spreads, bets),) = bets_of(errors(history=USUAL, floor=None))
    assert (means, spreads) == (pytest.approx(mean.tolist()), pytest.approx(spread.tolist()))
    assert bets == pytest.approx(MILDER_BETS.tolist())


@pytest.mark.parametrize(("floor", "part"), [(0.001, 0.9), (0.02, 0.1)])
def test_a_floor_takes_its_part_of_the_bets(floor: float, part: float) -> None:
    mean, spread = (
        np.concatenate(pair)
        for pair in zip(against_stable(1.5, MILDER / 1.5, 0.01), against_bound(floor, LOWER, 0.01), strict=True)
    )
    ((means, spreads, bets),) = bets_of(errors(history=USUAL, floor=floor))
    assert (means, spreads) == (pytest.approx(mean.tolist()), pytest.approx(spread.tolist()))
    assert bets == pytest.approx([*(part * MILDER_BETS), *[(1 - part) / 6] * 6])


def test_a_limit_alone_is_proven_by_being_below_it() -> None:
    mean, spread = against_bound(0.02, LOWER, 0.01)
    ((means, spreads, bets),) = bets_of(capped(0.02, history=USUAL))
    assert (means, spreads) == (pytest.approx(mean.tolist()), pytest.approx(spread.tolist()))
    assert bets == pytest.approx([1 / 6] * 6)
    assert bets_of(slower(worse=None, enough=None, limit=0.01, edge=0.3, history=FAST)) == []


def test_a_histogram_must_prove_it_at_each_bound() -> None:
    metric = slower(history=FAST, enough=1.5)
    found = bets_of(metric)
    assert len(found) == 2
    for (means, _, _), one in zip(found, shares(metric, 1.0, (1, 2)), strict=True):
        mean, _ = against_stable(one.enough, MILDER / one.enough, one.stable, one.stable)
        assert means == pytest.approx(mean.tolist())
    chances = [pace._Acceptance(list(zip(m, s, strict=True)), b).chance(30, log(20)) for m, s, b in found]
    assert chances[0] != pytest.approx(chances[1])
    rules = held_to(metric)
    assert windows_to_accept(rules, metric, FLOW, min(chances) - 1e-6, 30) is not None
    assert windows_to_accept(rules, metric, FLOW, min(chances) + 1e-6, 30) is None


def test_the_first_window_with_the_chance_is_told() -> None:
    metric = capped(0.03, history=USUAL)
    (one,) = pace._Acceptance.every(metric, FLOW)
    chances = [one.chance(n, log(20)) for n in range(1, 60)]
    first = 1 + [chance >= 0.8 for chance in chances].index(True)
    assert windows_to_accept(held_to(metric), metric, FLOW, 0.8, 60) == first
    assert windows_to_accept(held_to(metric), metric, FLOW, 0.8, first) == first
    assert windows_to_accept(held_to(metric), metric, FLOW, 0.8, first - 1) is None
