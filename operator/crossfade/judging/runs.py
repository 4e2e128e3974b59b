"""One run of a stream: what is remembered from line to line, and the verdict after each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf

from crossfade.api.v1alpha1.common import seconds
from crossfade.decide.judge.describe import Described, described
from crossfade.decide.judge.engine import Judgement, Overall, fold, judge
from crossfade.decide.judge.increments import increase
from crossfade.decide.judge.rules import MetricRules, Rules
from crossfade.decide.judge.thresholds import breaks
from crossfade.decide.judge.traffic import fold_traffic
from crossfade.decide.judge.weigh import RATIO_BOUND
from crossfade.judging.lines import Line, Sample
from crossfade.judging.setup import Setup
from crossfade.model.ledger import Ledger, MetricLedger, PodCount, Window

_USUAL_INTERVAL = 15.0
"""Seconds between lines while only one is known; nothing is weighed before the second."""
_SILENT_INTERVALS = 5
"""An arm without samples for longer than so many intervals is unseen, whatever was counted before."""
_SILENT_SECONDS = 5.0
_OTHER_BUCKETS = "the histograms of the pods do not have the same buckets"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one line."""

    overall: Overall
    metrics: tuple[Described, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The last sample of a pod, and whose counts are left out until `warm` (s)."""

    t: float
    sample: Sample
    warm: float = -inf


class Lines:
    """A run of lines. Memory is bounded: ledgers, and the last sample of each pod."""

    def __init__(self, setup: Setup) -> None:
        """Before the first line."""
        self._setup = setup
        self._interval = setup.interval
        self._pods: dict[tuple[str, str, str], _Seen] = {}
        self._heard: dict[tuple[str, str], float] = {}
        self._told: dict[str, tuple[MetricLedger | None, str, Described]] = {}
        self._rolled_back = False
        self._weight = -1
        self._since = 0.0
        self.t = -inf
        self.ledger = Ledger()

    def take(self, line: Line) -> Verdict:
        """The verdict after one more line, which must be newer than the one before."""
        before, self.t = self.t, line.t
        if line.weight != self._weight:
            self._weight, self._since = line.weight, line.t
        if before == -inf:
            self._begin(line)
        else:
            self._interval = self._interval or line.t - before
            self._fold(self._rules(), line, before)
        for sample in line.samples:
            self._heard[sample.metric, sample.arm] = line.t
        rules = self._rules()
        judgement = judge(rules, self.ledger, self._silent(rules))
        overall = self._overall(judgement)
        return Verdict(overall, tuple(self._described(rules, metric, judgement) for metric in rules.metrics))

    def _rules(self) -> Rules:
        return self._setup.rules(self._interval or _USUAL_INTERVAL)

    def _begin(self, line: Line) -> None:
        """The first samples of counters are where counting starts from."""
        self.ledger = Ledger({name: MetricLedger(end=line.t) for name in self._setup.kinds})
        for sample in line.samples:
            self._pods[sample.metric, sample.arm, sample.pod] = _Seen(line.t, sample)
        rules = self._rules()
        self._fold_traffic(rules, Window(line.t, (), ()))

    def _fold(self, rules: Rules, line: Line, before: float) -> None:
        """Every metric of which the candidate was scraped; the others wait, and lose nothing."""
        metrics, measured = dict(self.ledger.metrics), False
        for metric in rules.metrics:
            samples = [sample for sample in line.samples if sample.metric == metric.name]
            if not any(sample.arm == "candidate" for sample in samples):
                continue
            if metric.kind == "gauge":
                window = Window(line.t, (), (), weight=line.weight, value=_worst(metric, samples))
                metrics[metric.name] = fold(rules, metric.name, metrics[metric.name], window)
                continue
            bounds, behind = _bounds(samples, metrics[metric.name].bounds), self._counted_from(samples)
            window, warm = self._window(rules, samples, bounds, line, before)
            metrics[metric.name] = fold(rules, metric.name, metrics[metric.name], warm)
            if not measured:
                measured = True
                self._fold_traffic(rules, window, behind)
        self.ledger = replace(self.ledger, metrics=metrics)

    def _window(
        self, rules: Rules, samples: Sequence[Sample], bounds: tuple[float, ...] | None, line: Line, before: float
    ) -> tuple[Window, Window]:
        """What was counted since the last samples: of all pods, and of those that are warm."""
        every: dict[str, list[PodCount]] = {"stable": [], "candidate": []}
        warm: dict[str, list[PodCount]] = {"stable": [], "candidate": []}
        for sample in samples:
            place = sample.metric, sample.arm, sample.pod
            seen = self._pods.get(place)
            count = _counted(seen, sample, bounds or (), line.t, before)
            warm_at = seen.warm if seen is not None else line.t + rules.warmup if rules.warmup else -inf
            self._pods[place] = _Seen(line.t, sample, warm_at)
            every[sample.arm].append(count)
            if line.t > warm_at:
                warm[sample.arm].append(count)
        fault = _OTHER_BUCKETS if bounds is None else ""
        all_pods, warm_pods = (
            Window(line.t, tuple(arms["stable"]), tuple(arms["candidate"]), bounds or (), line.weight, fault=fault)
            for arms in (every, warm)
        )
        return all_pods, warm_pods

    def _counted_from(self, samples: Sequence[Sample]) -> float:
        """When the one of these pods was seen that has not been seen for longest; infinite when all are new."""
        seen = (self._pods.get((one.metric, one.arm, one.pod)) for one in samples)
        return min((one.t for one in seen if one is not None), default=inf)

    def _fold_traffic(self, rules: Rules, window: Window, behind: float = inf) -> None:
        traffic = fold_traffic(rules, self.ledger.traffic, self._weight, self._since, window, behind)
        self.ledger = replace(self.ledger, traffic=traffic)

    def _silent(self, rules: Rules) -> frozenset[str]:
        """Metrics of which the candidate, or the stable version that it is compared with, was not scraped lately."""
        oldest = self.t - max(_SILENT_INTERVALS * rules.step, _SILENT_SECONDS)
        return frozenset(
            metric.name
            for metric in rules.metrics
            for arm in (("candidate",) if metric.kind == "gauge" else ("candidate", "stable"))
            if self._heard.get((metric.name, arm), -inf) < oldest
        )

    def _overall(self, judgement: Judgement) -> Overall:
        """The verdict with the stage's clock, which runs from the first line with its weight; a rollback stays."""
        overall, stage, lasted = judgement.overall, self._setup.by_weight.get(self._weight), self.t - self._since
        if overall == "Advance" and stage is not None and lasted < seconds(stage.min_duration):
            overall = "Continue"
        elif overall == "Continue" and stage is not None and stage.max_duration is not None:
            overall = stage.on_inconclusive if lasted >= seconds(stage.max_duration) else overall
        self._rolled_back = self._rolled_back or overall == "Rollback"
        return "Rollback" if self._rolled_back else overall

    def _described(self, rules: Rules, metric: MetricRules, judgement: Judgement) -> Described:
        """Computed anew only when something new was counted."""
        ledger, state = self.ledger.metrics.get(metric.name), judgement.states[metric.name]
        known = self._told.get(metric.name)
        if known is None or known[0] is not ledger or known[1] != state:
            known = self._told[metric.name] = (ledger, state, described(rules, metric, self.ledger, judgement))
        return known[2]


def _bounds(samples: Sequence[Sample], known: tuple[float, ...]) -> tuple[float, ...] | None:
    """The bounds to count: those of before while all pods have them, else those of all; None when pods differ."""
    found = {sample.bounds for sample in samples}
    if known != RATIO_BOUND and known and all(set(known).issubset(bounds) for bounds in found):
        return known
    return found.pop() if len(found) == 1 else None


def _counted(seen: _Seen | None, sample: Sample, bounds: tuple[float, ...], t: float, before: float) -> PodCount:
    """What a pod counted since its last sample; since its birth when it is new, or has other buckets than it had."""
    known = seen is not None and seen.sample.bounds == sample.bounds
    total, parts = _grown(seen.t, seen.sample.values, sample.values, t) if seen and known else _born(sample, t, before)
    if sample.bounds:
        within = dict(zip(sample.bounds, parts, strict=True))
        parts = [total - within[bound] for bound in bounds]
    return PodCount(sample.pod, total, tuple([min(max(part, 0), total) for part in parts]))


def _grown(before: float, old: Sequence[float], new: Sequence[float], t: float) -> tuple[int, list[int]]:
    """(all, parts) between two samples; a fall is a reset, as the operator reads it."""
    grown = [b - a for a, b in zip(old, new, strict=True)]
    if min(grown) < 0:
        series = [((before, a), (t, b)) for a, b in zip(old, new, strict=True)]
        grown = [increase(one, before, t, -inf, series[:1]) for one in series]
    total, *parts = map(round, grown)
    return total, parts


def _born(sample: Sample, t: float, before: float) -> tuple[int, list[int]]:
    total, *parts = (round(increase(((t, value),), before, t, -inf)) for value in sample.values)
    return total, parts


def _worst(metric: MetricRules, samples: Iterable[Sample]) -> float | None:
    """The value of the candidate's pod that is nearest to breaking the rule; None while all of them warm up."""
    values = [sample.values[0] for sample in samples if sample.arm == "candidate" and sample.values]
    if not values or metric.rule is None:
        return None
    if metric.rule.min is not None and (metric.rule.max is None or breaks(metric.rule, min(values))):
        return min(values)
    return max(values)
