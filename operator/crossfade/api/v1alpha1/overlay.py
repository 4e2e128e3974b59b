"""The pod template overlay: free-form, but for the few parts that Crossfade itself reads."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from crossfade.api.problems import sentences
from crossfade.api.v1alpha1.common import ApiModel, unique_names, validations
from crossfade.api.v1alpha1.pod import NOT_OURS, ContainerName, Number

_FREE_FORM: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_LABEL = {
    "type": "string",
    "description": "The container's name.",
    "minLength": 1,
    "maxLength": 63,
    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    **validations(NOT_OURS),
}
_NUMBER = {
    "type": "integer",
    "description": "The port's number. It must be set for `custom`.",
    "minimum": 1,
    "maximum": 65535,
}
_PORTS = {
    "type": "array",
    "description": "Requests are sent to the first container's port `http`, calls of a GRPCRoute to its port `grpc`.",
    "maxItems": 64,
    "items": {
        **_FREE_FORM,
        "description": "A core/v1 ContainerPort.",
        "properties": {
            "name": {"type": "string", "description": "The port's name.", "maxLength": 63},
            "containerPort": _NUMBER,
        },
    },
    "x-kubernetes-list-type": "atomic",
}


def _containers(description: str, least: int, **read: Any) -> dict[str, Any]:
    """A list of at least so many containers, of which beside the name these fields are read."""
    items = {**_FREE_FORM, "description": "A core/v1 Container.", "required": ["name"]}
    return {
        "type": "array",
        "description": description,
        **({"minItems": least} if least else {}),
        "maxItems": 16,
        "items": {**items, "properties": {"name": _LABEL, **read}},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    }


_CONTAINERS = _containers("Merged by name with the runtime's containers; `custom` has these alone.", 1, ports=_PORTS)
_INIT_CONTAINERS = _containers("They run once the model was downloaded and verified.", 0)
_SPEC = {
    **_FREE_FORM,
    "description": "Overlay on core/v1 PodSpec.",
    "properties": {"containers": _CONTAINERS, "initContainers": _INIT_CONTAINERS},
}
_METADATA = {**_FREE_FORM, "description": "Overlay on the pods' labels and annotations."}
_SCHEMA = {**_FREE_FORM, "properties": {"metadata": _METADATA, "spec": _SPEC}}


class _FreeForm(ApiModel):
    model_config = ConfigDict(extra="allow")


class _Port(_FreeForm):
    name: Annotated[str, StringConstraints(max_length=63)] | None = None
    container_port: Number | None = None


class _InitContainer(_FreeForm):
    name: ContainerName


class _Container(_InitContainer):
    ports: Annotated[list[_Port], Field(max_length=64)] | None = None


class _PodSpec(_FreeForm):
    containers: Annotated[list[_Container], Field(min_length=1, max_length=16), AfterValidator(unique_names)] | None = (
        None
    )
    init_containers: Annotated[list[_InitContainer], Field(max_length=16), AfterValidator(unique_names)] | None = None


class _Overlay(_FreeForm):
    metadata: dict[str, Any] | None = None
    spec: _PodSpec | None = None


_adapter = TypeAdapter(_Overlay)


def _check(value: dict[str, Any]) -> dict[str, Any]:
    try:
        _adapter.validate_python(value, by_alias=True, by_name=False)
    except ValidationError as error:
        raise ValueError(f"must fit a pod template: {'; '.join(sentences(error, ''))}") from None
    return value


PodOverlay = Annotated[dict[str, Any], AfterValidator(_check), WithJsonSchema(_SCHEMA)]
"""Overlay on a pod template, kept as it was written. The schema says the same as the models above, for the CRD."""


def containers(overlay: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The containers that the overlay brings; none when it brings none."""
    return list(((overlay or {}).get("spec") or {}).get("containers") or ())


def ports(container: dict[str, Any]) -> list[dict[str, Any]]:
    """The ports that a container of an overlay brings."""
    return list(container.get("ports") or ())
