"""MetricTemplate: a named way to read one signal of one server, for the Rollouts of its namespace."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, StringConstraints, model_validator

from crossfade.api.v1alpha1.common import ApiModel, cel, validations
from crossfade.api.v1alpha1.sources import ONE_KIND, CounterRatio, Gauge, Histogram

_IMMUTABLE = cel("self == oldSelf", "must not change: a MetricTemplate is immutable, create another one instead")
_TELLS_ARMS = cel(
    "self.contains.contains('{namespace}') && self.contains.contains('{revision}')",
    "must have both `{namespace}` and `{revision}` in `contains`: without them an arm is not told from others",
)


class TimedHistogram(Histogram):
    """A histogram of times, classic (the `_bucket` series) or native (the series without a suffix)."""

    unit: Literal["Seconds", "Milliseconds"] = "Seconds"
    """What its bounds are in."""


class ArmLabel(ApiModel):
    """Which revision a series speaks of, when it does not come from our pods, as a gateway's."""

    model_config = ConfigDict(json_schema_extra=validations(_TELLS_ARMS))

    label: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=128)]
    """The label that names the Service."""
    contains: Annotated[str, StringConstraints(pattern=r"^([^{}]|\{(namespace|revision)\})+$", max_length=253)]
    """What occurs in its value, as `-svc-{namespace}-{revision}-`. Plain text but for `{namespace}` and `{revision}`,
    which is the name of the revision's Service; at an end it must be a whole name."""

    @model_validator(mode="after")
    def _tells_arms(self) -> Self:
        if "{namespace}" not in self.contains or "{revision}" not in self.contains:
            raise ValueError(_TELLS_ARMS["message"])
        return self


class MetricTemplateSpec(ApiModel):
    """One signal. Immutable: what was counted in one way must not go on being counted in another."""

    model_config = ConfigDict(json_schema_extra=validations(ONE_KIND, _IMMUTABLE))

    ratio: CounterRatio | None = None
    """A pair of counters."""
    latency: TimedHistogram | None = None
    """A histogram of times."""
    gauge: Gauge | None = None
    """A gauge."""
    arm: ArmLabel | None = None
    """How stable is told from candidate; by the labels `namespace`, `pod` and `revision` when left out."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(source is not None for source in (self.ratio, self.latency, self.gauge)) != 1:
            raise ValueError(ONE_KIND["message"])
        return self
