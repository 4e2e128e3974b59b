"""Warm-up requests are no evidence: what a pod's counters counted before it was warm is left out.

Nothing but warm-up requests reaches a server before it has answered as many as it must, so the first scrape that shows
so many is where its counting begins; and again after each start of its process. A scrape that shows fewer although the
pod was warm by then is of a counter that leaves them out: there its counting begins as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf

from crossfade.api import meta
from crossfade.decide.counting import all_requests, horizon
from crossfade.decide.templates import Source, source_of
from crossfade.model.evidence import Counters, Sample, Series
from crossfade.model.snapshot import Snapshot
from crossfade.model.workload import RevisionFacts

Key = tuple[str, str]
"""Revision and pod."""
_SLACK_SECONDS = 2.0
"""A pod's times are whole seconds of its node's clock, a scrape's are Prometheus's."""
Life = tuple[float, float, float]
"""From when to when (unix s) a process lived, and since when it was warm; infinite for not yet."""


def warmed(snapshot: Snapshot) -> Snapshot:
    """The snapshot without warm-up requests in its evidence. What a gateway counts has none."""
    spec, evidence = snapshot.rollout.spec, snapshot.evidence
    asked = {name: count for name, found in snapshot.revisions.items() if (count := _asked(found))}
    if spec is None or evidence is None or not asked:
        return snapshot
    since = {
        (name, pod.name): pod.warm_since
        for name, found in snapshot.revisions.items()
        for pod in found.pods
        if pod.warm_since is not None
    }
    sources = {metric.name: source_of(metric, snapshot.templates) for metric in spec.analysis.metrics}
    of_pods = {name for name, source in sources.items() if isinstance(source, Source) and source.arm is None}
    metrics = {
        name: without_warm_ups(counters, asked, since) if name in of_pods else counters
        for name, counters in evidence.metrics.items()
    }
    return replace(snapshot, evidence=replace(evidence, metrics=metrics))


def without_warm_ups(counters: Counters, asked: Mapping[str, int], since: Mapping[Key, float]) -> Counters:
    """The counters without what they have of the first so many requests of each process, by revision. `since` is when
    (unix s) pods were warm, as far as it is known. Gauges are left as they are."""
    totals: dict[Key, dict[float, float]] = {}
    for one in all_requests(counters):
        if one.revision in asked and one.samples:
            sums = totals.setdefault((one.revision, one.pod), {})
            for at, value in one.samples:
                sums[at] = sums.get(at, 0.0) + value
    born = horizon(counters)
    lives = {key: [*_lives(sorted(sums.items()), asked[key[0]], since.get(key, inf))] for key, sums in totals.items()}
    cut = {key: found for key, found in lives.items() if len(found) > 1 or found[0][2] > min(min(totals[key]), born)}
    if not cut:
        return counters
    return replace(
        counters,
        bad=_cut(counters.bad, cut),
        total=_cut(counters.total, cut),
        buckets={bound: _cut(series, cut) for bound, series in counters.buckets.items()},
    )


def _asked(found: RevisionFacts) -> int:
    """How many warm-up requests each pod of a revision answers."""
    said = found.deployment.get("metadata", {}).get("annotations", {}).get(meta.ANNOTATION_WARM_UP, "")
    return int(said) if said.isdecimal() else 0


def _lives(sums: Sequence[Sample], asked: int, since: float) -> Iterator[Life]:
    """The processes of one pod by the sum of its requests, which falls when one takes the place of another."""
    seen = next((at for at, _ in sums if at >= since + _SLACK_SECONDS), inf)
    starts = [-inf, *(at for (_, before), (at, after) in pairwise(sums) if after < before), inf]
    for start, end in pairwise(starts):
        warm = next((at for at, value in sums if start <= at < end and (value >= asked or at == seen)), inf)
        yield start, end, warm


def _cut(series: Sequence[Series], lives: Mapping[Key, Sequence[Life]]) -> tuple[Series, ...]:
    return tuple(
        replace(one, samples=tuple(_counted(one.samples, lives[key])))
        if (key := (one.revision, one.pod)) in lives
        else one
        for one in series
    )


def _counted(samples: Sequence[Sample], lives: Sequence[Life]) -> Iterator[Sample]:
    """What one series counted while its processes were warm, one after the other."""
    before = 0.0
    for start, end, warm in lives:
        mine = [(at, value) for at, value in samples if max(start, warm) <= at < end]
        cold = mine[0][1] if mine and mine[0][0] == warm else 0.0
        for at, value in mine:
            yield at, before + value - cold
        before += mine[-1][1] - cold if mine else 0.0
