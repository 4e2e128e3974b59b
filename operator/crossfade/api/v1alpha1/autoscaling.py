"""How many pods a version may have, and what says how many it needs; the metrics are Kubernetes' own, free-form."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic.config import JsonDict

from crossfade.api.v1alpha1.common import ApiModel, cel, validations

_TYPES = ("ContainerResource", "External", "Object", "Pods", "Resource")
_ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "x-kubernetes-preserve-unknown-fields": True,
    "required": ["type"],
    "properties": {"type": {"type": "string", "enum": list(_TYPES), "description": "Where the metric comes from."}},
}
_ROOM = cel("self.max >= self.min", "must have a `max` that is not less than `min`, which is `1` when left out")


def _typed(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("type") not in _TYPES:
        raise ValueError(f"must have a `type` of {', '.join(_TYPES)}")
    return value


ScalingMetric = Annotated[dict[str, Any], AfterValidator(_typed), WithJsonSchema(_SCHEMA)]
"""An autoscaling/v2 MetricSpec, kept as it was written."""


class Autoscaling(ApiModel):
    """A HorizontalPodAutoscaler for each version, so that neither is scaled by what the other does."""

    model_config = ConfigDict(json_schema_extra=validations(_ROOM))

    least: Annotated[int, Field(alias="min", ge=1, le=1000)] = 1
    """The fewest pods of the version that gets all requests."""
    most: Annotated[int, Field(alias="max", ge=1, le=1000)]
    """The most pods that a version may have."""
    metrics: Annotated[list[ScalingMetric], Field(max_length=16, json_schema_extra=_ATOMIC)] = Field(
        default_factory=list
    )
    """As in autoscaling/v2, best of the pods themselves; Kubernetes' default, 80% of the cpu asked for, when empty."""

    @model_validator(mode="after")
    def _roomy(self) -> Self:
        if self.most < self.least:
            raise ValueError(_ROOM["message"])
        return self
