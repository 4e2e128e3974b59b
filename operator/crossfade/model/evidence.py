"""What Prometheus saw: raw cumulative counters, per pod and scrape. Never rates: resets are ours to judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Sample = tuple[float, float]
"""(unix seconds of the scrape, cumulative value)."""


@dataclass(frozen=True, slots=True)
class Series:
    """One counter of one pod. `samples` rise in time."""

    revision: str
    pod: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Counters:
    """One metric: the series that count bad requests and those that count all, of every revision asked for."""

    bad: tuple[Series, ...] = ()
    total: tuple[Series, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All metrics of one Rollout as of `read_at` (unix seconds), or the sentence that says why they are missing."""

    read_at: float
    metrics: Mapping[str, Counters] = field(default_factory=dict)
    error: str | None = None
