"""`crossfade plan`: what a rollout will catch, how soon and at what cost, before its first request."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossfade.cli import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.table import Table

    from crossfade.api.v1alpha1 import MetricTemplateSpec, RolloutSpec
    from crossfade.decide.judge.forecast import Forecast, Row
    from crossfade.observe.past import Past

_PARTS_OF_A_MILLION = 1_000_000
_DEFAULT_STEP = "15s"
_TIMEOUT_SECONDS = 30.0
_MAX_BYTES = 256 << 20


_File = Annotated[
    Path, typer.Option("--file", "-f", exists=True, dir_okay=False, help="Rollouts as YAML, and MetricTemplates.")
]
_Rps = Annotated[float | None, typer.Option(min=0.001, help="Requests a second of the whole service.")]
_ErrorRate = Annotated[
    float | None, typer.Option(min=0.0, max=1.0, help="Its usual share of bad requests, such as 0.001.")
]
_ScrapeInterval = Annotated[
    str | None, typer.Option(help="How often its pods are scraped; 15s when it is not measured.")
]
_Prometheus = Annotated[
    str | None, typer.Option(help="Measure instead: the address of the Prometheus that scrapes its pods.")
]
_Lookback = Annotated[str, typer.Option(help="How much of the past is measured.")]
_Stable = Annotated[
    str | None, typer.Option(help="The revision to measure; found by itself when pods carry our labels.")
]
_Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Of Rollouts whose file names none.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def plan(
    file: _File,
    rps: _Rps = None,
    error_rate: _ErrorRate = None,
    scrape_interval: _ScrapeInterval = None,
    prometheus: _Prometheus = None,
    lookback: _Lookback = "6h",
    stable: _Stable = None,
    namespace: _Namespace = "default",
    as_json: _AsJson = False,
) -> None:
    """Tell what a rollout can promise with this service's traffic.

    Exit status: 0 planned, 1 Prometheus could not be read, 2 the file or a flag is wrong.
    """
    from crossfade.ports import MetricsError

    step = None if scrape_interval is None else words.span("--scrape-interval", scrape_interval)
    given = _Given(rps, error_rate, step, stable)
    if prometheus is None and (rps is None or error_rate is None):
        words.refuse("give --rps and --error-rate, or --prometheus to measure them")
    past = words.span("--lookback", lookback)
    rollouts, templates = _read(file, namespace)
    try:
        planned = asyncio.run(_planned(rollouts, templates, given, prometheus, int(past)))
    except MetricsError as failure:
        typer.echo(str(failure), err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps([_as_json(one) for one in planned], indent=2, ensure_ascii=False, allow_nan=False))
        return
    for one in planned:
        _show(one)


@dataclass(frozen=True, slots=True)
class _Given:
    """What the flags say of the service."""

    rps: float | None
    error_rate: float | None
    step: float | None
    stable: str | None


@dataclass(frozen=True, slots=True)
class _Rollout:
    """One of the file's Rollouts."""

    namespace: str
    name: str
    spec: "RolloutSpec"


@dataclass(frozen=True, slots=True)
class _Planned:
    """One Rollout's plan, and what could not be measured."""

    rollout: _Rollout
    forecast: "Forecast"
    faults: tuple[str, ...] = field(default=())


async def _planned(
    rollouts: "list[_Rollout]",
    templates: "Mapping[str, MetricTemplateSpec]",
    given: _Given,
    prometheus: str | None,
    lookback: int,
) -> list[_Planned]:
    from crossfade.adapters.prometheus import PrometheusMetrics
    from crossfade.decide.templates import source_of
    from crossfade.observe.past import Past, read_past

    metrics = PrometheusMetrics(prometheus, _TIMEOUT_SECONDS, _MAX_BYTES) if prometheus else None
    planned = []
    try:
        for one in rollouts:
            sources = {metric.name: source_of(metric, templates) for metric in one.spec.analysis.metrics}
            faults = tuple(source for source in sources.values() if isinstance(source, str))
            past = Past(faults=faults)
            if metrics is not None:
                place = (one.namespace, one.name)
                past = await read_past(metrics, place, sources, given.stable, lookback, time.time())
            planned.append(_plan(one, templates, given, past))
    finally:
        if metrics is not None:
            await metrics.close()
    return planned


def _plan(rollout: _Rollout, templates: "Mapping[str, MetricTemplateSpec]", given: _Given, past: "Past") -> _Planned:
    """What is measured counts; the flags fill in what is not, but requests a second as given always count."""
    from crossfade.api.v1alpha1.common import seconds
    from crossfade.decide.judge.forecast import Volume, plan_of
    from crossfade.decide.judge.replay import calibrated, with_histories
    from crossfade.decide.judge.rules import History, rules_of
    from crossfade.decide.templates import kinds_of

    spec, stages = rollout.spec, rollout.spec.strategy.stages
    step = given.step or past.step or seconds(_DEFAULT_STEP)
    rules = rules_of(spec.analysis, stages, step, kinds_of(spec.analysis.metrics, templates))
    found = calibrated(rules, past.windows)
    told = found.rules
    if given.error_rate is not None:
        said = History(bounds=(0.0,), bad=(round(given.error_rate * _PARTS_OF_A_MILLION),), total=_PARTS_OF_A_MILLION)
        unknown = (metric for metric in told.metrics if metric.kind == "ratio" and not metric.history.total)
        told = with_histories(told, {metric.name: said for metric in unknown})
    rps = {} if given.rps is not None else past.rps
    service = Volume(given.rps or max(past.rps.values(), default=0.0), spec.serving.least, rps)
    return _Planned(rollout, plan_of(told, stages, service, found.replay, spec.strategy.weight_scale), past.faults)


