"""Rollout: one served model endpoint. Which version, how it is served, how traffic moves, what is judged."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from crossfade.api.v1alpha1.common import (
    ApiModel,
    Condition,
    DnsLabel,
    Duration,
    ObjectName,
    Ratio,
    Sentence,
    Sha256,
    Timestamp,
    cel,
)

_BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
_ATOMIC = {"x-kubernetes-list-type": "atomic"}
_FREE_FORM = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

_RISING = cel(
    "self.all(i, s, i == 0 || self[i - 1].weight < s.weight)",
    "must rise: each stage's `weight` must be greater than that of the stage before it",
)
_ONE_SERIES = cel("has(self.template) != has(self.ratio)", "must have exactly one of `template` and `ratio`")
_CONTAINER = cel(
    "self.runtime != 'custom' || (has(self.template) && has(self.template.spec) && has(self.template.spec.containers))",
    "must bring `template.spec.containers` when `runtime` is `custom`",
)


class Resources(ApiModel):
    """Requests and limits of the model container, as core/v1 ResourceRequirements."""

    requests: Annotated[dict[str, str], Field(max_length=16)] | None = None
    limits: Annotated[dict[str, str], Field(max_length=16)] | None = None


class Startup(ApiModel):
    """How long a candidate may take to become ready."""

    timeout: Duration = "10m"


class Serving(ApiModel):
    """How a version is served. A change starts a rollout, as another version does; `replicas` alone does not."""

    model_config = {"json_schema_extra": {"x-kubernetes-validations": [_CONTAINER]}}

    runtime: Literal["mlserver", "custom"] = "mlserver"
    implementation: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$", max_length=253)] = (
        "mlserver_sklearn.SKLearnModel"
    )
    """MLServer's inference runtime class; read by runtime `mlserver` alone."""
    replicas: Annotated[int, Field(ge=1, le=1000, json_schema_extra={"format": "int32"})] = 1
    resources: Resources | None = None
    startup: Startup = Startup()
    template: Annotated[dict[str, Any], Field(json_schema_extra=_FREE_FORM)] | None = None
    """Overlay on the runtime's pod template: maps are merged, containers by name, other lists replaced."""

    @model_validator(mode="after")
    def _has_container(self) -> Self:
        spec = (self.template or {}).get("spec")
        if self.runtime == "custom" and not (isinstance(spec, dict) and "containers" in spec):
            raise ValueError(_CONTAINER["message"])
        return self


class ParentRef(ApiModel):
    """A Gateway that serves the route."""

    name: ObjectName
    namespace: DnsLabel | None = None
    section_name: ObjectName | None = None
    port: Annotated[int, Field(ge=1, le=65535, json_schema_extra={"format": "int32"})] | None = None


class PathMatch(ApiModel):
    """Gateway API path match."""

    type: Literal["PathPrefix", "Exact"] = "PathPrefix"
    value: Annotated[str, StringConstraints(pattern=r"^/[^\s?#]*$", max_length=1024)] = "/"


class Match(ApiModel):
    """One way for a request to reach this endpoint."""

    path: PathMatch = PathMatch()


class RouteRule(ApiModel):
    """Matches that share the weights."""

    matches: Annotated[list[Match], Field(min_length=1, max_length=8, json_schema_extra=_ATOMIC)] = [Match()]


class GatewayApi(ApiModel):
    """The HTTPRoute that Crossfade creates, owns and moves."""

    parent_refs: Annotated[list[ParentRef], Field(min_length=1, max_length=32, json_schema_extra=_ATOMIC)]
    hostnames: Annotated[
        list[
            Annotated[
                str,
                StringConstraints(
                    pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
                    min_length=1,
                    max_length=253,
                ),
            ]
        ],
        Field(max_length=16, json_schema_extra=_ATOMIC),
    ] = []
    rules: Annotated[list[RouteRule], Field(min_length=1, max_length=8, json_schema_extra=_ATOMIC)] = [RouteRule()]


class Traffic(ApiModel):
    """Where requests come in."""

    gateway_api: Annotated[GatewayApi, Field(alias="gatewayAPI")]


class Stage(ApiModel):
    """A share of the traffic for the candidate, and the least time it is watched there."""

    name: DnsLabel
    weight: Annotated[int, Field(ge=1, le=99, json_schema_extra={"format": "int32"})]
    """Percent of the requests."""
    min_duration: Duration = "1m"
    """Counted from the moment the weight is proven live."""


class Strategy(ApiModel):
    """The way from 0 to 100 %."""

    stages: Annotated[
        list[Stage],
        Field(min_length=1, max_length=16, json_schema_extra={**_BY_NAME, "x-kubernetes-validations": [_RISING]}),
    ]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        weights = [stage.weight for stage in self.stages]
        if any(a >= b for a, b in zip(weights, weights[1:], strict=False)):
            raise ValueError(f"`stages` {_RISING['message']}")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError("`stages` must have different names")
        return self


