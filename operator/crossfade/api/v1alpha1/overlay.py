"""The pod template overlay: free-form, but for the few parts that Crossfade itself reads."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema

from crossfade.api.problems import sentences
from crossfade.api.v1alpha1.common import ApiModel, DnsLabel, unique_names

_FREE_FORM: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_LABEL = {
    "type": "string",
    "description": "The container's name.",
    "minLength": 1,
    "maxLength": 63,
    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
}
_CONTAINERS = {
    "type": "array",
    "description": "Merged by name with the runtime's containers; `custom` has these alone.",
    "minItems": 1,
    "maxItems": 16,
    "items": {
        **_FREE_FORM,
        "description": "A core/v1 Container.",
        "required": ["name"],
        "properties": {"name": _LABEL},
    },
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}
_SPEC = {**_FREE_FORM, "description": "Overlay on core/v1 PodSpec.", "properties": {"containers": _CONTAINERS}}
_METADATA = {**_FREE_FORM, "description": "Overlay on the pods' labels and annotations."}
_SCHEMA = {**_FREE_FORM, "properties": {"metadata": _METADATA, "spec": _SPEC}}


class _FreeForm(ApiModel):
    model_config = ConfigDict(extra="allow")


class _Container(_FreeForm):
    name: DnsLabel


class _PodSpec(_FreeForm):
    containers: Annotated[list[_Container], Field(min_length=1, max_length=16), AfterValidator(unique_names)] | None = (
        None
    )


class _Overlay(_FreeForm):
    metadata: dict[str, Any] | None = None
    spec: _PodSpec | None = None


_adapter = TypeAdapter(_Overlay)


def _check(value: dict[str, Any]) -> dict[str, Any]:
    try:
        _adapter.validate_python(value)
    except ValidationError as error:
        raise ValueError(f"must fit a pod template: {'; '.join(sentences(error, ''))}") from None
    return value


PodOverlay = Annotated[dict[str, Any], AfterValidator(_check), WithJsonSchema(_SCHEMA)]
"""Overlay on a pod template, kept as it was written. The schema says the same as the models above, for the CRD."""


def has_containers(overlay: dict[str, Any] | None) -> bool:
    """Whether the overlay brings containers of its own."""
    return bool(((overlay or {}).get("spec") or {}).get("containers"))