def _read(file: Path, namespace: str) -> "tuple[list[_Rollout], dict[str, MetricTemplateSpec]]":
    """The Rollouts and MetricTemplates of the file; other kinds are left out. Exits with sentences for faults."""
    import yaml
    from pydantic import ValidationError

    from crossfade.api import meta
    from crossfade.api.problems import sentences
    from crossfade.api.v1alpha1 import MetricTemplateSpec, RolloutSpec

    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as failure:
        place = getattr(failure, "problem_mark", None)
        words.refuse(f"{file}: must be YAML{f'; see line {place.line + 1}' if place else ' in UTF-8'}")
    rollouts, templates, faults = list[_Rollout](), dict[str, MetricTemplateSpec](), list[str]()
    for document in documents:
        if not isinstance(document, dict) or document.get("apiVersion") != meta.API_VERSION:
            continue
        kind, head = document.get("kind"), document.get("metadata")
        name = str(head.get("name", "")) if isinstance(head, dict) else ""
        try:
            if kind == "Rollout":
                spec = RolloutSpec.model_validate(document.get("spec", {}))
                rollouts.append(_Rollout(str(head.get("namespace") or namespace) if head else namespace, name, spec))
            elif kind == "MetricTemplate":
                templates[name] = MetricTemplateSpec.model_validate(document.get("spec", {}))
        except ValidationError as error:
            faults += [f"{kind} {name}: {sentence}" for sentence in sentences(error, "spec")]
    if not faults and not rollouts:
        faults.append(f"{file}: must hold at least one Rollout of {meta.API_VERSION}")
    if faults:
        words.refuse("\n".join(faults))
    return rollouts, templates


def _show(planned: _Planned) -> None:
    from rich.console import Console

    from crossfade.decide.judge.outlook import false_alarms, summary, warnings

    console, forecast = Console(highlight=False, soft_wrap=True), planned.forecast
    console.print(f"{planned.rollout.namespace}/{planned.rollout.name}: {summary(forecast)}", markup=False)
    console.print(false_alarms(forecast), markup=False)
    if forecast.rows:
        console.print(_table(forecast))
    for sentence in (*planned.faults, *warnings(forecast)):
        console.print(f"! {sentence}", style="yellow", markup=False)


def _table(forecast: "Forecast") -> "Table":
    from rich.table import Table

    table = Table(
        caption="times in half of the rollouts (in 95%); bad: the candidate's bad or slow requests until then"
    )
    for column in ("stage", "weight", "metric", "catches from", "x2 after", "x5 after", "bad (x5)", "equal after"):
        table.add_column(column, justify="left" if column in ("stage", "metric") else "right")
    for row in forecast.rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: "Row") -> "Iterator[str]":
    from crossfade.decide.judge.outlook import span, times

    def both(median: float, late: float) -> str:
        return span(median) if isinf(median) else f"{span(median)} ({span(late)})"

    yield from (row.stage, row.gives, row.metric)
    yield f"{times(row.smallest)} in {span(row.horizon)}" if row.smallest is not None else "none"
    yield both(row.double.median, row.double.late)
    yield both(row.fivefold.median, row.fivefold.late)
    yield "-" if isinf(row.fivefold.bad) else f"{row.fivefold.bad:,.0f}"
    yield both(row.promotes, row.promotes_late)


def _as_json(planned: _Planned) -> dict[str, Any]:
    """Times in seconds; null for never."""
    from crossfade.decide.judge.outlook import false_alarms, summary, warnings

    forecast, rollout = planned.forecast, planned.rollout
    median, late = forecast.promoted
    return {
        "namespace": rollout.namespace,
        "name": rollout.name,
        "summary": summary(forecast),
        "falseAlarms": false_alarms(forecast),
        "promoted": {"median": _finite(median), "p95": _finite(late)},
        "scrapeInterval": forecast.rules.step,
        "metrics": [
            {
                "name": metric.name,
                "kappa": metric.history.kappa,
                "phi": metric.history.phi,
                "rps": forecast.service.of(metric.name),
            }
            for metric in forecast.rules.metrics
        ],
        "stages": [_row_json(row) for row in forecast.rows],
        "warnings": [*planned.faults, *warnings(forecast)],
    }


def _row_json(row: "Row") -> dict[str, Any]:
    caught = {
        name: {"median": _finite(one.median), "p95": _finite(one.late), "badRequests": _finite(one.bad)}
        for name, one in (("x1.5", row.half_more), ("x2", row.double), ("x5", row.fivefold))
    }
    return {
        "stage": row.stage,
        "gives": row.gives,
        "metric": row.metric,
        "kind": row.kind,
        "catches": {"from": row.smallest, "within": row.horizon},
        **caught,
        "promotes": {"median": _finite(row.promotes), "p95": _finite(row.promotes_late)},
    }


def _finite(value: float) -> float | None:
    return None if isinf(value) else value
