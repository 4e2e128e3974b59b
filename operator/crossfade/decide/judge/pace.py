"""How fast evidence will grow: the judge's own sums over its grid, on the path that a share of rollouts stay behind.

For each grid point the logarithm of the evidence after n windows is close to normal with mean n * m and variance
n * s^2 (statistics 2f). All points rise and fall with the candidate's bad requests together, so the quantile of the
mixture is the mixture of the quantiles n * m - z * sqrt(n) * s. Prior mass that starts later only helps: left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import erfc, exp, inf, log, sqrt
from statistics import NormalDist

from crossfade.decide.judge.evidence import relative_share
from crossfade.decide.judge.kernel import GRID, LOWER, MILDER, MILDER_SHARES, log_mixed
from crossfade.decide.judge.latency import chosen_bounds, tail_margins
from crossfade.decide.judge.rules import MetricRules, Rules
from crossfade.decide.judge.weigh import dispersion

_NORMAL = NormalDist()
_FIRST_MASS = 0.5
_MONITORED = 0.5826
"""Crossing seen at windows' ends alone raises a boundary by so many steps (Siegmund 1985, Sequential Analysis)."""
_WIDEST = 8.0
_NOISE = tuple(_NORMAL.inv_cdf((i + 0.5) / 15) for i in range(15))


@dataclass(frozen=True, slots=True)
class Flow:
    """Requests expected in one window of each arm, and the candidate's pods."""

    candidate: float
    stable: float
    pods: int


@dataclass(frozen=True, slots=True)
class Shares:
    """At one bound: stable's and the candidate's expected share beyond it, and the ratios worse and good enough."""

    stable: float
    candidate: float
    worse: float
    enough: float


Growth = tuple[float, float]
"""(mean, standard deviation) of what one window adds to the logarithm of the evidence."""


def is_told(metric: MetricRules) -> bool:
    """Whether the history says enough of this metric to plan with it: how often, and, of a latency, at which bounds."""
    unlimited = metric.limit is not None and limit_bound(metric) is None
    return bool(metric.history.total) and bool(used_bounds(metric)) and not unlimited


def used_bounds(metric: MetricRules) -> tuple[int, ...]:
    """Indices of the bounds that the judge would watch, given the history."""
    history, at = metric.history, limit_bound(metric)
    if metric.kind != "latency":
        return (0,)
    if metric.worse is None:
        return () if at is None else (at,)
    return chosen_bounds(history.bounds, history.bad, history.total)


def limit_bound(metric: MetricRules) -> int | None:
    """Index of the bound of the absolute limit; None when there is no limit or no such bound."""
    if metric.limit is None or metric.edge is None:
        return None if metric.limit is None else 0
    near = (j for j, b in enumerate(metric.history.bounds) if abs(b - metric.edge) <= 1e-9 * b)
    return next(near, None)


def shares(metric: MetricRules, times: float, used: Sequence[int]) -> list[Shares]:
    """At each of these bounds, when the candidate has `times` the errors or is `times` as slow.

    A service without a bad request is taken for one with half of one.
    """
    history, worse, enough = metric.history, metric.worse or 1.0, metric.enough or 1.0
    seen = [max(bad, 0.5) for bad in history.bad]
    beyond = [bad / history.total for bad in seen]
    if metric.kind != "latency":
        return [Shares(beyond[j], min(beyond[j] * times, 1.0), worse, enough) for j in used]
    ratios = (tail_margins(history.bounds, seen, history.total, used, slower) for slower in (times, worse, enough))
    return [Shares(beyond[j], min(beyond[j] * t, 1.0), w, e) for j, t, w, e in zip(used, *ratios, strict=True)]


def windows_to_catch(rules: Rules, metric: MetricRules, flow: Flow, times: float, z: float, most: int) -> int | None:
    """Windows until a regression is caught in all but the z-quantile of rollouts; None when more than `most`."""
    growth = _Regression.of(rules, metric, flow, times)
    return _first(lambda n: growth.after(n, z) >= log(rules.threshold), most)


def is_caught(rules: Rules, metric: MetricRules, flow: Flow, times: float, z: float, windows: int) -> bool:
    """Whether so many windows are enough for it."""
    return _Regression.of(rules, metric, flow, times).after(windows, z) >= log(rules.threshold)


