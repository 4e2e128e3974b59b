"""The series of one metric as both arms' pods, and what all of them did in one round."""

from collections.abc import Mapping, Sequence
from math import inf

from crossfade.decide.judge.increments import Pod
from crossfade.decide.judge.rules import Kind, MetricRules
from crossfade.decide.judge.thresholds import breaks
from crossfade.model.evidence import Counters, Series
from crossfade.model.ledger import PodCount, Window

Behind = tuple[tuple[str, float], ...]
"""Pods (revision/name) that are late, and up to when (unix s) each was counted."""

MOST_BOUNDS = 64
"""Of a histogram with more, so many are counted."""
LIVE_STEPS = 2.5
"""A pod that was last scraped longer ago is not waited for."""
_BORN_STEPS = 2.5
"""A pod whose first sample comes later than this after the first of all was born, and not only late."""
_WHOLE_STEP = 0.9
"""A pod whose last sample is older than this at a round's end may have one that cannot be seen yet."""
_GONE_SECONDS = 300.0
TWICE = "pods are scraped more than once"
_OTHER = "the two versions' histograms have different buckets"
_CHANGED = "the histogram's buckets are not those of before"
_PARTIAL = "not all pods' histograms have the same buckets"
_NONE = "the histogram has no bucket with an end"


def requests(counters: Counters, kind: Kind) -> Sequence[Series]:
    """The series whose samples make the rounds: those that count all requests, or the gauges."""
    if kind == "gauge":
        return counters.gauges
    return counters.buckets.get(inf, ()) if kind == "latency" else counters.total


class Readings:
    """What all rounds of one look share. `known` are the bounds counted so far, empty before the first window."""

    def __init__(
        self,
        counters: Counters,
        kind: Kind,
        arms: Mapping[str, Mapping[str, Pod]],
        step: float,
        warmup: float,
        metric: MetricRules | None,
        known: Sequence[float],
    ) -> None:
        """`arms` are the pods of stable and candidate by revision; `step` and `warmup` are in seconds."""
        self._kind, self._step, self._warmup, self._metric = kind, step, warmup, metric
        self._arms = arms
        self._start = min([one.samples[0][0] for one in requests(counters, kind) if one.samples])
        self._bounds: tuple[float, ...] = ()
        self._fault = ""
        if kind == "latency":
            edge = metric.edge if metric is not None else None
            self._bounds, self._fault = _shared(counters.buckets, tuple(arms), known, edge)
        parts = [counters.bad] if kind == "ratio" else [counters.buckets[bound] for bound in self._bounds]
        _add(parts, arms)
        if kind == "latency" and not all(all(pod.parts) for arm in arms.values() for pod in arm.values()):
            self._bounds, self._fault = (), _PARTIAL

    def window(self, began: float, end: float, weight: float, behind: Behind) -> tuple[Window, Behind]:
        """The window (began, end], and who is behind at its end."""
        if self._kind == "gauge":
            return Window(end, (), (), weight=weight, value=self._worst(began, end)), ()
        late, still = dict(behind), dict(behind)
        stable, candidate = (
            self._counts(arm, revision, began, end, late, still) for revision, arm in self._arms.items()
        )
        gone = began - _GONE_SECONDS
        left = tuple(sorted((key, until) for key, until in still.items() if until >= gone))
        return Window(end, stable, candidate, self._bounds, weight, fault=self._fault), left

    def _counts(
        self,
        arm: Mapping[str, Pod],
        revision: str,
        began: float,
        end: float,
        late: Mapping[str, float],
        still: dict[str, float],
    ) -> tuple[PodCount, ...]:
        """What each scraped pod of an arm did; `still` is brought up to date."""
        found = []
        for pod in arm.values():
            key = f"{revision}/{pod.name}"
            since = late.get(key) or pod.last_until(began)
            until = max(pod.last_until(end), since)
            if until < began - LIVE_STEPS * self._step and key not in late:
                continue  # it was gone before it was ever counted
            if until < end - _WHOLE_STEP * self._step:
                still[key] = until
            else:
                still.pop(key, None)
            if since == -inf:
                since = began
            if self._warmup:
                since = max(since, self._warm(pod))
            if until > since:
                found.append(self._count(pod, since, until))
        return tuple(found)

    def _count(self, pod: Pod, since: float, until: float) -> PodCount:
        # A pod that was last counted before the readings begin may be as old as the hills.
        born_after = self._start + _BORN_STEPS * self._step if self._start <= since else inf
        total, parts = pod.counted(since, until, born_after)
        if self._fault:
            return PodCount(pod.name, total, ())
        if self._kind == "latency":
            parts = [total - part for part in parts]
        # `min` and `max` of every part would take as long as counting them
        return PodCount(
            pod.name, total, tuple([part if 0 <= part <= total else min(max(part, 0), total) for part in parts])
        )

    def _warm(self, pod: Pod) -> float:
        """When its warm-up was over; -inf for a pod that was there before the readings begin."""
        if pod.first <= self._start + _BORN_STEPS * self._step:
            return -inf
        return pod.first + self._warmup

    def _worst(self, began: float, end: float) -> float | None:
        """The worst of the candidate's values; None when all that were scraped still warm up."""
        values = []
        for pod in tuple(self._arms.values())[1].values():
            if not self._warmup or pod.last_until(end) > self._warm(pod):
                values += pod.values(began, end)
        if not values:
            return None
        rule = self._metric.rule if self._metric is not None else None
        if rule is None or rule.min is None:
            return max(values)
        return min(values) if rule.max is None or breaks(rule, min(values)) else max(values)


def _add(parts: Sequence[Sequence[Series]], arms: Mapping[str, Mapping[str, Pod]]) -> None:
    for arm in arms.values():
        for pod in arm.values():
            pod.parts = [[] for _ in parts]
    nobody: Mapping[str, Pod] = {}
    for number, part in enumerate(parts):
        for one in part:
            if one.samples and (found := arms.get(one.revision, nobody).get(one.pod)) is not None:
                found.parts[number].append(one.samples)


def _shared(
    buckets: Mapping[float, Sequence[Series]], revisions: Sequence[str], known: Sequence[float], edge: float | None
) -> tuple[tuple[float, ...], str]:
    """(the bounds to count, why there are none). Once chosen they stay as long as both arms have them.

    Native histograms show a bound only when something was counted near it; so those that appear later are no change.
    """
    arms = [_bounds_of(buckets, revision) for revision in revisions]
    stable, candidate = (arm or arms[not place] for place, arm in enumerate(arms))
    if known and candidate.intersection(stable).issuperset(known):
        return tuple(known), ""
    if stable != candidate:
        return (), _OTHER
    if not candidate:
        return (), _NONE
    return ((), _CHANGED) if known else (_thinned(sorted(candidate), edge), "")


def _bounds_of(buckets: Mapping[float, Sequence[Series]], revision: str) -> frozenset[float]:
    return frozenset(
        bound
        for bound, series in buckets.items()
        if bound < inf and any(one.revision == revision and one.samples for one in series)
    )


def _thinned(bounds: Sequence[float], edge: float | None) -> tuple[float, ...]:
    """At most 64 of the bounds, evenly spread; `edge`, if it is one of them, in the place of the one next to it."""
    if len(bounds) <= MOST_BOUNDS:
        return tuple(bounds)
    last = len(bounds) - 1
    kept = [bounds[round(i * last / (MOST_BOUNDS - 1))] for i in range(MOST_BOUNDS)]
    if edge is not None and edge in bounds and edge not in kept:
        kept[min(range(MOST_BOUNDS), key=lambda i: abs(kept[i] - edge))] = edge
    return tuple(kept)
