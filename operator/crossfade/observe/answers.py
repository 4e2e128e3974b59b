"""What Prometheus answered, and which of it belongs to which Rollout: facts for one metric, or why there are none."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from crossfade.api.v1alpha1.metrictemplate import ArmLabel
from crossfade.decide.doubles import Once, Owned, once
from crossfade.decide.templates import Source, is_of
from crossfade.model.evidence import Counters, Series
from crossfade.observe.histograms import buckets_of
from crossfade.ports import RawSeries

DEFAULT = "default"
"""The Prometheus of the Rollouts that name none."""

Place = tuple[str, str]
"""Namespace and name of a Rollout."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A Rollout under way: what to read of which revisions, by the name of each metric, from which Prometheus.

    A sentence instead of a source says why that metric cannot be read. New samples of `candidate` set the pace, those
    of all when it is empty. By metric, `since` is the time (unix seconds) until which samples have been judged, and
    `bounds` (s) are those at which a histogram must be counted.
    """

    place: Place
    sources: Mapping[str, Source | str]
    revisions: frozenset[str]
    candidate: str = ""
    prometheus: str = DEFAULT
    since: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What one selector gave at `at` (unix seconds), or the sentence why not."""

    at: float
    series: Sequence[RawSeries] = ()
    error: str | None = None

    @cached_property
    def arms(self) -> Mapping[tuple[str, str], Sequence[Owned]]:
        """The series with our labels, by namespace and revision."""
        found: dict[tuple[str, str], list[Owned]] = defaultdict(list)
        for raw in self.series:
            namespace, revision, pod = (raw.labels.get(label, "") for label in ("namespace", "revision", "pod"))
            if namespace and revision and pod:
                found[namespace, revision].append(Owned(revision, pod, raw))
        return found

    @cached_property
    def loose(self) -> frozenset[tuple[str, str]]:
        """Namespace and pod, empty where missing, of the series that lack one of our labels."""
        labels = (raw.labels for raw in self.series)
        return frozenset(
            (one.get("namespace", ""), one.get("pod", ""))
            for one in labels
            if not (one.get("namespace") and one.get("revision") and one.get("pod"))
        )

    def by_value(self, label: str) -> Mapping[str, Sequence[RawSeries]]:
        """The series that have the label, by its value."""
        if label not in self._by_label:
            found: dict[str, list[RawSeries]] = defaultdict(list)
            for raw in self.series:
                if label in raw.labels:
                    found[raw.labels[label]].append(raw)
            self._by_label[label] = found
        return self._by_label[label]

    @cached_property
    def _by_label(self) -> dict[str, Mapping[str, Sequence[RawSeries]]]:
        """Many Rollouts ask for the same."""
        return {}


def counters_of(one: Watched, name: str, source: Source, answers: Sequence[Answer]) -> Counters | str:
    """The facts of one metric from the answers to `source.selectors`, or the sentence why it cannot be counted."""
    read: list[Once] = []
    for answer in answers:
        fault = _unlabelled(one, answer) if source.arm is None else _untold(source.arm, answer)
        if fault is not None:
            return f"the metric {name!r} cannot be counted: {fault}; see docs/prometheus.md"
        read.append(once(list(_ours(one, answer, source.arm)), source.arm.label if source.arm else ""))
    found, doubled = [each.series for each in read], next((each.doubled for each in read if each.doubled), "")
    if source.kind == "latency":
        buckets = buckets_of(found[0], source.scale, one.bounds.get(name, ()))
        return (
            f"the metric {name!r} {buckets}" if isinstance(buckets, str) else Counters(buckets=buckets, doubled=doubled)
        )
    if any(owned.raw.histograms for each in found for owned in each):
        return f"the metric {name!r} reads a native histogram, which is no counter and no gauge; write it as `latency`"
    if source.kind == "gauge":
        return Counters(gauges=_plain(found[0]), doubled=doubled)
    return Counters(bad=_plain(found[0]), total=_plain(found[1]), doubled=doubled)


def _plain(found: Sequence[Owned]) -> tuple[Series, ...]:
    return tuple(Series(one.revision, one.pod, one.raw.samples) for one in found)


def _ours(one: Watched, answer: Answer, arm: ArmLabel | None) -> Iterator[Owned]:
    """The series of a Rollout's revisions, those of each together."""
    namespace = one.place[0]
    for revision in sorted(one.revisions):
        if arm is None:
            yield from answer.arms.get((namespace, revision), ())
            continue
        for value, series in answer.by_value(arm.label).items():
            if is_of(arm, {arm.label: value}, namespace, revision):
                yield from (Owned(revision, _target(raw.labels), raw) for raw in series)


def _target(labels: Mapping[str, str]) -> str:
    """What was scraped: to a series of a gateway that is what its pod is to a series of ours."""
    if labels.get("instance"):
        return f"{labels.get('job', '')}/{labels['instance']}"
    return ",".join(labels[name] for name in sorted(labels) if name not in ("__name__", "le"))


def _unlabelled(one: Watched, answer: Answer) -> str | None:
    """Why an answer that has series counts nothing. Pods of other workloads have no revision; that is no fault."""
    ours = tuple(f"{revision}-" for revision in one.revisions)
    mine = any(namespace == one.place[0] and pod.startswith(ours) for namespace, pod in answer.loose)
    anyones = not answer.arms and any(not (namespace and pod) for namespace, pod in answer.loose)
    return "its series lack the labels namespace, pod and revision" if mine or anyones else None


def _untold(arm: ArmLabel, answer: Answer) -> str | None:
    """Why an answer that has series tells no arms apart. Those of other services are no fault."""
    if answer.series and not answer.by_value(arm.label):
        return f"its series lack the label {arm.label}, by which its template tells the arms"
    return None