def windows_to_accept(rules: Rules, metric: MetricRules, flow: Flow, chance: float, most: int) -> int | None:
    """Windows until an equal version is found good enough with this chance; None when more than `most`.

    Unlike a regression's, this bar is low against the noise, so that it is first passed well before the quantile
    gets there: the reflection principle for a drifting Brownian path tells by how much.
    """
    every = _Acceptance.every(metric, flow)
    return _first(lambda n: min((one.chance(n, log(rules.enough)) for one in every), default=0.0) >= chance, most)


@dataclass(frozen=True, slots=True)
class _Regression:
    relative: Sequence[Growth]
    floor: Sequence[Growth]
    limit: Sequence[Growth]
    floor_worth: float

    @classmethod
    def of(cls, rules: Rules, metric: MetricRules, flow: Flow, times: float) -> "_Regression":
        cap, relative, floor, limit = log(rules.threshold) / 2, list[Growth](), list[Growth](), list[Growth]()
        if metric.worse is not None:
            seen = shares(metric, times, used_bounds(metric))
            relative = [one for share in seen for one in _ratio(metric, flow, share, share.worse, GRID, cap)]
            if metric.floor is not None:
                floor = _bound(metric, flow, seen[0].candidate, metric.floor, GRID, cap)
        at = limit_bound(metric)
        if at is not None and metric.limit is not None:
            share = shares(metric, times, (at,))[0]
            heard = _heard(share.stable, metric.limit, flow.stable)
            ones = _bound(metric, flow, share.candidate, metric.limit, GRID, cap)
            limit = [(heard * m, sqrt(heard * (s * s + m * m) - (heard * m) ** 2)) for m, s in ones]
        return cls(relative, floor, limit, metric.floor_worth)

    def after(self, windows: int, z: float) -> float:
        """Logarithm of the evidence; combined as `evidence.regression_evidence` does."""
        parts = []
        if self.relative:
            parts.append(_mixture(self.relative, windows, z))
        if self.floor:
            parts = [min(parts[0], _mixture(self.floor, windows, z) + log(self.floor_worth))]
        if self.limit:
            parts.append(_mixture(self.limit, windows, z))
        return log_mixed(parts, (1 / len(parts),) * len(parts)) + log(_FIRST_MASS) if parts else 0.0


@dataclass(frozen=True, slots=True)
class _Acceptance:
    """All ways to be good enough, with their shares of the bet."""

    growth: Sequence[Growth]
    bets: Sequence[float]

    @classmethod
    def every(cls, metric: MetricRules, flow: Flow) -> "list[_Acceptance]":
        """One for each bound, for all must prove it; none when nothing can be proven."""
        at, lower = limit_bound(metric), [1 / len(LOWER)] * len(LOWER)
        if metric.worse is None:
            if at is None or metric.limit is None:
                return []
            share = shares(metric, 1.0, (at,))[0]
            return [cls(_bound(metric, flow, share.candidate, metric.limit, LOWER), lower)]
        seen = shares(metric, 1.0, used_bounds(metric))
        bets = list(MILDER_SHARES)
        bounds = [_ratio(metric, flow, one, one.enough, [ratio / one.enough for ratio in MILDER]) for one in seen]
        if metric.floor is None:
            return [cls(growth, bets) for growth in bounds]
        part, floor = relative_share(metric), _bound(metric, flow, seen[0].candidate, metric.floor, LOWER)
        mixed = [part * bet for bet in bets] + [(1 - part) * bet for bet in lower]
        return [cls(growth + floor, mixed) for growth in bounds]

    def chance(self, windows: int, needed: float) -> float:
        """That the evidence has reached the logarithm `needed` at one of so many windows' ends."""
        low, high = -_WIDEST, _WIDEST
        for _ in range(20):
            z = (low + high) / 2
            low, high = (z, high) if self._after(windows, z) >= needed else (low, z)
        if low == -_WIDEST:
            return 0.0
        m, s = max(self.growth, key=lambda one: windows * one[0] - low * sqrt(windows) * one[1])
        if s == 0:
            return 1.0
        spread = s * sqrt(windows)
        bar = windows * m - low * spread + _MONITORED * s
        reflected = exp(min(2 * m * bar / (s * s), 300.0)) * _below(-(bar + windows * m) / spread)
        return _below((windows * m - bar) / spread) + reflected

    def _after(self, windows: int, z: float) -> float:
        return log_mixed([windows * m - z * sqrt(windows) * s for m, s in self.growth], self.bets)


