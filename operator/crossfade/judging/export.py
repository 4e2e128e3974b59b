"""From the samples behind a verdict to a stream that `crossfade judge` folds into the same ledgers, bit for bit.

Pods are scraped at different moments, so a line is not a scrape but a round of the operator's: it stands at the round's
end and holds each pod's counters as far as they were counted by then. They start from 0 and never fall, for births and
resets were judged when the round was made; a replay must not judge them twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crossfade.api.v1alpha1.rollout import MetricStatus
from crossfade.decide.judge.engine import fold
from crossfade.decide.judge.rules import MetricRules, Rules
from crossfade.decide.judge.windows import rounds
from crossfade.model.evidence import Counters
from crossfade.model.ledger import MetricLedger, PodCount, Stratum, Window

NOBODY = "-"
"""The pod that stands, with zeros, for candidate pods that warm up: a line without the candidate would wait for it."""


def windows_behind(
    rules: Rules,
    metric: MetricRules,
    counters: Counters,
    arms: tuple[str, str],
    since: float,
    until: float,
    recorded: MetricStatus | None = None,
    strata: Sequence[Stratum] = (),
) -> list[Window]:
    """The rounds in (since, until] (unix s) that are in the recorded figures; `arms` are stable's and the candidate's
    revision.

    With `strata`, which count the requests by weight, each window has the weight under which it was weighed; else 0.
    """
    ledger, kept, weights = MetricLedger(end=since), list[Window](), _Weights(strata)
    for window, _ in rounds(counters, metric.kind, *arms, ledger, rules.step, 0, rules.warmup, metric):
        after = fold(rules, metric.name, ledger, window)
        if window.end > until or (recorded is not None and _beyond(after, recorded)):
            break
        weighed = after.looks > ledger.looks
        requests = sum(pod.total for pod in window.candidate) if weighed else 0
        kept.append(_weighted(window, weights.after(requests)))
        ledger = after
    return kept


def lines(rules: Rules, windows: Mapping[str, Sequence[Window]], since: float) -> Iterator[dict[str, Any]]:
    """The stream: an empty line at `since`, so that all that follows counts, then one for each end of a round."""
    ends = sorted({window.end for those in windows.values() for window in those})
    by_end = {name: {window.end: window for window in those} for name, those in windows.items()}
    grown = {name: _Grown() for name in windows}
    first = [by_end[name][end].weight for end in ends[:1] for name in windows if end in by_end[name]]
    yield {"t": since, "weight": max(first, default=0), "samples": []}
    for end in ends:
        now = {name: those[end] for name, those in by_end.items() if end in those}
        samples = [
            sample for name, window in now.items() for sample in grown[name].samples(rules.by_name[name], window)
        ]
        yield {"t": end, "weight": max(window.weight for window in now.values()), "samples": samples}


def _beyond(ledger: MetricLedger, recorded: MetricStatus) -> bool:
    """Whether more was counted than is in the figures."""
    return ledger.candidate.total > recorded.candidate.total or ledger.stable.total > recorded.stable.total


def _weighted(window: Window, weight: float) -> Window:
    return Window(window.end, window.stable, window.candidate, window.bounds, weight, window.value, window.fault)


class _Weights:
    """Which weight a window was weighed under: stages follow each other, and their requests are known."""

    def __init__(self, strata: Sequence[Stratum]) -> None:
        self._left = [(one.weight, one.candidate_total) for one in strata]

    def after(self, requests: int) -> float:
        """The weight of the next window, in which the candidate had so many requests."""
        if not self._left:
            return 0
        while len(self._left) > 1 and self._left[0][1] < requests:
            self._left.pop(0)
        weight, left = self._left[0]
        self._left[0] = weight, left - requests
        return weight


@dataclass(slots=True)
class _Grown:
    """The counters of one metric's pods, by arm and pod: all requests, and those beyond each bound."""

    pods: dict[tuple[str, str], tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    bounds: tuple[float, ...] = ()

    def samples(self, metric: MetricRules, window: Window) -> list[dict[str, Any]]:
        """As one line shows them after the window; nothing for one in which nothing could be counted."""
        if metric.kind == "gauge":
            return [{"metric": metric.name, "arm": "candidate", "pod": "worst", "value": window.value}]
        if window.fault:
            return []
        if window.bounds != self.bounds:  # other buckets are other counters
            self.pods, self.bounds = {}, window.bounds
        for arm, counts in (("stable", window.stable), ("candidate", window.candidate)):
            for count in counts:
                self._add(arm, count)
        if not any(arm == "candidate" for arm, _ in self.pods):
            self._add("candidate", PodCount(NOBODY, 0, (0,) * max(len(window.bounds), 1)))
        return [self._sample(metric.name, arm, pod) for arm, pod in sorted(self.pods)]

    def _add(self, arm: str, count: PodCount) -> None:
        total, bad = self.pods.get((arm, count.pod), (0, (0,) * len(count.bad)))
        self.pods[arm, count.pod] = total + count.total, tuple(a + b for a, b in zip(bad, count.bad, strict=True))

    def _sample(self, metric: str, arm: str, pod: str) -> dict[str, Any]:
        total, bad = self.pods[arm, pod]
        head = {"metric": metric, "arm": arm, "pod": pod}
        if not self.bounds:
            return {**head, "bad": bad[0], "total": total}
        within = {repr(bound): total - beyond for bound, beyond in zip(self.bounds, bad, strict=True)}
        return {**head, "buckets": {**within, "+Inf": total}}
