"""What others would do with the very same counts: thresholds as Argo Rollouts and Flagger have them, Kayenta, a z-test.

Each rule looks at windows of one ladder whose stages last as long as they last, and says when it would roll back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import floor, inf, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from crossfade.api.v1alpha1.common import seconds
from crossfade.simulate.counts import Counts, Floats, Ints
from crossfade.simulate.fleet import BLOCK
from crossfade.simulate.scenario import Scenario

_MINUTE = 60.0
_KAYENTA_Z = NormalDist().inv_cdf(0.99)
"""For one end of an interval of 98 %."""
_KAYENTA_TOLERANCE = 0.25
_TEN_MINUTES = (600.0, 1200.0, 1800.0, 2400.0)


@dataclass(frozen=True, slots=True)
class Table:
    """What was counted, by (run, window): requests and bad ones of both arms; `step` in seconds."""

    candidate: Ints
    candidate_bad: Ints
    stable: Ints
    stable_bad: Ints
    step: float


def counted(scenario: Scenario, metric: str, runs: int, seed: int) -> Table:
    """The numbers that `walk` judges, as long as every stage lasts its `minDuration`."""
    parts = [
        _block(scenario, metric, min(BLOCK, runs - first), seed, at) for at, first in enumerate(range(0, runs, BLOCK))
    ]
    a, b, c, d = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Table(a, b, c, d, scenario.service.step)


def _block(scenario: Scenario, metric: str, runs: int, seed: int, at: int) -> tuple[Ints, Ints, Ints, Ints]:
    counts = Counts(scenario.service, scenario.regression, scenario.kinds(), runs, seed, at)
    found = []
    for number in range(round(scenario.horizon / scenario.service.step)):
        drawn = counts.window(number, np.full(runs, float(_weight(scenario, number * scenario.service.step))))
        arms = (drawn.candidate, drawn.candidate_bad[metric][:, :, 0], drawn.stable, drawn.stable_bad[metric][:, :, 0])
        found.append([arm.sum(axis=1) for arm in arms])
    a, b, c, d = (np.stack(columns, axis=1) for columns in zip(*found, strict=True))
    return a, b, c, d


def _weight(scenario: Scenario, start: float) -> int:
    ends = np.cumsum([seconds(stage.min_duration) for stage in scenario.stages])
    return scenario.stages[min(int(np.searchsorted(ends, start, side="right")), len(ends) - 1)].weight or 0


Rule = Callable[[Table], Floats]
"""When (s) each run would be rolled back; infinity for never."""


def argo(table: Table, least: float, failures: int = 3) -> Floats:
    """Argo Rollouts: each minute the candidate's `rate[1m]` of successes must be `least`; more than `failures` abort.

    A measurement without requests fails (NaN >= x is false): argo-rollouts 9f8d111d8, analysis/analysis.go.
    """
    return _nth(_below(table, least), failures + 1)


def flagger(table: Table, least: float, threshold: int = 5) -> Floats:
    """Flagger: the same query; `threshold` failed checks in all roll back, at the next tick.

    flagger 15bd6ad5, pkg/controller/scheduler.go: failures are never forgotten.
    """
    return _nth(_below(table, least), threshold) + _MINUTE


def z_test(table: Table, p: float, looks: Sequence[float]) -> Floats:
    """A two-sided test of two proportions on all counts so far, at each look, as if it were the only one."""
    n, e, m, f = (_at(np.cumsum(one, axis=1), table, looks) for one in _columns(table))
    pooled = (e + f) / np.maximum(n + m, 1)
    error = np.sqrt(pooled * (1 - pooled) * (1 / np.maximum(n, 1) + 1 / np.maximum(m, 1)))
    z = (e / np.maximum(n, 1) - f / np.maximum(m, 1)) / np.where(error > 0, error, inf)
    return _first(z > NormalDist().inv_cdf(1 - p / 2), looks)


def kayenta(table: Table, looks: Sequence[float] = _TEN_MINUTES) -> Floats:
    """Kayenta's NetflixACAJudge on a point a minute, critical metric, at each look: Mann-Whitney, 98 %, tolerance 0.25.

    High when the lower end of the interval of the shift exceeds a quarter of the estimated shift (kayenta a69573be).
    Interval and estimate are Hodges and Lehmann's, exact order statistics in place of Kayenta's root finder.
    """
    n, e, m, f = (_by_minute(one, table) for one in _columns(table))
    high = np.zeros((len(n), len(looks)), dtype=bool)
    for number, look in enumerate(looks):
        points = round(look / _MINUTE)
        for run in range(len(n)):
            if not high[run, :number].any():
                ours, theirs = n[run, :points] > 0, m[run, :points] > 0
                high[run, number] = shifted_up(
                    (e[run, :points] / np.maximum(n[run, :points], 1))[ours],
                    (f[run, :points] / np.maximum(m[run, :points], 1))[theirs],
                )
    return _first(high, looks)


def shifted_up(experiment: Floats, control: Floats) -> bool:
    """Whether Kayenta calls the experiment High."""
    if not len(experiment) or not len(control):
        return False
    differences = np.sort((experiment[:, None] - control[None, :]).ravel())
    a, b = len(experiment), len(control)
    skipped = floor(a * b / 2 - _KAYENTA_Z * sqrt(a * b * (a + b + 1) / 12))
    estimate = float(np.median(differences))
    return skipped >= 0 and float(differences[skipped]) > _KAYENTA_TOLERANCE * abs(estimate)


def rules_for(base: float) -> Mapping[str, Rule]:
    """The rules compared. Thresholds are set as by one who knows the base rate: 98 % for 1 % and more, else 99 %."""
    least = 0.98 if base >= 0.01 else 0.99
    minutes = tuple(_MINUTE * (i + 1) for i in range(40))
    return {
        "Argo Rollouts": partial(argo, least=least),
        "Flagger": partial(flagger, least=least),
        "Kayenta": kayenta,
        "z-test, peeking": partial(z_test, p=0.05, looks=minutes),
        "z-test, once": partial(z_test, p=0.05, looks=minutes[-1:]),
    }


def served(table: Table, ends: Floats) -> Floats:
    """Bad requests that the candidate served until each run's end."""
    windows = np.minimum(np.round(ends / table.step), table.candidate.shape[1]).astype(int)
    running = np.concatenate([np.zeros((len(ends), 1)), np.cumsum(table.candidate_bad, axis=1)], axis=1)
    return np.asarray(running[np.arange(len(ends)), windows], dtype=float)


