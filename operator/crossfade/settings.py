"""The operator's own configuration: what an administrator decides, never what a Rollout may ask for."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} must be an address such as http://prometheus.monitoring:9090")
    if parts.username or parts.password:
        # it would be copied into every pod's environment; the value is not repeated, for it is a secret
        raise ValueError("an address must not carry a user or a password")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_web_address)]
Namespace = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]


class Settings(BaseModel):
    """One field per flag of `crossfade run`; each flag has an environment variable too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prometheus_address: Address
    """The Prometheus that scrapes the model servers' pods."""
    metrics_interval: float = Field(default=5.0, ge=0.5, le=300.0)
    """Seconds between two readings of the metrics."""
    mlflow_address: Address | None = None
    """The MLflow server that ModelVersions with `source.mlflow` mean."""
    file_root: str | None = Field(default=None, pattern="^/")
    """The folder below which `file://` sources may lie; none may when left out."""
    loader_image: str = Field(min_length=1)
    """The image whose `load` command the pods' init container runs: the operator's own."""
    namespaces: tuple[Namespace, ...] = ()
    """The namespaces to serve; all when empty."""
    health_port: int = Field(default=8080, ge=1, le=65535)
    """Where /livez, /readyz and /metrics are served."""
