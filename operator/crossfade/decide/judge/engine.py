"""The judge as a whole: windows are folded into a ledger, a ledger is judged. All that decides comes through here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isnan, log
from typing import Literal

from crossfade.decide.judge.evidence import is_proven, regression_evidence
from crossfade.decide.judge.margins import limit_index
from crossfade.decide.judge.rules import MetricRules, Rules
from crossfade.decide.judge.thresholds import breaks, decided
from crossfade.decide.judge.traffic import mismatch
from crossfade.decide.judge.weigh import weigh
from crossfade.model.ledger import Ledger, MetricLedger, Window

State = Literal["Regressed", "NonInferior", "Undecided", "NoData", "Invalid"]
Overall = Literal["Rollback", "Advance", "Continue", "Hold"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows from a ledger. `why` is the word that decided, `about` the metrics it is about."""

    overall: Overall
    why: Literal["Regressed", "Mismatch", "Invalid", "NoData", "Shock", "NonInferior", "Undecided"]
    about: tuple[str, ...]
    states: Mapping[str, State]


def fold(rules: Rules, name: str, ledger: MetricLedger, window: Window) -> MetricLedger:
    """The ledger of one metric after one more window."""
    metric = rules.by_name[name]
    if metric.rule is not None:
        if window.value is None or isnan(window.value):
            return replace(ledger, end=window.end, fault="")
        broken = (*ledger.broken, breaks(metric.rule, window.value))[-metric.rule.windows :]
        return replace(ledger, end=window.end, fault="", value=window.value, broken=broken)
    ledger = weigh(rules, metric, ledger, window)
    if not ledger.crossed and regression_evidence(metric, ledger) >= rules.threshold:
        return replace(ledger, crossed=window.end)
    return ledger


def judge(rules: Rules, ledger: Ledger, silent: frozenset[str] = frozenset()) -> Judgement:
    """The verdict. `silent` names the metrics of whose arms Prometheus shows nothing (new) at all.

    A regression comes first: whatever else is unknown, what was counted was counted, and holding would leave users
    with the worse version. Then doubt about the split or the data holds; only proof advances.
    """
    states = {metric.name: _state(rules, metric, ledger, silent) for metric in rules.metrics}
    deciding = [metric for metric in rules.metrics if metric.role != "Observe"]

    def those(state: State) -> tuple[str, ...]:
        return tuple(metric.name for metric in deciding if states[metric.name] == state)

    if regressed := those("Regressed"):
        return Judgement("Rollback", "Regressed", regressed, states)
    if mismatch(ledger.traffic):
        return Judgement("Hold", "Mismatch", (), states)
    if invalid := those("Invalid"):
        return Judgement("Hold", "Invalid", invalid, states)
    if missing := those("NoData"):
        return Judgement("Hold", "NoData", missing, states)
    shaken = tuple(m.name for m in deciding if m.name in ledger.metrics and ledger.metrics[m.name].calm.shaken)
    if shaken:
        return Judgement("Hold", "Shock", shaken, states)
    open_ones = tuple(m.name for m in deciding if m.role == "Required" and states[m.name] == "Undecided")
    if open_ones:
        return Judgement("Continue", "Undecided", open_ones, states)
    return Judgement("Advance", "NonInferior", those("NonInferior"), states)


def _state(rules: Rules, metric: MetricRules, ledger: Ledger, silent: frozenset[str]) -> State:
    mine = ledger.metrics.get(metric.name)
    if mine is not None and mine.crossed:
        return "Regressed"
    if metric.rule is not None and mine is not None and decided(metric.rule, mine.broken) == "Regressed":
        return "Regressed"
    if mine is None or metric.name in silent:
        return "NoData"
    if mine.fault or (metric.edge is not None and mine.bounds and limit_index(metric, mine) is None):
        return "Invalid"
    if metric.rule is not None:
        return decided(metric.rule, mine.broken)
    return "NonInferior" if is_proven(metric, mine, log(rules.enough)) else "Undecided"
