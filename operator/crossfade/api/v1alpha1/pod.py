"""The parts of a pod template that Crossfade itself reads, as they are once an overlay is laid on; all else is free."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from crossfade.api.problems import sentences
from crossfade.api.v1alpha1.common import ApiModel, DnsLabel, cel, unique_names

OURS = frozenset({"load", "warm-up"})
"""Names of the containers that Crossfade adds."""
NOT_OURS = cel(
    "!(self in ['load', 'warm-up'])", "must not be `load` or `warm-up`: containers that Crossfade adds are named so"
)
Number = Annotated[int, Field(ge=1, le=65535)]


def _not_ours(name: str) -> str:
    if name in OURS:
        raise ValueError(NOT_OURS["message"])
    return name


def _number_or_name(port: Any) -> Any:
    if isinstance(port, str) or (isinstance(port, int) and not isinstance(port, bool) and 0 < port < 1 << 16):
        return port
    raise ValueError("must be a number from 1 to 65535, or the name of a port")


def _printable(path: str) -> str:
    if not re.fullmatch(r"[!-~]*", path):
        raise ValueError("must be of ASCII characters, without spaces: write others as `%20`")
    return path


ContainerName = Annotated[DnsLabel, AfterValidator(_not_ours)]


class _Named(ApiModel):
    name: str


class _Port(ApiModel):
    name: str | None = None
    container_port: Number
    protocol: str | None = None


class _HttpGet(ApiModel):
    port: Annotated[Any, AfterValidator(_number_or_name)]
    path: Annotated[str, AfterValidator(_printable)] | None = None
    scheme: str | None = None
    host: str | None = None


class _Probe(ApiModel):
    http_get: _HttpGet | None = None


class _Mount(ApiModel):
    name: str
    mount_path: str


class _Container(ApiModel):
    name: ContainerName
    env: list[_Named] | None = None
    ports: list[_Port] | None = None
    volume_mounts: list[_Mount] | None = None
    lifecycle: dict[str, Any] | None = None
    startup_probe: _Probe | None = None
    readiness_probe: _Probe | None = None


class _Pod(ApiModel):
    containers: Annotated[list[_Container], Field(min_length=1)]
    init_containers: list[_Container] | None = None
    volumes: list[_Named] | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        unique_names([*self.containers, *(self.init_containers or ())])
        return self


class _Metadata(ApiModel):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Template(ApiModel):
    metadata: _Metadata | None = None
    spec: _Pod


def faults(template: dict[str, Any]) -> list[str]:
    """What is wrong with a whole pod template, a sentence each, such as `spec.containers[0].ports[0].containerPort
    must be set`; none when Crossfade can make pods of it."""
    try:
        _Template.model_validate(template, by_alias=True, by_name=False)
    except ValidationError as error:
        return sentences(error, "")
    return []
