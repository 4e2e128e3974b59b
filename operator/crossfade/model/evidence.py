"""What Prometheus saw: raw cumulative counters, per pod and scrape. Never rates: resets are ours to judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

Sample = tuple[float, float]
"""(unix seconds of the scrape, cumulative value)."""


@dataclass(frozen=True, slots=True)
class Series:
    """One counter or gauge of one pod. `samples` are finite and rise strictly in time, whatever order they came in.

    Of several samples of one time the greatest counts; what is not finite is left out.
    """

    revision: str
    pod: str
    samples: tuple[Sample, ...]

    def __post_init__(self) -> None:
        """Put the samples in order, if they are not."""
        if not _in_order(self.samples):
            finite = sorted(sample for sample in self.samples if _in_order((sample,)))
            object.__setattr__(self, "samples", tuple(dict(finite).items()))


def _in_order(samples: tuple[Sample, ...]) -> bool:
    before = -inf
    for at, value in samples:
        if not (before < at < inf and -inf < value < inf):
            return False
        before = at
    return True


@dataclass(frozen=True, slots=True)
class Counters:
    """One metric, of every revision asked for: the series that count bad requests and those that count all, or those
    of a histogram by upper bound (s; cumulative, `inf` counts all), or gauges.

    `doubled` is the sentence (without a full stop) that says which of them more than one scrape shows at the same time,
    empty when none does.
    """

    bad: tuple[Series, ...] = ()
    total: tuple[Series, ...] = ()
    buckets: Mapping[float, tuple[Series, ...]] = field(default_factory=dict)
    gauges: tuple[Series, ...] = ()
    doubled: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All metrics of one Rollout as of `read_at` (unix seconds), or the sentence that says why they are missing."""

    read_at: float
    metrics: Mapping[str, Counters] = field(default_factory=dict)
    error: str | None = None
