"""The A/A referee: stable's own past replayed as rollouts in which one pod plays the candidate and the rest stable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, lgamma, log, log1p
from typing import Literal

from crossfade.decide.judge.dispersion import constant_phi, history_of, known
from crossfade.decide.judge.engine import fold
from crossfade.decide.judge.rules import History, MetricRules, Rules
from crossfade.model.ledger import MetricLedger, Window

_CONFIDENCE = 0.95
_DOUBLINGS = 5


@dataclass(frozen=True, slots=True)
class Replay:
    """False alarms among replays of a rollout that changed nothing."""

    alarms: int = 0
    replays: int = 0

    @property
    def rate(self) -> float:
        """Share of the replays that were rolled back."""
        return self.alarms / self.replays if self.replays else 0.0

    @property
    def upper(self) -> float:
        """Above the true share with 95 % confidence."""
        return upper_bound(self.alarms, self.replays)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The rules with the service's history in them, how often they cried wolf on it, and by which model of noise."""

    rules: Rules
    replay: Replay
    model: Literal["Kappa", "Constant", "Unknown"]


def calibrated(rules: Rules, windows: Mapping[str, Sequence[Window]]) -> Calibration:
    """Rules that know the history, by metric: noise as `kappa`, and a constant beside it when that is not enough.

    Not enough is when more of the replays than `falseRollback` are rolled back. The constant starts at what the counts
    show and is doubled, up to five times, until the past is quiet: a slow judge is better than one that cries wolf.
    """
    kinds = {metric.name: metric.kind for metric in rules.metrics}
    histories = {name: history_of(windows[name], kind) for name, kind in kinds.items() if windows.get(name)}
    told = with_histories(rules, histories)
    replay = replayed(told, windows)
    if not any(known(history) for history in histories.values()):
        return Calibration(told, replay, "Unknown")
    if is_quiet(rules, replay):
        return Calibration(told, replay, "Kappa")
    least = {name: constant_phi(windows[name], one, kinds[name]) for name, one in histories.items()}
    for doubled in range(_DOUBLINGS + 1):
        safer = {name: replace(one, phi=least[name] * 2**doubled) for name, one in histories.items() if known(one)}
        told = with_histories(told, safer)
        replay = replayed(told, windows)
        if is_quiet(rules, replay):
            break
    return Calibration(told, replay, "Constant")


def is_quiet(rules: Rules, replay: Replay) -> bool:
    """Whether no more of the replays were rolled back than is promised."""
    return replay.rate <= 1 - rules.confidence + 1e-12


def with_histories(rules: Rules, histories: Mapping[str, History]) -> Rules:
    """The rules with these histories instead of theirs; metrics that are not named keep their own."""
    metrics = tuple(replace(metric, history=histories.get(metric.name, metric.history)) for metric in rules.metrics)
    return replace(rules, metrics=metrics, by_name={metric.name: metric for metric in metrics})


def replayed(rules: Rules, windows: Mapping[str, Sequence[Window]]) -> Replay:
    """Replay the past in pieces as long as the rollout is planned, each pod in turn as the candidate.

    Plain thresholds are left out: their gauges say nothing about two arms. Cost: pods times windows judged.
    """
    judged = [m for m in rules.metrics if m.rule is None and m.role != "Observe" and windows.get(m.name)]
    alarms = replays = 0
    length = rules.planned * rules.step
    first = min((windows[m.name][0].end for m in judged), default=0.0) - rules.step
    last = max((windows[m.name][-1].end for m in judged), default=0.0)
    for number in range(round((last - first) // length)):
        start = first + number * length
        pieces = [(m, [w for w in windows[m.name] if start < w.end <= start + length]) for m in judged]
        names = sorted({pod.pod for _, piece in pieces for window in piece for pod in window.stable if pod.total})
        for pod in names if len(names) > 1 else ():
            replays += 1
            alarms += any(_alarms(rules, metric, piece, pod) for metric, piece in pieces)
    return Replay(alarms, replays)


def upper_bound(alarms: int, replays: int) -> float:
    """Clopper and Pearson's one-sided upper bound of 95 %, by bisection (1934, Biometrika 26:404)."""
    if alarms >= replays:
        return 1.0
    low, high = alarms / replays, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if _at_most(alarms, replays, middle) > 1 - _CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _alarms(rules: Rules, metric: MetricRules, windows: Sequence[Window], candidate: str) -> bool:
    ledger = MetricLedger()
    for window in windows:
        rest = tuple(pod for pod in window.stable if pod.pod != candidate)
        alone = tuple(pod for pod in window.stable if pod.pod == candidate)
        ledger = fold(rules, metric.name, ledger, replace(window, stable=rest, candidate=alone))
        if ledger.crossed:
            return True
    return False


def _at_most(count: int, of: int, share: float) -> float:
    """P(X <= count) of a binomial law; `share` is between 0 and 1, both excluded."""
    logs = (
        lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1) + k * log(share) + (of - k) * log1p(-share)
        for k in range(count + 1)
    )
    return sum(exp(one) for one in logs)
