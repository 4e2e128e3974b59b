"""Histograms of both sorts as one thing: how many requests took no longer than each bound."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import inf, isnan, log2

from crossfade.decide.doubles import Owned
from crossfade.model.evidence import Sample, Series
from crossfade.ports import NativeSample

_ROUNDING = 1e-6
Buckets = Mapping[float, tuple[Series, ...]]


def buckets_of(found: Sequence[Owned], scale: float, wanted: Iterable[float] = ()) -> Buckets | str:
    """Cumulative counters by upper bound (s), of classic and native histograms; `scale` times a bound is seconds.

    Native ones are counted at the bounds `wanted` (s) too where these are edges. Or the sentence, without its subject,
    that says why there are none.
    """
    by_bound: dict[float, list[Series]] = defaultdict(list)
    for one in found:
        if one.raw.histograms:
            continue
        bound = _bound(one.raw.labels.get("le"))
        if isinstance(bound, str):
            return bound
        by_bound[bound * scale].append(Series(one.revision, one.pod, one.raw.samples))
    if by_bound and inf not in by_bound:
        return 'lacks the series le="+Inf", which counts all requests; the selector must not choose among `le`'
    for bound, series in _native(found, scale, wanted).items():
        by_bound[bound].extend(series)
    return {bound: tuple(by_bound[bound]) for bound in sorted(by_bound)}


def _bound(le: str | None) -> float | str:
    if le is None:
        return "is no histogram: its series have no label `le`, nor are they native histograms"
    try:
        bound = float(le)
    except ValueError:
        return f"has a bucket le={le[:40]!r}, which is no number of seconds"
    return "has a bucket le='NaN', which is no number of seconds" if isnan(bound) else bound


def _native(found: Sequence[Owned], scale: float, wanted: Iterable[float]) -> Mapping[float, Sequence[Series]]:
    """All native histograms at the bounds that are known in all their samples.

    Buckets without a count are not in the answer, so samples of one series differ in what they show; where a sample
    does not show a bound, no request lay between it and the next lower one.
    """
    mine = [(one, _scaled(one.raw.histograms, scale)) for one in found if one.raw.histograms]
    widths = {(left, right) for _, samples in mine for sample in samples for left, right, _ in sample.buckets}
    bounds = _shared_bounds(widths, (bound for bound in wanted if _may_be_edge(bound, widths)))
    by_bound: dict[float, list[Series]] = defaultdict(list)
    for one, samples in mine:
        rows = [_cumulative(sample, bounds) for sample in samples]
        for place, bound in enumerate(bounds):
            counts: tuple[Sample, ...] = tuple(
                (sample.at, row[place]) for sample, row in zip(samples, rows, strict=True)
            )
            by_bound[bound].append(Series(one.revision, one.pod, counts))
        by_bound[inf].append(Series(one.revision, one.pod, tuple((sample.at, sample.count) for sample in samples)))
    return by_bound


def _scaled(samples: Sequence[NativeSample], scale: float) -> Sequence[NativeSample]:
    if scale == 1.0:
        return samples
    return [
        NativeSample(one.at, one.count, tuple((left * scale, right * scale, n) for left, right, n in one.buckets))
        for one in samples
    ]


def _shared_bounds(widths: Iterable[tuple[float, float]], wanted: Iterable[float]) -> list[float]:
    """The finite edges above 0 that lie inside nobody's bucket: a histogram that ran full merges its buckets by two.

    What was counted below 0, where no time is, and in the zero bucket lies below all of them but its own upper edge.
    """
    known = (edge for width in widths for edge in width if 0.0 < edge < inf)
    edges = sorted({*known, *wanted})
    inside: set[float] = set()
    for left, right in widths:
        inside.update(edges[bisect_right(edges, left) : bisect_left(edges, right)])
    return [edge for edge in edges if edge not in inside]


def _may_be_edge(bound: float, widths: Iterable[tuple[float, float]]) -> bool:
    """Whether a bound that no bucket shows can be an edge: those of exponential histograms follow from any other.

    Their edges are 2^(k/2^schema) for whole k; of custom buckets only those are known that were counted near.
    """
    left, right = max(widths, key=lambda width: width[1] / width[0] if width[0] > 0 else 0.0, default=(0.0, inf))
    if left <= 0.0 or right == inf:
        return True
    each = log2(right / left)
    if not _whole(log2(1 / each)) or not _whole(log2(right) / each):
        return True
    return _whole(log2(bound) / each)


def _whole(number: float) -> bool:
    return abs(number - round(number)) < _ROUNDING


def _cumulative(sample: NativeSample, bounds: Sequence[float]) -> list[float]:
    """How many lie at or below each bound; no bound lies inside a bucket."""
    counts: list[float] = []
    so_far, place = 0.0, 0
    for bound in bounds:
        while place < len(sample.buckets) and sample.buckets[place][1] <= bound:
            so_far += sample.buckets[place][2]
            place += 1
        counts.append(so_far)
    return counts
