"""What a stream is judged by: a Rollout's `spec.analysis` and its stages, from one YAML document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from crossfade.api.problems import sentences
from crossfade.api.v1alpha1.analysis import Analysis
from crossfade.api.v1alpha1.strategy import Stage, Strategy
from crossfade.decide.judge.rules import Kind, Rules, rules_of
from crossfade.model.ledger import History

_SOURCES = ("template", "ratio", "latency", "gauge")
_PLACEHOLDERS: Mapping[Kind, dict[str, Any]] = {
    "ratio": {"ratio": {"bad": "stream", "total": "stream"}},
    "latency": {"latency": {"buckets": "stream"}},
    "gauge": {"gauge": {"series": "stream"}},
}
"""Sources for metrics that come without: the stream brings the counts."""
_HISTORIES = TypeAdapter(dict[str, dict[str, History]])


class SetupError(ValueError):
    """What is wrong with the document, a sentence a line."""


@dataclass(frozen=True)
class Setup:
    """`interval` is the seconds between two scrapes; None to take it from the first two lines of each run.

    `histories` are by metric, what is known of the service from before.
    """

    analysis: Analysis
    stages: tuple[Stage, ...]
    kinds: Mapping[str, Kind]
    interval: float | None = None
    histories: Mapping[str, History] = field(default_factory=dict)
    by_weight: Mapping[int, Stage] = field(default_factory=dict)

    def rules(self, interval: float) -> Rules:
        """The rules for scrapes that are `interval` seconds apart."""
        return _rules(self, interval)

    def __hash__(self) -> int:
        """By identity: there is one a process."""
        return id(self)


@lru_cache(maxsize=64)
def _rules(setup: Setup, interval: float) -> Rules:
    return rules_of(setup.analysis, setup.stages, interval, setup.kinds, setup.histories)


def parse(text: str) -> Setup:
    """The document as it was written. Raises SetupError."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SetupError(f"it is not YAML: {error}") from None
    if not isinstance(raw, dict):
        raise SetupError("it must be a mapping: a Rollout's spec.analysis, and `stages`")
    rest = {key: value for key, value in raw.items() if key not in ("stages", "interval", "history")}
    kinds = {metric["name"]: _kind(metric) for metric in _metrics(rest) if isinstance(metric.get("name"), str)}
    try:
        strategy = Strategy.model_validate({"stages": _weighted(raw.get("stages"))})
        histories = _HISTORIES.validate_python({"history": raw.get("history", {})})["history"]
        analysis = Analysis.model_validate({**rest, "metrics": [_sourced(metric) for metric in _metrics(rest)]})
    except ValidationError as error:
        raise SetupError("\n".join(sentences(error, ""))) from None
    stages = tuple(strategy.stages)
    by_weight = {stage.weight: stage for stage in stages if stage.weight is not None}
    return Setup(analysis, stages, kinds, _interval(raw.get("interval")), histories, by_weight)


def _weighted(stages: object) -> object:
    """The stages with a weight: a stream says of each scrape which weight was asked for, and of nothing else."""
    if not isinstance(stages, list):
        return stages
    others = {"shadow", "match", "gate"}
    return [one for one in stages if not (isinstance(one, dict) and "weight" not in one and others & one.keys())]


def _metrics(raw: dict[str, Any]) -> list[dict[str, Any]]:
    metrics = raw.get("metrics")
    if not isinstance(metrics, list) or not all(isinstance(metric, dict) for metric in metrics):
        raise SetupError("metrics must be a list of mappings")
    return metrics


def _kind(metric: dict[str, Any]) -> Kind:
    """What the objective is of; one that fits no kind is refused by the types."""
    raw = metric.get("objective")
    objective: dict[str, Any] = raw if isinstance(raw, dict) else {}
    if "rule" in objective:
        return "gauge"
    relative, absolute = objective.get("relative"), objective.get("absolute")
    slower = isinstance(relative, dict) and "slowerBy" in relative
    return "latency" if slower or (isinstance(absolute, dict) and "quantile" in absolute) else "ratio"


def _sourced(metric: dict[str, Any]) -> dict[str, Any]:
    return metric if any(source in metric for source in _SOURCES) else {**metric, **_PLACEHOLDERS[_kind(metric)]}


def _interval(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 3600:
        raise SetupError("interval must be the seconds between two lines, at most 3600")
    return float(value)
