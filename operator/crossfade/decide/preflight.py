"""Before a rollout starts: does what is read of the stable version fit what the metric says it is?"""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import inf

from crossfade.api.v1alpha1.analysis import Metric
from crossfade.api.v1alpha1.common import seconds
from crossfade.decide.templates import Source
from crossfade.model.evidence import Counters, Series

_ENOUGH_REQUESTS = 20
"""Fewer tell nothing of a selector or a unit."""
_MOST_SHOWN = 160
_LIKE_MILLISECONDS = (0.5, 1000.0)
"""A histogram that has no bound below the first and one above the second hardly counts seconds."""
_LIKE_SECONDS = (0.1, 60.0)
"""One that has a bound below the first and none above the second hardly counts milliseconds."""


def problem(metric: Metric, source: Source, found: Counters, stable: str) -> str | None:
    """The sentence (without a full stop) that says why the metric cannot be judged as it is written, None when it can.

    `found` is what was read for it, cumulative since the pods' start; only series of the revision `stable` count,
    but for pods that are scraped twice: whoever's they are, nothing can be compared.
    """
    if found.doubled:
        why: str | None = found.doubled
    elif source.kind == "ratio":
        why = _of_ratio(source, _of(found.bad, stable), _of(found.total, stable))
    elif source.kind == "latency":
        beyond = {bound: _of(series, stable) for bound, series in found.buckets.items()}
        why = _of_latency(metric, source, {bound: _events(series) for bound, series in beyond.items() if series})
    else:
        why = _of_gauge(source, _of(found.gauges, stable))
    return None if why is None else f"the metric {metric.name!r} cannot be judged: {why}"


def _shown(selector: str) -> str:
    """Short enough for a status, whose sentences have at most 1024 characters."""
    return f"`{selector}`" if len(selector) <= _MOST_SHOWN else f"`{selector[: _MOST_SHOWN - 1]}…`"


def _of(series: Iterable[Series], revision: str) -> list[Series]:
    return [one for one in series if one.revision == revision and one.samples]


def _events(series: Iterable[Series]) -> float:
    return sum(one.samples[-1][1] for one in series)


def _nothing(source: Source, selector: str) -> str:
    whose = (
        "the labels namespace, pod and revision (docs/prometheus.md)"
        if source.arm is None
        else f"a label `{source.arm.label}` that contains `{source.arm.contains}`"
    )
    return (
        f"{_shown(selector)} finds no series of the stable version; correct the selector, "
        f"send requests if there were none yet, and see that its series have {whose}"
    )


def _of_ratio(source: Source, bad: list[Series], total: list[Series]) -> str | None:
    if not total:
        return _nothing(source, source.total)
    failed, requests, selector = _events(bad), _events(total), _shown(source.bad)
    if requests < _ENOUGH_REQUESTS:
        return None
    if failed > requests:
        return (
            f"{selector} counts {failed:.0f} of the stable version and {_shown(source.total)} only {requests:.0f}; "
            "the second must count all requests, the bad ones among them"
        )
    if failed == requests:
        return f"{selector} counts every request of the stable version as bad; make it select those that went wrong"
    return None


def _of_latency(metric: Metric, source: Source, counts: Mapping[float, float]) -> str | None:
    """`counts` are the stable version's requests up to each bound in seconds."""
    if not counts:
        return _nothing(source, source.buckets)
    bounds = sorted(bound for bound in counts if bound < inf)
    if inf not in counts or not bounds:
        return f"{_shown(source.buckets)} does not select all buckets of a histogram; leave out matchers of `le`"
    return _wrong_unit(source, bounds) or _too_coarse(bounds, counts) or _no_bound(metric, bounds)


def _wrong_unit(source: Source, bounds: list[float]) -> str | None:
    first, last = bounds[0] / source.scale, bounds[-1] / source.scale
    shown = f"the bounds of {_shown(source.buckets)} go from {first:g} to {last:g}"
    if source.scale == 1.0 and first >= _LIKE_MILLISECONDS[0] and last > _LIKE_MILLISECONDS[1]:
        return f"{shown}, which looks like milliseconds, not seconds; use a MetricTemplate with `unit: Milliseconds`"
    if source.scale != 1.0 and first < _LIKE_SECONDS[0] and last <= _LIKE_SECONDS[1]:
        return f"{shown}, which looks like seconds, not milliseconds; use a MetricTemplate with `unit: Seconds`"
    return None


def _too_coarse(bounds: list[float], counts: Mapping[float, float]) -> str | None:
    if counts[inf] < _ENOUGH_REQUESTS:
        return None
    if counts[bounds[0]] == counts[inf]:
        return (
            f"every request of the stable version was faster than the smallest bound, {_time(bounds[0])}; "
            "give the histogram finer buckets, or correct the unit"
        )
    if counts[bounds[-1]] == 0:
        return (
            f"every request of the stable version was slower than the largest bound, {_time(bounds[-1])}; "
            "give the histogram larger buckets, or correct the unit"
        )
    return None


def _no_bound(metric: Metric, bounds: list[float]) -> str | None:
    """A fixed bound of latency can only be counted where the histogram has a boundary."""
    absolute = metric.objective.absolute
    if absolute is None or absolute.max is None or absolute.quantile is None:
        return None
    edge = seconds(absolute.max)
    if any(abs(bound - edge) <= 1e-9 * edge for bound in bounds):
        return None
    near = [*[b for b in bounds if b < edge][-1:], *[b for b in bounds if b > edge][:1]]
    return (
        f"the histogram has no bucket that ends at `absolute.max`, {absolute.max}; "
        f"the nearest end at {' and '.join(map(_time, near))}: take one of them, or give the histogram one more"
    )


def _of_gauge(source: Source, series: list[Series]) -> str | None:
    if not series:
        return _nothing(source, source.series)
    pod, most = Counter(one.pod for one in series).most_common(1)[0]
    if most > 1:
        return (
            f"{_shown(source.series)} finds {most} series of the pod {pod}; "
            "narrow it to one a pod, for gauges cannot be added up"
        )
    return None


def _time(bound: float) -> str:
    """As a GEP-2257 duration where that is exact."""
    milliseconds = round(bound * 1000, 6)
    if bound >= 1 and bound == int(bound):
        return f"{bound:.0f}s"
    return f"{milliseconds:g}ms"
