"""From raw cumulative samples to counts: resets, births and gaps. Never `rate()`, never a sum before reset handling."""

from collections.abc import Iterable
from itertools import pairwise
from math import inf
from statistics import median

from crossfade.model.evidence import Counters, Evidence, Series

_SPACINGS = 2.5  # scrapes are jittered by target; a series that starts later than this many spacings was born


def all_series(counters: Counters) -> tuple[Series, ...]:
    """Every series of a metric, whatever it counts."""
    by_bound = (one for series in counters.buckets.values() for one in series)
    return (*counters.total, *counters.bad, *by_bound, *counters.gauges)


def all_requests(counters: Counters) -> tuple[Series, ...]:
    """The series that count all requests; none for a gauge."""
    return counters.total or counters.buckets.get(inf, ())


def spacing(counters: Counters) -> float:
    """The scrape interval in seconds, as the median distance of the densest series' samples; 0 when unknown."""
    series = max(all_series(counters), key=lambda one: len(one.samples), default=None)
    if series is None or len(series.samples) < 2:
        return 0.0
    times = [t for t, _ in series.samples]
    return median(b - a for a, b in pairwise(times))


def horizon(counters: Counters) -> float:
    """Series whose first sample is later than this (unix seconds) were born under our eyes and count from 0."""
    if not (step := spacing(counters)):
        return inf  # one sample a series tells nothing of what came before
    first = min((s.samples[0][0] for s in all_series(counters) if s.samples), default=0.0)
    return first + _SPACINGS * step


def increase(series: Series, since: float, born_after: float) -> float:
    """Events counted by one series after `since`.

    A fall is a reset: the process started again from 0. The first sample of a series counts whole when the series
    was born while others were already being scraped, and is only a starting point otherwise.
    """
    total = 0.0
    before: float | None = None
    for at, value in series.samples:
        if at > since:
            total += _step(before, at, value, born_after)
        before = value
    return total


def _step(before: float | None, at: float, value: float, born_after: float) -> float:
    if before is None:
        return value if at > born_after else 0.0
    return value - before if value >= before else value


def count(series: Iterable[Series], revision: str, since: float, born_after: float) -> int:
    """Events of one revision after `since` (unix seconds), over all its pods."""
    return round(sum(increase(s, since, born_after) for s in series if s.revision == revision))


def is_fresh(evidence: Evidence | None, now: float) -> bool:
    """Whether Prometheus answered lately enough that its silence about an arm means something."""
    return evidence is not None and evidence.error is None and now - evidence.read_at <= STALE_SECONDS


STALE_SECONDS = 60.0
