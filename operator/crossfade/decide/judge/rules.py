"""What a rollout is held to, as numbers: the spec's analysis, its ladder and the service's history, read once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from crossfade.api.v1alpha1.analysis import Analysis, Metric
from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.objective import Rule
from crossfade.api.v1alpha1.strategy import Stage
from crossfade.model.ledger import NOTHING_KNOWN as NOTHING_KNOWN
from crossfade.model.ledger import History as History

Kind = Literal["ratio", "latency", "gauge"]

FLOOR = 0.001
"""The share of bad requests too small to matter, unless the objective says otherwise."""
_HORIZON_SECONDS = 2400.0
"""How long a rollout without `maxDuration` is planned for; it is judged as validly after that, only more slowly."""


@dataclass(frozen=True, slots=True)
class MetricRules:
    """What one metric is held to. Ratios and shares as plain numbers; None for what is not asked.

    `worse`/`enough` are the ratios to stable beyond which it regressed and below which it is good enough; for latency
    they are ratios of time. `floor` and `limit` are shares of bad requests; `edge` is the latency (s) of `limit`.
    `floor_worth` is how many times evidence against the floor counts.
    """

    name: str
    kind: Kind
    role: Literal["Guardrail", "Required", "Observe"]
    worse: float | None = None
    enough: float | None = None
    floor: float | None = None
    limit: float | None = None
    edge: float | None = None
    rule: Rule | None = None
    history: History = NOTHING_KNOWN
    floor_worth: float = 1.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the whole rollout is held to. `threshold` odds roll back, `enough` odds promote.

    `tolerance` is relative, `grace` and `step` (the scrape interval) in seconds.
    """

    metrics: tuple[MetricRules, ...]
    threshold: float
    enough: float
    confidence: float
    planned: int
    step: float
    tolerance: float
    grace: float
    warmup: float = 0.0
    by_name: Mapping[str, MetricRules] = field(default_factory=dict, compare=False)


def rules_of(
    analysis: Analysis,
    stages: Sequence[Stage],
    step: float,
    kinds: Mapping[str, Kind] | None = None,
    history: Mapping[str, History] | None = None,
) -> Rules:
    """The rules of a rollout. `kinds` says what the metrics that name a template are; `history` is by metric."""
    metrics = tuple(
        _metric(metric, (kinds or {}).get(metric.name, _kind(metric)), (history or {}).get(metric.name, NOTHING_KNOWN))
        for metric in analysis.metrics
    )
    judged = sum(metric.role != "Observe" and metric.rule is None for metric in metrics)
    alpha = float(analysis.false_rollback)
    threshold, enough = max(judged, 1) / alpha, 1 / float(analysis.false_promotion)
    metrics = tuple(replace(m, floor_worth=threshold / enough) if m.floor is not None else m for m in metrics)
    return Rules(
        metrics=metrics,
        threshold=threshold,
        enough=enough,
        confidence=1 - alpha,
        planned=max(2, round(_planned_seconds(stages) / step)),
        step=step,
        tolerance=analysis.traffic_check.tolerance / 100,
        grace=seconds(analysis.traffic_check.grace),
        warmup=seconds(analysis.warmup) if analysis.warmup else 0.0,
        by_name={metric.name: metric for metric in metrics},
    )


def _planned_seconds(stages: Sequence[Stage]) -> float:
    longest = [seconds(stage.max_duration) for stage in stages if stage.max_duration]
    return sum(longest) if len(longest) == len(stages) and longest else _HORIZON_SECONDS


def _kind(metric: Metric) -> Kind:
    if metric.gauge is not None:
        return "gauge"
    if metric.latency is not None:
        return "latency"
    relative, absolute = metric.objective.relative, metric.objective.absolute
    slower = relative is not None and relative.slower_by is not None
    return "latency" if slower or (absolute is not None and absolute.quantile is not None) else "ratio"


def _metric(metric: Metric, kind: Kind, history: History) -> MetricRules:
    relative, absolute = metric.objective.relative, metric.objective.absolute
    worse = enough = floor = limit = edge = None
    if relative is not None:
        worse = 1 + (relative.slower_by if relative.slower_by is not None else relative.rollback_above or 0) / 100
        enough = 1 + relative.promote_within / 100
        floor = FLOOR if relative.slower_by is None else None
    if absolute is not None and absolute.floor is not None:
        floor = float(absolute.floor)
    if absolute is not None and absolute.max is not None:
        quantile = absolute.quantile
        limit = float(absolute.max) if quantile is None else 1 - float(quantile)
        edge = None if quantile is None else seconds(absolute.max)
    return MetricRules(
        metric.name, kind, metric.role, worse, enough, floor, limit, edge, metric.objective.rule, history
    )
