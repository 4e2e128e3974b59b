"""What many simulated rollouts come to: how often each end, when, and at what price."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crossfade.decide.judge.replay import upper_bound
from crossfade.simulate.walk import End, Run


@dataclass(frozen=True, slots=True)
class Ended:
    """The runs with one end: their share of all, and medians and 95 % quantiles. Times in seconds from the first stage.

    `beyond` counts bad requests that stable would not have served. Times and counts are None when there are no runs.
    """

    end: End
    runs: int
    share: float
    upper: float
    median: float | None = None
    p95: float | None = None
    bad: float | None = None
    beyond: float | None = None


def summary(runs: Sequence[Run], end: End, since: float = 0.0) -> Ended:
    """Of the runs with this end; `since` is subtracted from times, for a regression that starts late."""
    mine = [run for run in runs if run.end == end]
    share, upper = len(mine) / len(runs), upper_bound(len(mine), len(runs))
    if not mine:
        return Ended(end, 0, share, upper)
    times = [run.at - since for run in mine]
    bad, beyond = (float(np.median(values)) for values in ([r.bad for r in mine], [r.beyond for r in mine]))
    return Ended(end, len(mine), share, upper, *quantiles(times), bad, beyond)


def quantiles(values: Sequence[float]) -> tuple[float, float]:
    """(median, 95 %), each one that was seen: the least value that so many do not exceed."""
    median, p95 = np.quantile(values, (0.5, 0.95), method="inverted_cdf")
    return float(median), float(p95)
