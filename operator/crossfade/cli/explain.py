"""`crossfade explain`: why a rollout stands where it stands, and on request the windows behind it."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from crossfade.adapters.kube import KubeCluster
    from crossfade.api.v1alpha1.metrictemplate import MetricTemplateSpec
    from crossfade.api.v1alpha1.rollout import MetricStatus, RolloutSpec, RolloutStatus

_READ_SECONDS = 60.0
_READ_BYTES = 256 << 20


def explain(
    name: Annotated[str, typer.Argument(metavar="ROLLOUT", help="The Rollout's name.")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Its namespace.")] = "default",
    export: Annotated[
        Path | None, typer.Option(help="Write the windows behind the verdict here, as `crossfade judge` reads them.")
    ] = None,
    prometheus: Annotated[
        str | None,
        typer.Option(envvar="CROSSFADE_PROMETHEUS_ADDRESS", help="The Prometheus that has the samples, for --export."),
    ] = None,
) -> None:
    """Say what a rollout's verdict rests on: counts, ratio with its interval, evidence against what is needed."""
    if export is not None and prometheus is None:
        raise typer.BadParameter("must be given with --export: the samples are there", param_hint="--prometheus")
    from crossfade.cli.evidence import ExportError
    from crossfade.ports import ClusterError, MetricsError

    try:
        asyncio.run(_explain(name, namespace, export, prometheus))
    except (ClusterError, MetricsError, ExportError, OSError) as failure:
        typer.echo(f"crossfade explain: {failure}", err=True)
        raise typer.Exit(1) from None


async def _explain(name: str, namespace: str, export: Path | None, prometheus: str | None) -> None:
    from rich.console import Console

    from crossfade.adapters.kube import KubeCluster, object_path
    from crossfade.api.v1alpha1.rollout import RolloutSpec, RolloutStatus
    from crossfade.ports import ROLLOUTS

    cluster = await KubeCluster.connect()
    try:
        raw = await cluster.request("GET", object_path(ROLLOUTS, namespace, name))
        status = RolloutStatus.of(raw.get("status", {}))
        tell(name, status, Console())
        if export is not None and prometheus is not None:
            spec = RolloutSpec.model_validate(raw["spec"])
            templates = await _templates(cluster, namespace, spec)
            await _export((namespace, name), spec, status, templates, export, prometheus)
    finally:
        await cluster.close()


def tell(name: str, status: "RolloutStatus", console: "Console") -> None:
    """Print the whole story of one Rollout."""
    ready = next((one for one in status.conditions if one.type == "Ready"), None)
    console.print(f"[bold]{name}[/bold]  {_now(status)}", highlight=False)
    if ready is not None:
        console.print(f"{ready.reason}: {ready.message}", highlight=False, markup=False)
    if status.analysis is not None:
        analysis = status.analysis
        console.print(f"\n[bold]{analysis.verdict}[/bold] at {analysis.at}", highlight=False)
        if analysis.explanation:
            console.print(analysis.explanation, highlight=False, markup=False)
        console.print(_figures(analysis.metrics))
        for metric in analysis.metrics:
            console.print(metric.explanation, highlight=False, markup=False)
    for outcome in status.history:
        told = f"{outcome.at}  {outcome.result} ({outcome.cause}) {outcome.model_version}: {outcome.message}"
        console.print(f"\n{told}" if outcome is status.history[0] else told, highlight=False, markup=False)
    if status.analysis is None and not status.history:
        console.print("Nothing was judged yet.")


def _now(status: "RolloutStatus") -> str:
    """Who serves, who is on the way, and how far."""
    stable = status.stable.model_version if status.stable else "nothing"
    if status.candidate is None:
        return f"{stable} serves all requests"
    weight = f"{status.traffic.desired}% of the requests" if status.traffic else "no requests yet"
    if status.traffic and (given := status.traffic.given):
        weight += f" (by pods {given.pods} of {given.of})"
    seen = f", {status.traffic.observed} seen" if status.traffic and status.traffic.observed else ""
    stage = f", stage {status.stage.summary} since {status.stage.entered_at}" if status.stage else ""
    return f"{status.candidate.model_version} over {stable}: {weight}{seen}{stage}"


def _figures(metrics: "list[MetricStatus]") -> object:
    from rich.table import Table

    table = Table("metric", "state", box=None, pad_edge=False)
    for column in ("candidate", "stable", "ratio", "interval", "evidence", "needed"):
        table.add_column(column, justify="right")
    for one in metrics:
        counts = [f"{arm.bad:,} of {arm.total:,}" if arm.total else "" for arm in (one.candidate, one.stable)]
        interval = f"{one.low} to {one.high}" if one.low and one.high else ""
        table.add_row(one.name, one.state, *counts, one.ratio or "", interval, one.evidence or "", one.threshold or "")
    return table


async def _templates(cluster: "KubeCluster", namespace: str, spec: "RolloutSpec") -> "dict[str, MetricTemplateSpec]":
    """The namespace's own templates that the metrics name; built-in ones have a slash in their names."""
    from crossfade.adapters.kube import object_path
    from crossfade.api.v1alpha1.metrictemplate import MetricTemplateSpec
    from crossfade.ports import METRIC_TEMPLATES

    names = {metric.template for metric in spec.analysis.metrics if metric.template and "/" not in metric.template}
    found = {}
    for name in sorted(names):
        raw = await cluster.request("GET", object_path(METRIC_TEMPLATES, namespace, name))
        found[name] = MetricTemplateSpec.model_validate(raw["spec"])
    return found


async def _export(
    place: tuple[str, str],
    spec: "RolloutSpec",
    status: "RolloutStatus",
    templates: "dict[str, MetricTemplateSpec]",
    path: Path,
    address: str,
) -> None:
    from crossfade.adapters.prometheus import PrometheusMetrics
    from crossfade.cli.evidence import ExportError, arms_of, behind, bounds_of, counters_behind, differing, write
    from crossfade.model.moments import moment

    if status.analysis is None or status.analysis.since is None:
        raise ExportError("no evidence was counted yet")
    arms, age = arms_of(status), time.time() - moment(status.analysis.since)
    metrics = PrometheusMetrics(address, timeout=_READ_SECONDS, max_bytes=_READ_BYTES)
    try:
        bounds = bounds_of(spec, status)
        readings = await counters_behind(metrics, place, spec, arms, templates, bounds, age)
    finally:
        await metrics.close()
    found = behind(spec, status, readings, arms, templates)
    beside = write(found, path)
    typer.echo(f"\n{len(found.lines)} lines in {path}; check them with")
    typer.echo(f"  crossfade judge --analysis {beside} < {path}")
    if not found.weights_known:
        typer.echo("The rollout has ended, so its weights are not known any more: each line has weight 0.")
    if others := differing(status, found.replay()):
        typer.echo(f"NOT the evidence of the status: {', '.join(others)}. Prometheus has not all samples any more.")
    else:
        typer.echo("Judged again here: the evidence is that of the status.")