def _mixture(growth: Sequence[Growth], windows: int, z: float) -> float:
    return log_mixed([windows * m - z * sqrt(windows) * s for m, s in growth], (1 / len(growth),) * len(growth))


def _ratio(
    metric: MetricRules, flow: Flow, share: Shares, rho: float, odds: Sequence[float], cap: float = inf
) -> list[Growth]:
    """Of `worse_than_stable` and `milder_than`: each of `odds` is how many times `rho` the alternative is."""
    candidate, stable = flow.candidate * share.candidate, flow.stable * share.stable
    x = rho * flow.candidate / (rho * flow.candidate + flow.stable)
    wild = _wildness(metric, flow, candidate)

    def one(g: float, level: float) -> Growth:
        phi = dispersion(metric.history, (candidate * level + stable) * x, flow.pods)
        lost = log(1.0 + x * (g - 1.0))
        won = log(g) - lost
        noise = candidate * level * (1 - share.candidate) * won * won + stable * (1 - share.stable) * lost * lost
        return (candidate * level * won - stable * lost) / phi, sqrt(wild * noise) / phi

    return [_over_noise(metric, flow, partial(one, g), cap) for g in odds]


def _bound(
    metric: MetricRules, flow: Flow, share: float, bound: float, odds: Sequence[float], cap: float = inf
) -> list[Growth]:
    """Of `above` and `below`: the candidate's share against a fixed bound."""
    candidate, expected = flow.candidate * share, flow.candidate * bound
    phi = dispersion(metric.history, expected, flow.pods)
    wild = _wildness(metric, flow, candidate)

    def one(g: float, level: float) -> Growth:
        noise = sqrt(wild * candidate * level * (1 - share))
        return (candidate * level * log(g) - expected * (g - 1.0)) / phi, noise * abs(log(g)) / phi

    return [_over_noise(metric, flow, partial(one, g), cap) for g in odds]


def _wildness(metric: MetricRules, flow: Flow, candidate: float) -> float:
    """Variance that the constant model of noise sees beyond what `kappa` explains, as a factor of Poisson's."""
    return max(1.0, metric.history.phi / (1.0 + metric.history.kappa * candidate / flow.pods))


def _over_noise(metric: MetricRules, flow: Flow, one: Callable[[float], Growth], cap: float) -> Growth:
    """The growth over the candidate's own noise, which is Gamma around what is expected (Wilson, Hilferty 1931).

    Needed because both the cap and the dispersion, which rises with the bad requests, take most from good windows.
    """
    if not metric.history.kappa:
        return _capped(*one(1.0), cap)
    ninth = metric.history.kappa / flow.pods / 9
    levels = [max(1 - ninth + sqrt(ninth) * q, 0.0) ** 3 for q in _NOISE]
    seen = [_capped(*one(level * len(levels) / sum(levels)), cap) for level in levels]
    mean = sum(m for m, _ in seen) / len(seen)
    return mean, sqrt(sum(s * s + m * m for m, s in seen) / len(seen) - mean * mean)


def _capped(mean: float, spread: float, cap: float) -> Growth:
    """Mean and deviation of the lesser of a normal variable and `cap`."""
    if spread == 0 or cap == inf:
        return min(mean, cap), spread
    d = (mean - cap) / spread
    over, density = _below(d), spread * _NORMAL.pdf(d)
    lost = (mean - cap) * over + density
    squared = ((mean - cap) ** 2 + spread**2) * over + (mean - cap) * density
    left = mean - lost
    return left, sqrt(max(mean**2 + spread**2 - 2 * cap * lost - squared - left**2, 0.0))


def _heard(share: float, limit: float, requests: float) -> float:
    """In which share of the windows stable itself keeps the limit, so that they count against the candidate."""
    spread = sqrt(share * (1 - share) / requests)
    return _below((limit - share) / spread) if spread else float(share <= limit)


def _below(z: float) -> float:
    """The share of a normal variable below z; exact far out as well, where the reflected half of a path lies."""
    return erfc(-z / sqrt(2.0)) / 2


def _first(enough: Callable[[int], bool], most: int) -> int | None:
    """The least number of windows that is enough, by bisection."""
    if not enough(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
