"""The judge's sentences: what was counted, what that shows, and what is needed; in words that need no textbook."""

from dataclasses import dataclass
from math import inf, log

from crossfade.api.v1alpha1.objective import Rule
from crossfade.decide.judge.engine import State
from crossfade.decide.judge.figures import counted, number, odds, period, share, written
from crossfade.decide.judge.kernel import LOWER, MILDER_SHARES, log_mixed
from crossfade.decide.judge.readings import TWICE
from crossfade.decide.judge.rules import MetricRules, Rules
from crossfade.model.ledger import Ledger, MetricLedger, TrafficLedger
from crossfade.model.moments import clock

_IN_SIGHT = 0.1
"""The part of the way below which a forecast would be noise."""


@dataclass(frozen=True, slots=True)
class View:
    """What there is to tell of one metric at one `bound` (seconds; 0 for bad requests). Arms are (bad, all).

    `worse` and `enough` are the odds that it regressed and that it is good enough; `by_limit`: it is the absolute limit
    that matters most.
    """

    bound: float = 0.0
    stable: tuple[int, int] = (0, 0)
    candidate: tuple[int, int] = (0, 0)
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    worse: float = 1.0
    enough: float = 0.0
    by_limit: bool = False


def sentence(rules: Rules, metric: MetricRules, state: State, ledger: MetricLedger, view: View) -> str:
    """One metric's verdict in words."""
    if state == "NoData":
        return missing(metric, ledger)
    if state == "Invalid":
        text = _invalid(metric, ledger)
    elif metric.rule is not None:
        text = _threshold(metric.rule, state, ledger)
    elif state == "Regressed":
        text = f"{_comparison(rules, metric, view)}. {_proof(rules, ledger, view)} {_harm(metric, view)}"
    elif state == "NonInferior":
        needed = f"evidence {odds(view.enough)} of the {odds(rules.enough)} needed"
        text = f"{_good_enough(metric, ledger, view)} ({needed}): {_comparison(rules, metric, view)}."
    else:
        text = _undecided(rules, metric, ledger, view)
    rest = " Shown only; it decides nothing." if metric.role == "Observe" else ""
    return f"{metric.name}: {text}{rest}"


def missing(metric: MetricRules, ledger: MetricLedger) -> str:
    """Silence: since when, and that nothing follows from it."""
    since = f"since {clock(ledger.end)}" if ledger.end else "yet"
    return f"{metric.name}: no samples of both versions {since}, so nothing is concluded."


def shock(ledger: Ledger, about: tuple[str, ...]) -> str:
    """Both arms at once: the world changed, not the version."""
    usual = [_usual(name, ledger.metrics[name]) for name in about]
    told = ", ".join(usual)
    return f"both arms jumped at the same time, far above what stable usually does ({told}), so nothing is concluded."


def traffic(rules: Rules, ledger: TrafficLedger) -> str:
    """A split that is not what was asked for."""
    seen = f"{ledger.candidate:,} of {counted(ledger.total, 'request', 'requests')}"
    if ledger.candidate == 0:
        why = "the gateway has not applied the weight, or nobody scrapes the candidate"
        return f"{seen} reached the candidate, expected {ledger.weight}%: {why}, so nothing is concluded."
    low, high = (ledger.weight * (1 + sign * rules.tolerance) for sign in (-1, 1))
    return (
        f"{seen} ({share(ledger.candidate, ledger.total)}) reached the candidate, expected {ledger.weight}% "
        f"({written(low)}% to {written(min(high, 99.9))}%): the split is not what was asked for, "
        "so nothing is concluded."
    )


def _usual(name: str, ledger: MetricLedger) -> str:
    return f"{name}: {share(ledger.calm.bad, ledger.calm.total)}" if ledger.calm.total else name


def _invalid(metric: MetricRules, ledger: MetricLedger) -> str:
    if ledger.fault == TWICE:
        return f"{TWICE}, so nothing is compared. Each must be scraped once."
    if ledger.fault or metric.edge is None:
        return (
            f"{ledger.fault}, so nothing is compared. All pods of both versions must have the same buckets throughout."
        )
    shorter = [bound for bound in ledger.bounds if bound < metric.edge]
    longer = [bound for bound in ledger.bounds if bound > metric.edge]
    near = [period(bound) for bound in (*shorter[-1:], *longer[:1])]
    return (
        f"its histogram has no bucket that ends at {period(metric.edge)}, so the limit cannot be judged; "
        f"the nearest {'ends' if len(near) == 1 else 'end'} at {' and '.join(near)}. "
        "Set `max` to one of them, or add the bucket."
    )


def _threshold(rule: Rule, state: State, ledger: MetricLedger) -> str:
    broken, seen = sum(ledger.broken), counted(len(ledger.broken), "scrape", "scrapes")
    limits = (("at least", rule.min), ("at most", rule.max))
    allowed = " and ".join(f"{word} {limit}" for word, limit in limits if limit is not None)
    value = "no value" if ledger.value is None else written(float(f"{ledger.value:.4g}"))
    if state == "Regressed" and ledger.broken[-1]:
        side = "above" if rule.max is not None and (ledger.value or 0.0) > float(rule.max) else "below"
        return f"{value} was {side} {rule.max if side == 'above' else rule.min} in {broken} of the last {seen}."
    said = f"{value}, {allowed} is allowed"
    if state == "Regressed":
        return f"{said}, which was broken in {broken} of the last {seen}."
    if state == "NonInferior":
        return f"{said}: broken in {broken} of the last {seen}, and {rule.violations} would be too many."
    return f"undecided: {said}: broken in {broken} of {seen} so far, and {rule.windows} are looked at."


