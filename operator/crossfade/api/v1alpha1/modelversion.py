"""ModelVersion: an immutable reference to a model's bytes, resolved once to a digest that every pod checks again."""

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from crossfade.api.v1alpha1.common import ApiModel, Condition, Sha256, Timestamp, cel

_SEMVER = (
    r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$"
)
_ONE_SELECTOR = cel("has(self.version) != has(self.alias)", "must have exactly one of `version` and `alias`")
_ONE_SOURCE = cel("has(self.mlflow) != has(self.uri)", "must have exactly one of `mlflow` and `uri`")
_IMMUTABLE = cel("self == oldSelf", "must not change: a ModelVersion is immutable, create another one instead")
_HTTP_PINNED = cel(
    "!has(self.source.uri) || !(self.source.uri.uri.startsWith('http:') || self.source.uri.uri.startsWith('https:'))"
    " || (has(self.artifact) && has(self.artifact.digest))",
    "must pin `artifact.digest` when `source.uri.uri` is http(s): the bytes behind such an address can change",
)


class MlflowSource(ApiModel):
    """A registered model version in the MLflow server that the operator is configured with."""

    model_config = {"json_schema_extra": {"x-kubernetes-validations": [_ONE_SELECTOR]}}

    name: Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^/:.%\"'@]+$")]
    version: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,9}$", max_length=10)] | None = None
    alias: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$", max_length=255)] | None = None
    """Resolved once and frozen: when the alias moves, make another ModelVersion."""

    @model_validator(mode="after")
    def _one_selector(self) -> Self:
        if (self.version is None) == (self.alias is None):
            raise ValueError(_ONE_SELECTOR["message"])
        return self


class UriSource(ApiModel):
    """A file or a folder of files behind a URI: s3, http(s) or, where the operator allows it, file."""

    uri: Annotated[str, StringConstraints(pattern=r"^(s3|http|https|file)://[^\s?#]+$", min_length=8, max_length=2048)]


class Source(ApiModel):
    """Where the bytes come from: exactly one member."""

    model_config = {"json_schema_extra": {"x-kubernetes-validations": [_ONE_SOURCE]}}

    mlflow: MlflowSource | None = None
    uri: UriSource | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.mlflow is None) == (self.uri is None):
            raise ValueError(_ONE_SOURCE["message"])
        return self


class Artifact(ApiModel):
    """What the author of the ModelVersion promises about the bytes."""

    digest: Sha256 | None = None
    """mvd1 digest; other bytes are refused for ever."""


class ModelVersionSpec(ApiModel):
    """Immutable once created."""

    model_config = {"json_schema_extra": {"x-kubernetes-validations": [_HTTP_PINNED, _IMMUTABLE]}}

    model_name: Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
    version: Annotated[str, StringConstraints(pattern=_SEMVER, min_length=5, max_length=64)]
    source: Source
    artifact: Artifact | None = None

    @model_validator(mode="after")
    def _http_pinned(self) -> Self:
        web = self.source.uri is not None and self.source.uri.uri.startswith(("http:", "https:"))
        if web and (self.artifact is None or self.artifact.digest is None):
            raise ValueError(_HTTP_PINNED["message"])
        return self


class Resolved(ApiModel):
    """What the reference meant when it was resolved; never changed afterwards."""

    uri: Annotated[str, StringConstraints(max_length=2048)]
    immutable_uri: Annotated[str, StringConstraints(max_length=2048)]
    digest: Sha256
    files: Annotated[int, Field(ge=1)]
    size_bytes: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
    registry_version: Annotated[str, StringConstraints(max_length=64)] | None = None
    run_id: Annotated[str, StringConstraints(max_length=256)] | None = None
    resolved_at: Timestamp


class ModelVersionStatus(ApiModel):
    """Observed state; written by the operator alone."""

    conditions: Annotated[
        list[Condition],
        Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    ] = []
    observed_generation: Annotated[int, Field(json_schema_extra={"format": "int64"})] = -1
    resolved: Resolved | None = None

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Self:
        """Read a stored status; an empty one is a fresh one."""
        return cls.model_validate(raw)
