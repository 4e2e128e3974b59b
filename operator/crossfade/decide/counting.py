"""From raw cumulative samples to counts: resets, births and gaps. Never `rate()`, never a sum before reset handling."""

from collections.abc import Iterable
from itertools import pairwise
from math import inf
from statistics import median

from crossfade.decide.judge.increments import increase
from crossfade.model.evidence import Counters, Evidence, Sample, Series

_SPACINGS = 2.5  # scrapes are jittered by target; a series that starts later than this many spacings was born


def all_series(counters: Counters) -> tuple[Series, ...]:
    """Every series of a metric, whatever it counts."""
    by_bound = (one for series in counters.buckets.values() for one in series)
    return (*counters.total, *counters.bad, *by_bound, *counters.gauges)


def all_requests(counters: Counters) -> tuple[Series, ...]:
    """The series that count all requests; none for a gauge."""
    return counters.total or counters.buckets.get(inf, ())


def spacing(counters: Counters) -> float:
    """The scrape interval in seconds; 0 when unknown."""
    return spacing_of(all_series(counters))


def spacing_of(series: Iterable[Series]) -> float:
    """The median distance (s) between the samples of the series that has most of them; 0 when there are not two."""
    samples = max((one.samples for one in series), key=len, default=())
    return median(after - before for (before, _), (after, _) in pairwise(samples)) if len(samples) > 1 else 0.0


def horizon(counters: Counters) -> float:
    """Series whose first sample is later than this (unix seconds) were born under our eyes and count from 0."""
    if not (step := spacing(counters)):
        return inf  # one sample a series tells nothing of what came before
    first = min((s.samples[0][0] for s in all_series(counters) if s.samples), default=0.0)
    return first + _SPACINGS * step


def count(series: Iterable[Series], revision: str, since: float, born_after: float, until: float = inf) -> int:
    """Events of one revision after `since` and up to `until` (unix seconds), over all its pods."""
    return round(sum(increase(s.samples, since, until, born_after) for s in series if s.revision == revision))


def arrivals(counters: Counters, revision: str, since: float) -> int:
    """Requests of one revision that cannot have come before `since` (unix seconds), over all its pods.

    What a pod has counted by its first scrape after `since` may be older. Nor is a series born with a request before it
    is shown first so late that another scrape would have shown it.
    """
    born = max(since + _SPACINGS * (spacing(counters) or inf), horizon(counters))
    mine = [one.samples for one in all_requests(counters) if one.revision == revision and one.samples]
    return round(sum(_after(samples, since, born) for samples in mine))


def _after(samples: tuple[Sample, ...], since: float, born: float) -> float:
    if samples[0][0] > born:
        return increase(samples, since, inf, born)
    first = next((at for at, _ in samples if at > since), inf)
    return increase(samples, first, inf, inf)


def newest(series: Iterable[Series], revision: str) -> float:
    """When (unix seconds) a pod of the revision was scraped last; infinite when none ever was."""
    return max((s.samples[-1][0] for s in series if s.revision == revision and s.samples), default=inf)


def is_fresh(evidence: Evidence | None, now: float) -> bool:
    """Whether Prometheus answered lately enough that its silence about an arm means something."""
    return evidence is not None and evidence.error is None and now - evidence.read_at <= STALE_SECONDS


STALE_SECONDS = 60.0
