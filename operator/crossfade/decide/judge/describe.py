"""A verdict in figures and in plain words: counts, ratio with its interval, evidence against what is needed."""

from dataclasses import dataclass
from math import inf

from crossfade.api.v1alpha1.rollout import AnalysisStatus, ArmCount, MetricStatus
from crossfade.decide.judge.engine import Judgement, State
from crossfade.decide.judge.evidence import acceptance_evidence, odds, regression_evidence, relative_evidence
from crossfade.decide.judge.figures import figure
from crossfade.decide.judge.interval import ratio_interval
from crossfade.decide.judge.kernel import mixed
from crossfade.decide.judge.margins import limit_index
from crossfade.decide.judge.rules import MetricRules, Rules
from crossfade.decide.judge.sentences import View, sentence, shock, traffic
from crossfade.model.ledger import Ledger, MetricLedger, Stratum
from crossfade.model.moments import stamp

_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Described:
    """One metric's verdict. Arms are (bad, all); None where nothing can be said, infinity where there is no end."""

    name: str
    state: State
    stable: tuple[int, int]
    candidate: tuple[int, int]
    ratio: float | None
    low: float | None
    high: float | None
    evidence: float | None
    threshold: float | None
    sentence: str


def analysis_status(rules: Rules, ledger: Ledger, judgement: Judgement, now: float) -> AnalysisStatus:
    """The whole verdict as status shows it, but for the checkpoints. `now` is in unix seconds."""
    told = {metric.name: described(rules, metric, ledger, judgement) for metric in rules.metrics}
    return AnalysisStatus(
        verdict=judgement.overall,
        at=stamp(now),
        explanation=explanation(rules, ledger, judgement, {name: one.sentence for name, one in told.items()}),
        metrics=[_status(one) for one in told.values()],
    )


def explanation(rules: Rules, ledger: Ledger, judgement: Judgement, sentences: dict[str, str]) -> str:
    """Why the verdict is what it is: the sentences of the metrics that decided, or what speaks against deciding."""
    if judgement.why == "Mismatch":
        return traffic(rules, ledger.traffic)
    if judgement.why == "Shock":
        return _short(shock(ledger, judgement.about))
    return _short(" ".join(sentences[name] for name in judgement.about))


def described(rules: Rules, metric: MetricRules, ledger: Ledger, judgement: Judgement) -> Described:
    """One metric's verdict in figures and words."""
    state, mine = judgement.states[metric.name], ledger.metrics.get(metric.name, MetricLedger())
    if metric.rule is not None or not mine.bounds:
        text = _short(sentence(rules, metric, state, mine, View()))
        odds_, needed = (None, None) if metric.rule is not None else (1.0, rules.threshold)
        return Described(metric.name, state, (0, 0), (0, 0), None, None, None, odds_, needed, text)
    view = _view(rules, metric, mine, state)
    return Described(
        metric.name,
        state,
        view.stable,
        view.candidate,
        view.ratio,
        view.low,
        view.high,
        view.worse,
        rules.threshold,
        _short(sentence(rules, metric, state, mine, view)),
    )


def _view(rules: Rules, metric: MetricRules, ledger: MetricLedger, state: State) -> View:
    """What the sentence shows: the bound that tells most, and everything about it."""
    by_limit = _by_limit(metric, ledger, state)
    at = _telling(metric, ledger, state, by_limit)
    ratio = low = high = None
    if at in ledger.used and ledger.strata:
        position = ledger.used.index(at)
        ratio = pooled_ratio(ledger.strata, position)
        low, high = ratio_interval(ledger.strata, position, rules.confidence)
    return View(
        bound=ledger.bounds[at],
        stable=(ledger.stable.bad[at], ledger.stable.total),
        candidate=(ledger.candidate.bad[at], ledger.candidate.total),
        ratio=ratio,
        low=low,
        high=high,
        worse=regression_evidence(metric, ledger),
        enough=odds(acceptance_evidence(metric, ledger)),
        by_limit=by_limit,
    )


def _by_limit(metric: MetricRules, ledger: MetricLedger, state: State) -> bool:
    """Whether it is the absolute limit that matters most."""
    if metric.limit is None or limit_index(metric, ledger) is None:
        return False
    if metric.worse is None:
        return True
    if state != "Regressed":
        return False
    return mixed(ledger.over_limit, ledger.left) > relative_evidence(metric, ledger)


def _telling(metric: MetricRules, ledger: MetricLedger, state: State, by_limit: bool) -> int:
    """Index of the bound to speak of: the limit's, the worst one's, else the middle one."""
    limit = limit_index(metric, ledger)
    if by_limit and limit is not None:
        return limit
    if not ledger.used:
        return len(ledger.bounds) // 2
    if state == "Regressed" and metric.worse is not None:
        return max(zip(ledger.used, ledger.worse, strict=True), key=lambda one: sum(one[1]))[0]
    return ledger.used[len(ledger.used) // 2]


def pooled_ratio(strata: tuple[Stratum, ...], position: int) -> float | None:
    """The candidate's rate over stable's, stage by stage (Mantel and Haenszel 1959); None without any event."""
    above = below = 0.0
    for one in strata:
        if one.candidate:
            both = one.candidate_total + one.stable_total
            above += one.candidate[position] * one.stable_total / both
            below += one.stable[position] * one.candidate_total / both
    if below == 0:
        return inf if above else None
    return above / below


def _status(one: Described) -> MetricStatus:
    return MetricStatus(
        name=one.name,
        state=one.state,
        stable=ArmCount(bad=one.stable[0], total=one.stable[1]),
        candidate=ArmCount(bad=one.candidate[0], total=one.candidate[1]),
        ratio=figure(one.ratio),
        low=figure(one.low),
        high=figure(one.high),
        evidence=figure(one.evidence),
        threshold=figure(one.threshold),
        explanation=one.sentence,
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
