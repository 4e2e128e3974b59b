"""`crossfade run`: the operator itself. Heavy imports wait until it is really run."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossfade.version import VERSION

if TYPE_CHECKING:
    from crossfade.adapters.prometheus import PrometheusMetrics
    from crossfade.settings import MetricsSource, Settings

_DEFAULT_IMAGE = f"ghcr.io/crossfade-dev/crossfade:{VERSION}"

_PrometheusAddress = Annotated[
    str, typer.Option(envvar="CROSSFADE_PROMETHEUS_ADDRESS", help="The Prometheus that scrapes the model servers.")
]
_MetricsInterval = Annotated[
    float,
    typer.Option(envvar="CROSSFADE_METRICS_INTERVAL", help="The most seconds between two readings of the metrics."),
]
_MetricsSources = Annotated[
    Path | None,
    typer.Option(envvar="CROSSFADE_METRICS_SOURCES", help="A YAML file of more Prometheuses; docs/prometheus.md."),
]
_HuggingFaceAddress = Annotated[
    str | None,
    typer.Option(envvar="CROSSFADE_HUGGING_FACE_ADDRESS", help="The Hugging Face Hub of `source.huggingFace`."),
]
_MlflowAddress = Annotated[
    str | None, typer.Option(envvar="CROSSFADE_MLFLOW_ADDRESS", help="The MLflow server of `source.mlflow`.")
]
_AllowedNetworks = Annotated[
    str,
    typer.Option(
        envvar="CROSSFADE_ALLOWED_NETWORKS",
        help="Networks that are not public, to which addresses of tenants may lead, such as 10.0.0.0/8,fd00::/8.",
    ),
]
_PicklePolicy = Annotated[
    str,
    typer.Option(
        envvar="CROSSFADE_PICKLE_POLICY",
        help="The weakest `spec.policy.pickle` that is accepted: Allow, KnownOnly or Forbid.",
    ),
]
_FileRoot = Annotated[
    str | None, typer.Option(envvar="CROSSFADE_FILE_ROOT", help="The folder below which file:// sources may lie.")
]
_LoaderImage = Annotated[
    str, typer.Option(envvar="CROSSFADE_LOADER_IMAGE", help="The operator's own image, for the init container.")
]
_Namespaces = Annotated[
    list[str] | None,
    typer.Option(envvar="CROSSFADE_NAMESPACES", help="A namespace to serve; repeat for more, leave out for all."),
]
_Lease = Annotated[
    str | None,
    typer.Option(envvar="CROSSFADE_LEASE", help="NAMESPACE/NAME of the Lease by which replicas choose a leader."),
]
_HealthPort = Annotated[
    int, typer.Option(envvar="CROSSFADE_HEALTH_PORT", help="Where /livez, /readyz and /metrics are served.")
]


def run(
    prometheus_address: _PrometheusAddress,
    metrics_interval: _MetricsInterval = 5.0,
    metrics_sources: _MetricsSources = None,
    hugging_face_address: _HuggingFaceAddress = None,
    mlflow_address: _MlflowAddress = None,
    allowed_networks: _AllowedNetworks = "",
    pickle_policy: _PicklePolicy = "Allow",
    file_root: _FileRoot = None,
    loader_image: _LoaderImage = _DEFAULT_IMAGE,
    namespace: _Namespaces = None,
    lease: _Lease = None,
    health_port: _HealthPort = 8080,
) -> None:
    """Run the operator until SIGTERM."""
    settings = _settings(
        prometheus_address=prometheus_address,
        metrics_interval=metrics_interval,
        metrics_sources=_sources(metrics_sources),
        hugging_face_address=hugging_face_address,
        mlflow_address=mlflow_address,
        allowed_networks=allowed_networks,
        pickle_policy=pickle_policy,
        file_root=file_root,
        loader_image=loader_image,
        namespaces=tuple(namespace or ()),
        lease=lease or None,
        health_port=health_port,
    )
    sys.exit(asyncio.run(_serve(settings)))


def _sources(file: Path | None) -> "tuple[MetricsSource, ...]":
    """What the file lists. Exits with a sentence for a fault."""
    from crossfade.settings import metrics_sources

    try:
        return metrics_sources(file) if file else ()
    except ValueError as error:
        typer.echo(f"--metrics-sources: {error}", err=True)
        raise typer.Exit(2) from None


def _settings(**words: object) -> "Settings":
    """Exits with a sentence for each flag that is wrong."""
    from pydantic import ValidationError

    from crossfade.settings import Settings

    try:
        return Settings.model_validate(words)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            flag = {"namespaces": "namespace"}.get(str(fault["loc"][0]), str(fault["loc"][0])).replace("_", "-")
            typer.echo(f"--{flag}: {fault['msg']}", err=True)
        raise typer.Exit(2) from None


async def _serve(settings: "Settings") -> int:
    """Build the adapters and run. Returns the exit code."""
    import logging

    from crossfade.adapters.clock import SystemClock
    from crossfade.adapters.kube import KubeCluster
    from crossfade.adapters.prober import HttpProber
    from crossfade.adapters.sources import OpenSources, own_registries
    from crossfade.ports import ClusterError
    from crossfade.telemetry.logs import configure_logs
    from crossfade.watch.office import Outside
    from crossfade.watch.operator import Operator

    configure_logs()
    log = logging.getLogger("crossfade")
    try:
        cluster = await KubeCluster.connect()
    except ClusterError as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback would hide it
        return 1
    metrics = _prometheuses(settings)
    file_root = Path(settings.file_root) if settings.file_root else None
    own = own_registries(settings.mlflow_address, settings.hugging_face_address)
    sources = OpenSources(own, file_root, allowed=settings.allowed_networks)
    try:
        await Operator(settings, cluster, Outside(metrics, sources, HttpProber(), SystemClock())).run()
    except Exception:
        log.exception("the operator ends because a part of it failed")
        return 1
    finally:
        await cluster.close()
        await asyncio.gather(*(prometheus.close() for prometheus in metrics.values()))
        await sources.close()
    return 0


def _prometheuses(settings: "Settings") -> "dict[str, PrometheusMetrics]":
    """Those that Rollouts may name; nothing is asked yet."""
    from crossfade.adapters.prometheus import PrometheusMetrics
    from crossfade.adapters.prometheus_access import Access
    from crossfade.observe.answers import DEFAULT

    found = dict[str, PrometheusMetrics]()
    for source in settings.metrics_sources:
        access = Access(
            tenant=source.tenant,
            bearer_token_file=source.bearer_token_file,
            username=source.basic.username if source.basic else None,
            password_file=source.basic.password_file if source.basic else None,
            ca_file=source.ca_file,
            cert_file=source.cert_file,
            key_file=source.key_file,
        )
        found[source.name] = PrometheusMetrics(source.address, source.timeout, access=access)
    if DEFAULT not in found:
        found[DEFAULT] = PrometheusMetrics(settings.prometheus_address)
    return found
