"""The operator's own configuration: what an administrator decides, never what a Rollout may ask for."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from crossfade.api.v1alpha1.modelversion import PicklePolicy
from crossfade.model.networks import Networks, networks


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if "@" in value:
        # it would be copied into every pod's environment; the value is not repeated, for it is a secret
        raise ValueError("an address must not carry a user or a password")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} must be an address such as http://prometheus.monitoring:9090")
    if parts.query or parts.fragment:
        raise ValueError("an address must not have a query or a fragment")
    return value.rstrip("/")


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError("must be the absolute path of a file")
    return value


def _lease(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?", value):
        raise ValueError(f"{value!r} must be a namespace and a name, such as crossfade-system/crossfade")
    return value


Address = Annotated[str, AfterValidator(_web_address)]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
SecretFile = Annotated[Path, AfterValidator(_absolute)]


class _Part(BaseModel):
    """Something in a file that people write: camelCase, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class BasicAuth(_Part):
    """A user whose password is in a file."""

    username: Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f\x7f]+$", max_length=253)]
    password_file: SecretFile


class MetricsSource(_Part):
    """One more Prometheus, or what speaks its API, that Rollouts may name in `spec.analysis.prometheus`.

    `tenant` is sent as X-Scope-OrgID; `timeout` is in seconds for a whole query. Secrets are in files alone, which are
    read anew for each query.
    """

    name: Label
    address: Address
    tenant: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!._*'()|-]{1,150}$")] | None = None
    bearer_token_file: SecretFile | None = None
    basic: BasicAuth | None = None
    ca_file: SecretFile | None = None
    cert_file: SecretFile | None = None
    key_file: SecretFile | None = None
    timeout: float = Field(default=5.0, ge=0.5, le=60.0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.bearer_token_file is not None and self.basic is not None:
            raise ValueError("must have no more than one of `bearerTokenFile` and `basic`")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("must have both of `certFile` and `keyFile`, or none")
        if (self.ca_file or self.cert_file) and not self.address.startswith("https://"):
            raise ValueError("must have an address that begins with https:// when it has `caFile` or `certFile`")
        return self


_SOURCES = TypeAdapter(tuple[MetricsSource, ...])


def metrics_sources(file: Path) -> tuple[MetricsSource, ...]:
    """What a YAML file lists. Raises ValueError with a sentence that repeats nothing but names and places."""
    try:
        text = file.read_text()
    except OSError as failure:
        raise ValueError(f"{file} cannot be read: {failure.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is no YAML") from None
    return sources_of(text, str(file))


def sources_of(text: str, file: str) -> tuple[MetricsSource, ...]:
    """What the text of such a file lists. Raises the same."""
    try:
        listed = yaml.safe_load(text)
    except yaml.YAMLError as failure:
        mark = getattr(failure, "problem_mark", None)
        raise ValueError(f"{file} is no YAML{f', see line {mark.line + 1}' if mark else ''}") from None
    if not isinstance(listed, list):
        raise ValueError(f"{file} must be a list of sources, each with `name` and `address`")  # noqa: TRY004 - content
    try:
        found = _SOURCES.validate_python(listed)
    except ValidationError as failure:
        raise ValueError(f"{file}: {'; '.join(_faults(failure))}") from None
    names = [source.name for source in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{file} must have different names; twice or more: {', '.join(twice)}")
    return found


def _faults(failure: ValidationError) -> Iterator[str]:
    """What is wrong, by place; values are not repeated, for somebody may have written a secret where a file belongs."""
    for fault in failure.errors(include_url=False, include_input=False):
        first, *rest = fault["loc"]
        place = ".".join((f"[{first}]", *map(str, rest)))
        yield f"{place} {fault['msg'].removeprefix('Value error, ')}"


class Settings(BaseModel):
    """One field per flag of `crossfade run`; each flag has an environment variable too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prometheus_address: Address
    """The Prometheus that scrapes the model servers' pods."""
    metrics_interval: float = Field(default=5.0, ge=0.5, le=300.0)
    """Seconds between two readings of the metrics at most: where scrapes are known, they follow each scrape."""
    metrics_sources: tuple[MetricsSource, ...] = ()
    """More Prometheuses. One whose name is `default` takes the place of `prometheus_address`."""
    hugging_face_address: Address | None = None
    """The Hugging Face Hub that ModelVersions with `source.huggingFace` mean, asked as nobody."""
    mlflow_address: Address | None = None
    """The MLflow server that ModelVersions with `source.mlflow` mean."""
    allowed_networks: Annotated[Networks, BeforeValidator(networks)] = ()
    """Networks that are not public, to which the addresses that tenants write may lead."""
    pickle_policy: PicklePolicy = "Allow"
    """The weakest `spec.policy.pickle` that is accepted of ModelVersions."""
    file_root: str | None = Field(default=None, pattern="^/")
    """The folder below which `file://` sources may lie; none may when left out."""
    loader_image: str = Field(min_length=1)
    """The image whose `load` command the pods' init container runs: the operator's own."""
    namespaces: tuple[Label, ...] = ()
    """The namespaces to serve; all when empty."""
    lease: Annotated[str, AfterValidator(_lease)] | None = None
    """Namespace and name of the Lease by which replicas agree on who writes; without it there must be one replica."""
    health_port: int = Field(default=8080, ge=1, le=65535)
    """Where /livez, /readyz and /metrics are served."""
