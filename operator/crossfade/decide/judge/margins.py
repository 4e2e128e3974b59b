"""The margins of an objective as ratios of exceedances, at the bounds that a ledger watches."""

from collections.abc import Sequence

from crossfade.decide.judge.latency import tail_margins
from crossfade.decide.judge.rules import MetricRules
from crossfade.model.ledger import MetricLedger


def profile(metric: MetricRules, ledger: MetricLedger) -> tuple[Sequence[int], int]:
    """(requests beyond each bound, all) of stable in history and so far."""
    known, total = ledger.stable.bad or (0,) * len(ledger.bounds), ledger.stable.total
    if metric.history.bounds == ledger.bounds and metric.history.total:
        known = tuple([a + b for a, b in zip(known, metric.history.bad, strict=True)])
        total += metric.history.total
    return known, total


def limit_index(metric: MetricRules, ledger: MetricLedger) -> int | None:
    """Which bound the absolute limit is about; None when the histogram has no such bound."""
    if metric.edge is None:
        return 0
    return next((j for j, bound in enumerate(ledger.bounds) if abs(bound - metric.edge) <= 1e-9 * metric.edge), None)


def margins(metric: MetricRules, ledger: MetricLedger) -> tuple[tuple[float, float], ...]:
    """(worse, good enough) as ratios of exceedances at each used bound. Only what was seen before the window counts."""
    worse, enough = metric.worse or 1.0, metric.enough or 1.0
    if metric.kind != "latency":
        return ((worse, enough),)
    known, total = profile(metric, ledger)
    ours = (tail_margins(ledger.bounds, known, total, ledger.used, margin) for margin in (worse, enough))
    return tuple(zip(*ours, strict=True))