def _columns(table: Table) -> tuple[Ints, Ints, Ints, Ints]:
    return table.candidate, table.candidate_bad, table.stable, table.stable_bad


def _by_minute(counts: Ints, table: Table) -> Ints:
    each = round(_MINUTE / table.step)
    minutes = counts.shape[1] // each
    return np.asarray(counts[:, : minutes * each].reshape(len(counts), minutes, each).sum(axis=2))


def _below(table: Table, least: float) -> NDArray[np.bool_]:
    """(run, minute): whether the share of successes over the last 45 s, what `rate[1m]` spans at 15 s, is too low."""
    minutes, last = round(_MINUTE / table.step), round(45 / table.step)
    n, e = (
        np.stack([one[:, end - last : end].sum(axis=1) for end in range(minutes, one.shape[1] + 1, minutes)], axis=1)
        for one in (table.candidate, table.candidate_bad)
    )
    return np.asarray((n == 0) | (1 - e / np.maximum(n, 1) < least))


def _nth(failed: NDArray[np.bool_], wanted: int) -> Floats:
    """The end of the minute with the nth failure."""
    return _first(np.cumsum(failed, axis=1) >= wanted, [_MINUTE * (i + 1) for i in range(failed.shape[1])])


def _first(hit: NDArray[np.bool_], times: Sequence[float]) -> Floats:
    return np.where(hit.any(axis=1), np.asarray(times, dtype=float)[hit.argmax(axis=1)], inf)


def _at(running: Ints, table: Table, looks: Sequence[float]) -> Ints:
    return np.asarray(running[:, [min(round(look / table.step), running.shape[1]) - 1 for look in looks]])