class CounterRatio(ApiModel):
    """Two counters of the pods' own series: PromQL instant selectors without a range, such as `requests_total{code=~"5.."}`."""

    bad: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    total: Annotated[str, StringConstraints(min_length=1, max_length=512)]


class Absolute(ApiModel):
    """A plain threshold on the candidate alone."""

    max: Ratio


class Objective(ApiModel):
    """What counts as worse."""

    absolute: Absolute


class Metric(ApiModel):
    """One signal, read as raw counters per pod and scrape."""

    model_config = {"json_schema_extra": {"x-kubernetes-validations": [_ONE_SERIES]}}

    name: DnsLabel
    template: Literal["mlserver/errors"] | None = None
    ratio: CounterRatio | None = None
    objective: Objective
    min_requests: Annotated[int, Field(ge=1, le=1_000_000, json_schema_extra={"format": "int32"})] = 100
    """Candidate requests that must be seen before this metric says anything."""

    @model_validator(mode="after")
    def _one_series(self) -> Self:
        if (self.template is None) == (self.ratio is None):
            raise ValueError(_ONE_SERIES["message"])
        return self


class Analysis(ApiModel):
    """What is judged while a stage runs. Too little evidence holds the rollout; it never advances it."""

    metrics: Annotated[list[Metric], Field(min_length=1, max_length=16, json_schema_extra=_BY_NAME)]

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [metric.name for metric in self.metrics]
        if len(set(names)) != len(names):
            raise ValueError("`metrics` must have different names")
        return self


class RolloutSpec(ApiModel):
    """Intent. Only people, Git and pipelines write it."""

    model_version: ObjectName
    suspend: bool = False
    """Freezes progress, never a rollback."""
    serving: Serving = Serving()
    traffic: Traffic
    strategy: Strategy
    analysis: Analysis


class Arm(ApiModel):
    """Stable or candidate: a pointer to an immutable revision."""

    model_version: ObjectName
    revision: DnsLabel
    digest: Sha256
    replicas: Annotated[int, Field(ge=0)] = 0
    ready: Annotated[int, Field(ge=0)] = 0


class StageStatus(ApiModel):
    """Where the rollout stands."""

    index: Annotated[int, Field(ge=0)]
    name: DnsLabel
    summary: Annotated[str, StringConstraints(max_length=80)]
    """Such as `2/3 quarter`."""
    entered_at: Timestamp
    acknowledged_at: Timestamp | None = None
    proven_at: Timestamp | None = None


class TrafficStatus(ApiModel):
    """Percent of the requests that the candidate should get, is acknowledged to get, and is seen to get."""

    desired: Annotated[int, Field(ge=0, le=100)]
    acknowledged: Annotated[int, Field(ge=0, le=100)] | None = None
    observed: Annotated[str, StringConstraints(max_length=8)] | None = None


class MetricStatus(ApiModel):
    """One metric's verdict, in figures and in a sentence."""

    name: DnsLabel
    state: Literal["Regressed", "Passing", "Undecided", "NoData"]
    bad: Annotated[int, Field(ge=0)] = 0
    total: Annotated[int, Field(ge=0)] = 0
    explanation: Sentence = ""


class AnalysisStatus(ApiModel):
    """The verdict on the current stage."""

    verdict: Literal["Rollback", "Advance", "Continue", "Hold"]
    explanation: Sentence = ""
    metrics: Annotated[list[MetricStatus], Field(max_length=16, json_schema_extra=_BY_NAME)] = []


class Outcome(ApiModel):
    """How the last rollout ended. A rolled back revision is not tried again until the spec or the retry token changes."""

    result: Literal["Promoted", "RolledBack", "Superseded"]
    cause: Annotated[str, StringConstraints(max_length=64)]
    message: Sentence
    model_version: ObjectName
    revision: DnsLabel
    at: Timestamp
    retry_token: Annotated[str, StringConstraints(max_length=253)] | None = None
    """The value of `crossfade.dev/retry` when it ended."""


class RolloutStatus(ApiModel):
    """Observed state; written by the operator alone."""

    conditions: Annotated[
        list[Condition],
        Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    ] = []
    observed_generation: Annotated[int, Field(json_schema_extra={"format": "int64"})] = -1
    stable: Arm | None = None
    candidate: Arm | None = None
    stage: StageStatus | None = None
    traffic: TrafficStatus | None = None
    analysis: AnalysisStatus | None = None
    outcome: Outcome | None = None
    history: Annotated[list[Outcome], Field(max_length=10, json_schema_extra=_ATOMIC)] = []

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Self:
        """Read a stored status; an empty one is a fresh one."""
        return cls.model_validate(raw)
