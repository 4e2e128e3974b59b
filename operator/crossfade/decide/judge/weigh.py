"""Folds a window into a metric's ledger: one step of every likelihood ratio that concerns it."""

from collections.abc import Sequence
from dataclasses import replace
from math import log

from crossfade.decide.judge.kernel import GRID, LOWER, MILDER, above, below, milder_than, worse_than_stable
from crossfade.decide.judge.latency import chosen_bounds
from crossfade.decide.judge.margins import limit_index, margins, profile
from crossfade.decide.judge.rules import History, MetricRules, Rules
from crossfade.decide.judge.shock import calm_before, watched
from crossfade.model.ledger import MetricLedger, PodCount, Stratum, Window

_NOTHING = (0.0,) * len(GRID)
_EVEN_LOGS = (0.0,) * len(LOWER)
_EVEN_MILDER = (0.0,) * len(MILDER)
_MOST_STRATA = 16
_MOST_SUMS = 40
"""Strata times used bounds: so many fit into a checkpoint of 4 KiB; the oldest strata go first."""
RATIO_BOUND = (0.0,)
"""The one "bound" of a share of bad requests."""


def weigh(rules: Rules, metric: MetricRules, ledger: MetricLedger, window: Window) -> MetricLedger:
    """The ledger after one more window. Cost: linear in pods, times the used bounds for the sums over the grid."""
    if window.fault:
        return replace(ledger, end=window.end, fault=window.fault)
    bounds = window.bounds or RATIO_BOUND
    if ledger.bounds and bounds != ledger.bounds:
        return replace(ledger, end=window.end, fault="the histogram's buckets are not those of before")
    stable_total, stable_bad = _sums(window.stable, len(bounds))
    candidate_total, candidate_bad = _sums(window.candidate, len(bounds))
    if not ledger.used:
        ledger = _begun(metric, replace(ledger, bounds=bounds))
    calm = ledger.calm
    if ledger.used:
        told = ledger.used[-1]
        calm = watched(calm, (stable_total, stable_bad[told]), (candidate_total, candidate_bad[told]))
    stable = ledger.stable.plus(stable_total, stable_bad)
    candidate = ledger.candidate.plus(candidate_total, candidate_bad)
    if not ledger.used or candidate_total <= 0:
        return replace(ledger, end=window.end, fault="", calm=calm, stable=stable, candidate=candidate)
    arms = (candidate_total, candidate_bad, stable_total, stable_bad)
    looked = _Look(rules, metric, ledger, arms, _busy(window.candidate))
    worse, milder = looked.against_stable()
    over_floor, over_limit, lower = looked.against_bounds()
    return replace(
        ledger,
        end=window.end,
        fault="",
        looks=ledger.looks + 1,
        left=ledger.left - looked.mass,
        worse=worse,
        milder=milder,
        over_floor=over_floor,
        over_limit=over_limit,
        lower=lower,
        strata=looked.stratified(window.weight),
        calm=calm,
        stable=stable,
        candidate=candidate,
    )


def _begun(metric: MetricRules, ledger: MetricLedger) -> MetricLedger:
    """Choose the bounds to watch as soon as enough is known of stable; until then nothing is weighed."""
    if metric.kind != "latency":
        used: tuple[int, ...] = (0,)
    elif metric.worse is not None:
        used = chosen_bounds(ledger.bounds, *profile(metric, ledger))
    else:
        at = limit_index(metric, ledger)
        used = () if at is None else (at,)
    return replace(
        ledger,
        used=used,
        worse=(_NOTHING,) * len(used),
        over_floor=_NOTHING,
        over_limit=_NOTHING,
        milder=(_EVEN_MILDER,) * len(used),
        lower=_EVEN_LOGS,
        calm=calm_before(metric.history, ledger.bounds, used[-1]) if used else ledger.calm,
    )


_Arms = tuple[int, Sequence[int], int, Sequence[int]]
"""(candidate total, candidate bad by bound, stable total, stable bad by bound)."""


def dispersion(history: History, expected: float, pods: int) -> float:
    """Variance over mean of a window's candidate events when `expected` are, spread over `pods`.

    The larger of what the service's two models say: either is valid alone, so is whichever slows down more.
    `expected` comes from the window's own events: given their number a ratio of Poisson counts stays an e-value. Where
    a window has a few requests and most of them fail, it may exceed 1 by a third of a percent (`test_kernel.py`).
    """
    phi = 1.0 + history.kappa * expected / pods
    return phi if phi > history.phi else history.phi


