"""How strong the evidence in a ledger is, as odds: that a metric regressed, and that it is good enough."""

from math import exp, inf, log

from crossfade.decide.judge.kernel import LOWER, MILDER_SHARES, log_mixed, mixed
from crossfade.decide.judge.margins import limit_index
from crossfade.decide.judge.rules import MetricRules
from crossfade.model.ledger import MetricLedger

_EVEN = (1 / len(LOWER),) * len(LOWER)
_LIKELY = 0.9


def regression_evidence(metric: MetricRules, ledger: MetricLedger) -> float:
    """Odds that the candidate is beyond its margins; at `Rules.threshold` it regressed.

    Against stable and floor both must speak, so the lesser counts; the bounds of a histogram, and the absolute limit
    beside them, are averaged (a mean of e-values is one under any dependence: Vovk, Wang 2021, Ann. Stat. 49:1736).
    """
    if not ledger.used:
        return 1.0
    parts = []
    if metric.worse is not None:
        parts.append(relative_evidence(metric, ledger))
    if metric.limit is not None and limit_index(metric, ledger) is not None:
        parts.append(mixed(ledger.over_limit, ledger.left))
    return sum(parts) / len(parts) if parts else 1.0


def relative_evidence(metric: MetricRules, ledger: MetricLedger) -> float:
    """Odds against stable and floor together.

    The first alone keep a version as good as stable, with the rollout's whole error rate. The floor keeps one that is
    worse and harmless, for which the odds of being good enough will do: hence its `floor_worth`.
    """
    relative = sum(mixed(sums, ledger.left) for sums in ledger.worse) / len(ledger.worse)
    if metric.floor is None:
        return relative
    return min(relative, metric.floor_worth * mixed(ledger.over_floor, ledger.left))


def acceptance_evidence(metric: MetricRules, ledger: MetricLedger) -> float:
    """Logarithm of the odds that the candidate is good enough; at log(`Rules.enough`) it is.

    Below `enough` times stable, or below the floor; with an absolute limit alone, below that. A histogram must show it
    at every bound, so the least evidence counts: whoever is too slow at one of them is not good enough. What the
    service's history makes likelier to be provable gets nine tenths of the bet, decided before the first window.
    """
    if not ledger.used:
        return -inf
    if metric.worse is None:
        bounded = metric.limit is not None and limit_index(metric, ledger) is not None
        return log_mixed(ledger.lower, _EVEN) if bounded else -inf
    together = min(log_mixed(logs, MILDER_SHARES) for logs in ledger.milder)
    if metric.floor is None:
        return together
    share = relative_share(metric)
    return log_mixed((together, log_mixed(ledger.lower, _EVEN)), (share, 1 - share))


def is_proven(metric: MetricRules, ledger: MetricLedger, needed: float) -> bool:
    """Whether the logarithm of the odds that it is good enough is `needed`.

    A mixture is no more than its largest part, so that most looks need no mixing.
    """
    largest = max((max(logs) for logs in (*ledger.milder, ledger.lower) if logs), default=-inf)
    return largest >= needed and acceptance_evidence(metric, ledger) >= needed


def relative_share(metric: MetricRules) -> float:
    """Which part of the bet goes on being within `enough` times stable; the rest on being below the floor."""
    history = metric.history
    if not history.total or metric.floor is None:
        return 0.5
    rate = history.bad[0] / history.total
    return _LIKELY if rate * (metric.enough or 1.0) > metric.floor else 1 - _LIKELY


def odds(log_odds: float) -> float:
    """exp without overflow."""
    return exp(min(log_odds, log(1e300)))
