"""spec.analysis: which signals are judged while traffic is split, and how surely."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from crossfade.api.v1alpha1.common import ApiModel, DnsLabel, Duration, Ratio, cel, unique_names, validations
from crossfade.api.v1alpha1.objective import Objective
from crossfade.api.v1alpha1.sources import ONE_SERIES, CounterRatio, Gauge, Histogram, TemplateName

_BY_NAME: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}

_RULED = cel(
    "has(self.template) || has(self.gauge) == has(self.objective.rule)",
    "must have `objective.rule` for a `gauge`, and for nothing else",
)
_RATIO_AIMS = cel(
    "!has(self.ratio) || (!(has(self.objective.relative) && has(self.objective.relative.slowerBy))"
    " && !(has(self.objective.absolute) && has(self.objective.absolute.quantile)))",
    "must not have `slowerBy` or `quantile` in the objective of a `ratio`: they are of latency",
)
_LATENCY_AIMS = cel(
    "!has(self.latency) || (!(has(self.objective.relative) && has(self.objective.relative.rollbackAbove))"
    " && !(has(self.objective.absolute) && !has(self.objective.absolute.quantile)))",
    "must not have `rollbackAbove`, `floor` or a `max` without `quantile` in the objective of a `latency`:"
    " they are of bad requests",
)
_REQUIRED = cel(
    "self.exists(metric, metric.role == 'Required')",
    "must have at least one metric whose `role` is `Required`: without proof nothing goes on",
)


def _one_required(metrics: list["Metric"]) -> list["Metric"]:
    if not any(metric.role == "Required" for metric in metrics):
        raise ValueError(_REQUIRED["message"])
    return metrics


class Metric(ApiModel):
    """One signal, read as raw samples per pod and scrape."""

    model_config = ConfigDict(json_schema_extra=validations(ONE_SERIES, _RULED, _RATIO_AIMS, _LATENCY_AIMS))

    name: DnsLabel
    """Shown in status and events."""
    template: TemplateName | None = None
    """A ready-made source: built in, as `mlserver/errors`, or a MetricTemplate of this namespace."""
    ratio: CounterRatio | None = None
    """A pair of counters of your own."""
    latency: Histogram | None = None
    """A histogram of your own."""
    gauge: Gauge | None = None
    """A gauge of your own."""
    objective: Objective
    """What counts as worse, and what as good enough."""
    role: Literal["Guardrail", "Required", "Observe"] = "Required"
    """`Required` must be proven good enough before the rollout goes on; `Guardrail` must only not be worse; both roll
    back. `Observe` is shown and decides nothing."""

    @model_validator(mode="after")
    def _one_series(self) -> Self:
        if sum(source is not None for source in (self.template, self.ratio, self.latency, self.gauge)) != 1:
            raise ValueError(ONE_SERIES["message"])
        return self

    @model_validator(mode="after")
    def _fits(self) -> Self:
        aims = self.objective
        if self.template is None and (self.gauge is not None) != (aims.rule is not None):
            raise ValueError(_RULED["message"])
        if self.ratio is not None and (aims.is_slower_by or aims.has_quantile):
            raise ValueError(_RATIO_AIMS["message"])
        if self.latency is not None and (aims.is_of_errors or aims.has_floor or aims.has_share):
            raise ValueError(_LATENCY_AIMS["message"])
        return self


class TrafficCheck(ApiModel):
    """Whether the split that requests show is the split that was asked for."""

    tolerance: Annotated[int, Field(ge=1, le=90)] = 20
    """Percent by which the candidate's share may be off before anything is wrong."""
    grace: Duration = "60s"
    """From the gateway's acknowledgement; before it is over nothing is wrong yet."""


class Analysis(ApiModel):
    """What is judged while traffic is split. Too little evidence never advances a rollout; missing data holds it."""

    false_rollback: Ratio = "0.01"
    """The chance that a version as good as stable is rolled back: once for the whole rollout, over all metrics and
    however often one looks."""
    false_promotion: Ratio = "0.05"
    """The chance, a metric, that a version which is not good enough is found to be."""
    prometheus: DnsLabel | None = None
    """Name of the operator's metrics source to read; its default one when left out."""
    traffic_check: TrafficCheck = TrafficCheck()
    """Whether the split is what was asked for."""
    warmup: Duration | None = None
    """After a pod's first scrape, what is not judged yet; nothing when left out."""
    metrics: Annotated[
        list[Metric],
        AfterValidator(unique_names),
        AfterValidator(_one_required),
        Field(min_length=1, max_length=16, json_schema_extra={**_BY_NAME, **validations(_REQUIRED)}),
    ]
    """One that regressed rolls back; all that are required must be good enough."""
