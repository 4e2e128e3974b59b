"""The raw samples behind a recorded verdict, read again from Prometheus and written as `crossfade judge` reads them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.metrictemplate import MetricTemplateSpec
from crossfade.api.v1alpha1.rollout import RolloutSpec, RolloutStatus
from crossfade.decide.counting import spacing
from crossfade.decide.judge.figures import figure
from crossfade.decide.judge.rules import rules_of
from crossfade.decide.memory import history_of, remembered
from crossfade.decide.records import was_promoted
from crossfade.decide.templates import Source, kinds_of, source_of
from crossfade.judging.export import lines, windows_behind
from crossfade.judging.lines import read
from crossfade.judging.runs import Lines, Verdict
from crossfade.judging.setup import parse
from crossfade.model.evidence import Counters
from crossfade.model.ledger import Ledger
from crossfade.model.moments import moment
from crossfade.observe.answers import Answer, Watched, counters_of
from crossfade.ports import Metrics

_BEFORE_SECONDS = 300
"""Read before the first stage too, so that pods which were there already are known as such."""


class ExportError(Exception):
    """Why the samples behind a verdict cannot be had, in a sentence without the full stop."""


@dataclass(frozen=True, slots=True)
class Behind:
    """The stream behind a verdict, and how it was found: `interval` in seconds, whether the weights were known."""

    analysis: dict[str, Any]
    lines: tuple[dict[str, Any], ...]
    interval: float
    weights_known: bool

    def replay(self) -> Verdict | None:
        """The last verdict of the stream, as `crossfade judge` gives it."""
        setup = parse(yaml.safe_dump(self.analysis))
        run, verdict = Lines(setup), None
        for line in self.lines:
            verdict = run.take(read(json.dumps(line), setup.kinds))
        return verdict


def arms_of(status: RolloutStatus) -> tuple[str, str]:
    """The revisions of stable and candidate that the figures are about. Raises ExportError."""
    if status.stable is not None and status.candidate is not None:
        return status.stable.revision, status.candidate.revision
    if status.outcome is None or status.stable is None:
        raise ExportError("no candidate was judged yet")
    if not was_promoted(status.outcome):
        return status.stable.revision, status.outcome.revision
    before = next((one.revision for one in status.history[1:] if was_promoted(one)), None)
    if before is None:
        raise ExportError("the version before the one that was promoted is no longer in the history")
    return before, status.outcome.revision


def bounds_of(spec: RolloutSpec, status: RolloutStatus) -> dict[str, Sequence[float]]:
    """The bounds (s) by metric that were counted, as far as they are known, and those that objectives name."""
    ledger = remembered(status, None) or Ledger()
    found: dict[str, Sequence[float]] = {}
    for metric in spec.analysis.metrics:
        absolute, mine = metric.objective.absolute, ledger.metrics.get(metric.name)
        named = [seconds(absolute.max)] if absolute and absolute.max and absolute.quantile else []
        found[metric.name] = (*(mine.bounds if mine else ()), *named)
    return found


async def counters_behind(
    metrics: Metrics,
    place: tuple[str, str],
    spec: RolloutSpec,
    arms: tuple[str, str],
    templates: Mapping[str, MetricTemplateSpec],
    bounds: Mapping[str, Sequence[float]],
    age: float,
) -> dict[str, Counters]:
    """Every metric's raw samples of the last `age` seconds and a little before; histograms at least at `bounds` (s).

    Raises ExportError, MetricsError.
    """
    sources = {metric.name: source_of(metric, templates) for metric in spec.analysis.metrics}
    watched = Watched(place, sources, frozenset(arms), arms[1], bounds=bounds)
    found = dict[str, Counters]()
    for name, source in sources.items():
        if isinstance(source, str):
            raise ExportError(source)
        found[name] = await _counters(metrics, watched, name, source, int(age) + _BEFORE_SECONDS)
    return found


async def _counters(metrics: Metrics, watched: Watched, name: str, source: Source, age: int) -> Counters:
    answers = [Answer(0.0, await metrics.window(selector, age)) for selector in source.selectors]
    counters = counters_of(watched, name, source, answers)
    if isinstance(counters, str):
        raise ExportError(counters)
    return counters


def behind(
    spec: RolloutSpec,
    status: RolloutStatus,
    readings: Mapping[str, Counters],
    arms: tuple[str, str],
    templates: Mapping[str, MetricTemplateSpec],
) -> Behind:
    """The stream behind the figures in `status`. Raises ExportError."""
    analysis = status.analysis
    if analysis is None or analysis.since is None:
        raise ExportError("no evidence was counted yet")
    ledger = remembered(status, None) or Ledger()
    interval = ledger.step or max((spacing(counters) for counters in readings.values()), default=0.0)
    if not interval:
        raise ExportError("Prometheus has no samples of that time any more")
    histories = {one.name: history_of(one.history) for one in analysis.metrics if one.history}
    kinds = kinds_of(spec.analysis.metrics, templates)
    rules = rules_of(spec.analysis, spec.strategy.stages, interval, kinds, histories)
    since, recorded = moment(analysis.since), {one.name: one for one in analysis.metrics}
    windows = {}
    for metric in rules.metrics:
        mine = ledger.metrics.get(metric.name)
        windows[metric.name] = windows_behind(
            rules,
            metric,
            readings.get(metric.name, Counters()),
            arms,
            since,
            mine.end if mine else moment(analysis.at),
            recorded.get(metric.name) if metric.kind != "gauge" else None,
            mine.strata if mine else (),
        )
    document = {**spec.analysis.to_json(), "stages": [stage.to_json() for stage in spec.strategy.stages]}
    document.pop("warmup", None)  # what was left out is not in the lines
    document["interval"] = interval
    document["history"] = {name: json.loads(json.dumps(asdict(one))) for name, one in histories.items()}
    known = any(one.strata for one in ledger.metrics.values())
    return Behind(document, tuple(lines(rules, windows, since)), interval, known)


def write(found: Behind, path: Path) -> Path:
    """Write the lines to `path` and the analysis beside it; returns where the latter is."""
    beside = path.with_name(f"{path.name.removesuffix('.jsonl')}.analysis.yaml")
    beside.write_text(yaml.safe_dump(found.analysis, sort_keys=False), encoding="utf-8")
    text = "".join(f"{json.dumps(line)}\n" for line in found.lines)
    path.write_text(text, encoding="utf-8")
    return beside


def differing(status: RolloutStatus, verdict: Verdict | None) -> list[str]:
    """Metrics whose evidence in the status is not that of the replay."""
    recorded = {one.name: one.evidence for one in status.analysis.metrics} if status.analysis else {}
    metrics = verdict.metrics if verdict is not None else ()
    replayed = {one.name: figure(one.evidence) for one in metrics}
    return sorted(name for name, evidence in recorded.items() if evidence != replayed.get(name))
