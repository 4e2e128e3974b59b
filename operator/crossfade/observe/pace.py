"""When to read again: shortly after the next scrape, so that a verdict follows the scrape that it rests on."""

from collections.abc import Iterable, Mapping
from itertools import chain, pairwise
from math import ceil, inf
from statistics import median

from crossfade.model.evidence import Counters, Sample, Series

LEAST_SECONDS = 0.5
"""Nothing is read more often than this."""
_AFTER_SECONDS = 0.3
"""From a sample's time, which is when its scrape began, until Prometheus can be expected to tell of it."""
_PATIENCE_SECONDS = 1.0
"""A scrape that is late by less may come any moment; for a later one the next is waited for."""
_GONE_STEPS = 3.0
"""A pod that missed so many scrapes is no longer waited for."""
_USUAL_WINDOW_SECONDS = 300
_LONGEST_WINDOW_SECONDS = 3600
_BEFORE_SECONDS = 60
"""How much earlier than the first unjudged sample a window begins, so that what that sample adds is known."""


def next_read(metrics: Mapping[str, Counters], candidate: str, now: float, interval: float) -> float:
    """When to read again (unix seconds): when the next scrape of one of the candidate's pods should be in.

    No sooner than half a second from now and no later than `interval`. While the candidate has no samples the others'
    scrapes set the pace.
    """
    latest: dict[tuple[str, str], tuple[Sample, ...]] = {}
    for one in chain.from_iterable(_series(counters) for counters in metrics.values()):
        arm = one.revision, one.pod
        if len(one.samples) > 1 and (arm not in latest or one.samples[-1][0] > latest[arm][-1][0]):
            latest[arm] = one.samples
    due = {arm: at for arm, samples in latest.items() if (at := _due(samples, now)) < inf}
    ours = [at for (revision, _), at in due.items() if revision == candidate] or list(due.values())
    return min(max(min(ours, default=inf), now + LEAST_SECONDS), now + interval)


def window_seconds(since: float, now: float) -> int:
    """How far back to read so that nothing after `since` (unix s; 0 for the usual) is missed, in whole minutes."""
    wanted = now - since + _BEFORE_SECONDS if since else 0.0
    return min(max(_USUAL_WINDOW_SECONDS, 60 * ceil(wanted / 60)), _LONGEST_WINDOW_SECONDS)


def _series(counters: Counters) -> Iterable[Series]:
    """Those whose samples show a pod's scrapes; of a histogram, that which counts all."""
    return chain(counters.total, counters.bad, counters.gauges, counters.buckets.get(inf, ()))


def _due(samples: tuple[Sample, ...], now: float) -> float:
    """When the scrape after these should be in (unix seconds), `inf` for never."""
    step = median(later[0] - earlier[0] for earlier, later in pairwise(samples[-6:]))
    due = samples[-1][0] + step + _AFTER_SECONDS
    if now - due > _GONE_STEPS * step:
        return inf
    return due if now - due < _PATIENCE_SECONDS else due + step * ceil((now - due) / step)