class _Look:
    """One window of one metric beside what was known before it: the next step of each sum."""

    __slots__ = ("_arms", "_cap", "_ledger", "_metric", "_pods", "mass")

    def __init__(self, rules: Rules, metric: MetricRules, ledger: MetricLedger, arms: _Arms, pods: int) -> None:
        """`pods` are those of the candidate that had requests."""
        self._metric, self._ledger, self._arms, self._pods = metric, ledger, arms, pods
        self.mass = 0.5 if ledger.looks == 0 else min(ledger.left, 0.5 / (rules.planned - 1))
        self._cap = log(rules.threshold) / 2

    def against_stable(self) -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]:
        """(worse, milder) by used bound."""
        metric, ledger, pods = self._metric, self._ledger, self._pods
        if metric.worse is None:
            return ledger.worse, ledger.milder
        nc, candidate, ns, stable = self._arms
        worse, milder = [], []
        for (rho, enough), sums, logs, j in zip(
            margins(metric, ledger), ledger.worse, ledger.milder, ledger.used, strict=True
        ):
            counts = (nc, candidate[j], ns, stable[j])
            events = candidate[j] + stable[j]
            phi = dispersion(metric.history, events * rho * nc / (rho * nc + ns), pods)
            worse.append(worse_than_stable(sums, self.mass, rho, counts, phi, self._cap))
            phi = dispersion(metric.history, events * enough * nc / (enough * nc + ns), pods)
            milder.append(milder_than(logs, enough, counts, phi))
        return tuple(worse), tuple(milder)

    def against_bounds(self) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
        """(over the floor, over the limit, lower than either)."""
        metric, ledger, pods = self._metric, self._ledger, self._pods
        nc, candidate, ns, stable = self._arms
        over_floor, over_limit, lower = ledger.over_floor, ledger.over_limit, ledger.lower
        if metric.floor is not None and metric.worse is not None:
            phi = dispersion(metric.history, nc * metric.floor, pods)
            over_floor = above(over_floor, self.mass, metric.floor, nc, candidate[0], phi, self._cap)
            lower = below(lower, metric.floor, nc, candidate[0], phi)
        at = limit_index(metric, ledger)
        if at is None or metric.limit is None:
            return over_floor, over_limit, lower
        phi = dispersion(metric.history, nc * metric.limit, pods)
        if metric.worse is None:
            lower = below(lower, metric.limit, nc, candidate[at], phi)
        if stable[at] > metric.limit * ns:  # it breaks it just as well: that is the world, not the version
            return over_floor, tuple([s + self.mass for s in over_limit]), lower
        return over_floor, above(over_limit, self.mass, metric.limit, nc, candidate[at], phi, self._cap), lower

    def stratified(self, weight: float) -> tuple[Stratum, ...]:
        """The counts of each stage, this window in the last."""
        ledger, (nc, candidate, ns, stable) = self._ledger, self._arms
        most = min(_MOST_STRATA, _MOST_SUMS // len(ledger.used))
        same = bool(ledger.strata) and ledger.strata[-1].weight == weight
        last, kept = (ledger.strata[-1], ledger.strata[:-1]) if same else (Stratum(weight), ledger.strata[1 - most :])
        nothing = (0.0,) * len(ledger.used)
        ours, theirs = [], []
        for a, b, j in zip(last.candidate or nothing, last.stable or nothing, ledger.used, strict=True):
            events = candidate[j] + stable[j]
            phi = dispersion(self._metric.history, events * nc / (nc + ns), self._pods)
            ours.append(a + candidate[j] / phi)
            theirs.append(b + stable[j] / phi)
        totals = last.candidate_total + nc, last.stable_total + ns
        return (*kept, Stratum(weight, *totals, tuple(ours), tuple(theirs)))


def _sums(pods: Sequence[PodCount], bounds: int) -> tuple[int, tuple[int, ...]]:
    """(requests, those beyond each bound) over an arm's pods; never more bad ones than there were requests."""
    if not pods:
        return 0, (0,) * bounds
    total = sum([pod.total for pod in pods])
    bad = tuple(map(sum, zip(*[pod.bad for pod in pods], strict=True)))
    return total, bad if max(bad, default=0) <= total else tuple([min(one, total) for one in bad])


def _busy(pods: Sequence[PodCount]) -> int:
    return max(sum([pod.total > 0 for pod in pods]), 1)