def _comparison(rules: Rules, metric: MetricRules, view: View) -> str:
    """What both arms did, how many times as often, and what is allowed."""
    beyond = _beyond(metric, view)
    if view.by_limit:
        return f"{beyond}; at most {_percent(metric.limit)} is allowed{_latest(metric)}, whatever stable does"
    allowed, ratio = _allowed(metric), _ratio(metric, view)
    if not ratio:
        return f"{beyond}; {allowed}" if metric.kind == "latency" else beyond
    ends = f"{100 * rules.confidence:.4g}% interval {number(view.low or 0.0)} to {number(view.high or 0.0)}"
    if metric.kind == "latency":
        return f"{beyond}: {ratio} ({ends}); {allowed}"
    return f"{beyond}: {ratio} ({ends}; {allowed})"


def _beyond(metric: MetricRules, view: View) -> str:
    """How many of each arm's requests went wrong, or took longer than the bound."""
    (stable, all_stable), (candidate, all_candidate) = view.stable, view.candidate
    if not all_candidate:
        return "the candidate had no requests yet"
    mine = share(candidate, all_candidate)
    theirs = share(stable, all_stable) if all_stable else ""
    if metric.kind == "latency":
        rest = f"{theirs} of stable's {all_stable:,}" if theirs else "stable had none"
        requests = counted(all_candidate, "request", "requests")
        return f"{mine} of the candidate's {requests} took longer than {period(view.bound)}, {rest}"
    rest = f"stable {theirs} ({stable:,} of {all_stable:,})" if theirs else "stable had no requests"
    return f"the candidate failed {mine} ({candidate:,} of {all_candidate:,}), {rest}"


def _ratio(metric: MetricRules, view: View) -> str:
    if view.ratio is None or view.low is None:
        return ""
    if view.ratio == inf:
        return "stable never did"
    return f"{number(view.ratio)} times as {'many' if metric.kind == 'latency' else 'often'}"


def _allowed(metric: MetricRules) -> str:
    worse = metric.worse or 1.0
    if metric.kind == "latency":
        return f"at most {written(round(100 * (worse - 1), 6))}% slower is allowed"
    return f"allowed {written(worse)}"


def _percent(limit: float | None) -> str:
    """A share that somebody wrote, in percent."""
    return f"{written(round(100 * (limit or 0.0), 7))}%"


def _latest(metric: MetricRules) -> str:
    return f" beyond {period(metric.edge)}" if metric.edge is not None else ""


def _proof(rules: Rules, ledger: MetricLedger, view: View) -> str:
    if view.worse >= rules.threshold or not ledger.crossed:
        return f"Evidence {odds(view.worse)} of the {odds(rules.threshold)} needed."
    reached = f"The evidence reached the {odds(rules.threshold)} needed at {clock(ledger.crossed)}"
    return f"{reached}; it is {odds(view.worse)} now."


def _harm(metric: MetricRules, view: View) -> str:
    kind = "slow" if metric.kind == "latency" else "bad"
    return f"{counted(view.candidate[0], f'{kind} answer', f'{kind} answers')} served."


def _good_enough(metric: MetricRules, ledger: MetricLedger, view: View) -> str:
    if view.by_limit:
        return f"below the {_percent(metric.limit)} allowed{_latest(metric)}"
    if metric.floor is not None and _floor_tells(ledger):
        return f"below {_percent(metric.floor)}, too little to matter"
    if metric.kind == "latency":
        return f"less than {written(round(100 * ((metric.enough or 1) - 1), 6))}% slower than stable"
    return f"within {written(metric.enough or 1)} times stable"


def _floor_tells(ledger: MetricLedger) -> bool:
    """Whether more of the proof lies in being below the floor than in being close to stable."""
    lower = log_mixed(ledger.lower, (1 / len(LOWER),) * len(LOWER))
    return lower > max(log_mixed(logs, MILDER_SHARES) for logs in ledger.milder)


def _undecided(rules: Rules, metric: MetricRules, ledger: MetricLedger, view: View) -> str:
    if not view.candidate[1]:
        return f"undecided: {_beyond(metric, view)}."
    if not ledger.used:
        return (
            f"undecided: {_comparison(rules, metric, view)}; 200 requests of stable are needed to know its latencies."
        )
    worse = f"{odds(view.worse)} of the {odds(rules.threshold)} needed"
    enough = f"{odds(view.enough)} of the {odds(rules.enough)} needed"
    return (
        f"undecided: {_comparison(rules, metric, view)}. Evidence that it is worse {worse}, "
        f"that it is good enough {enough}{_outlook(rules, view)}."
    )


def _outlook(rules: Rules, view: View) -> str:
    """How far it is, roughly: evidence grows as a power of the requests."""
    ways = ((view.worse, rules.threshold), (view.enough, rules.enough))
    nearest = max(log(max(found, 1e-9)) / log(needed) for found, needed in ways)
    if nearest < _IN_SIGHT:
        return "; neither is in sight yet"
    left = view.candidate[1] * (1 / nearest - 1)
    rounded = max(round(float(f"{left:.1g}")), 1)
    more = counted(rounded, "more request", "more requests")
    return f"; about {more} of the candidate would do if it goes on like this"
