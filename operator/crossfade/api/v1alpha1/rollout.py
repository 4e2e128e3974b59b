"""Rollout: one served model endpoint. Which version, how it is served, how traffic moves, what is judged."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from crossfade.api.v1alpha1 import adopted
from crossfade.api.v1alpha1.adopted import RouteStatus, WrittenWeights
from crossfade.api.v1alpha1.analysis import Analysis
from crossfade.api.v1alpha1.common import (
    ApiModel,
    Conditions,
    Count,
    DnsLabel,
    Figure,
    Generation,
    LargeCount,
    ObjectName,
    Sentence,
    Sha256,
    Timestamp,
    cel,
    validations,
)
from crossfade.api.v1alpha1.gateway import GatewayApi, ParentRef
from crossfade.api.v1alpha1.plan import PlanStatus
from crossfade.api.v1alpha1.replicas import ONE_WAY_IN, WITHOUT_GATEWAY, PodShare, Replicas, check
from crossfade.api.v1alpha1.serving import Serving
from crossfade.api.v1alpha1.strategy import HeaderMatch, Scale, Strategy

_BY_NAME: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
_ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}

_POLICY_STAYS = cel(
    "self.deletionPolicy == oldSelf.deletionPolicy",
    "must keep its `deletionPolicy`: delete the Rollout as it is and create it again",
)


class Traffic(ApiModel):
    """Where requests come in."""

    model_config = ConfigDict(json_schema_extra=validations(ONE_WAY_IN))

    gateway_api: Annotated[GatewayApi | None, Field(alias="gatewayAPI")] = None
    """A route of the Gateway API."""
    replicas: Replicas | None = None
    """No gateway: Kubernetes spreads connections over the pods behind one Service."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.gateway_api is None) == (self.replicas is None):
            raise ValueError(ONE_WAY_IN["message"])
        return self

    @property
    def gateway(self) -> GatewayApi:
        """The route that is asked for. ValueError where none is."""
        if self.gateway_api is None:
            raise ValueError("no route is asked for where numbers of pods are the weights")
        return self.gateway_api

    @property
    def parents(self) -> list[ParentRef]:
        """The Gateways of the route; none without one."""
        return self.gateway_api.parent_refs if self.gateway_api else []


class RolloutSpec(ApiModel):
    """Intent. Only people, Git and pipelines write it."""

    model_config = ConfigDict(json_schema_extra=validations(_POLICY_STAYS, *WITHOUT_GATEWAY, adopted.WEIGHTS_ALONE))

    model_version: ObjectName
    """The ModelVersion to serve. Another name here starts a rollout; the stable one's name ends it."""
    suspend: bool = False
    """Freezes progress, never a rollback."""
    ready_when: Literal["Promoted", "Accepted"] = "Promoted"
    """When `Ready` becomes true: when the version has all requests, or as soon as its rollout is under way, so that no
    pipeline waits for hours. The first version has to serve in any case, and what stands still is `Stalled`."""
    serving: Serving = Serving()
    """How it is served."""
    traffic: Traffic
    """Where requests come in."""
    strategy: Strategy
    """How traffic moves."""
    analysis: Analysis
    """What is judged on the way."""
    deletion_policy: Literal["Orphan", "Delete"] = "Orphan"
    """What deleting this object does to what it serves: leave the stable version serving, or delete that too."""

    @model_validator(mode="after")
    def _fits_without_a_gateway(self) -> Self:
        if self.traffic.replicas is not None:
            check(self.serving, self.strategy)
        return self

    @model_validator(mode="after")
    def _weights_alone(self) -> Self:
        theirs = self.traffic.gateway_api is not None and self.traffic.gateway_api.mode == "Adopted"
        if theirs and any(stage.shadow is not None or stage.match is not None for stage in self.strategy.stages):
            raise ValueError(adopted.WEIGHTS_ALONE["message"])
        return self


Cause = Literal["Room", "Image", "Download", "Load", "WarmUp"]
"""What a pod that is not ready waits for: a node, an image, the model's bytes, the model server, warm-up requests."""


class Arm(ApiModel):
    """Stable or candidate: a pointer to an immutable revision."""

    model_version: ObjectName
    """The ModelVersion that it serves."""
    revision: DnsLabel
    """The hash of digest and pod template; part of its Deployment's name."""
    digest: Sha256
    """mvd1 digest of the bytes that it serves."""
    replicas: Count = 0
    """Pods that it should have."""
    ready: Count = 0
    """Pods that are ready and, behind a gateway, that an EndpointSlice lists, so that requests find them."""
    floor: Count | None = None
    """Pods that were asked for in this rollout; no autoscaler goes below. Beside `reduced`, those that carry all."""
    reduced: Count | None = None
    """Of stable alone, by `strategy.stableCapacity`: pods that it is asked to have for its share, or again; left out
    when all are ready, and in a candidate and the version before."""
    unready_since: Timestamp | None = None
    """Since when fewer pods than it needs just now are ready, listed or not; left out while they are."""
    waits_for: Cause | None = None
    """What the slowest of those missing pods waits for, as far as it is seen."""
    waits_since: Timestamp | None = None
    """Since when it is that."""
    warm: Count | None = None
    """Pods that were warmed up; left out where none has to be."""


class Previous(Arm):
    """The version that was stable before, with pods and without traffic."""

    until: Timestamp
    """How long it keeps its pods."""


class StageStatus(ApiModel):
    """Where the rollout stands."""

    index: Count
    """Position in `spec.strategy.stages`, from 0."""
    name: DnsLabel
    """The stage's name."""
    summary: Annotated[str, StringConstraints(max_length=80)]
    """Such as `2/3 quarter`."""
    entered_at: Timestamp
    """When its weight was first written."""
    acknowledged_at: Timestamp | None = None
    """When every Gateway had accepted that weight."""
    proven_at: Timestamp | None = None
    """When the observed share agreed, or a cohort's first request was seen; the stage's clock starts here."""
    contradicted_at: Timestamp | None = None
    """Since when requests have been seen to be split otherwise; empty while they are not."""


class TrafficStatus(ApiModel):
    """What the candidate should get, is acknowledged to get, and is seen to get."""

    desired: Annotated[int, Field(ge=0, le=10000)]
    """What is written into the route for it, in parts of `scale`."""
    scale: Scale = 100
    """What `desired`, `reduced` and `acknowledged` are parts of."""
    shadow: Annotated[int, Field(ge=1, le=100)] | None = None
    """Percent of the requests that are copied to it."""
    match: Annotated[list[HeaderMatch], Field(max_length=8, json_schema_extra=_BY_NAME)] | None = None
    """The headers of the requests that all go to it."""
    pods: Count | None = None
    """With how many ready pods it was given that."""
    reduced: Annotated[int, Field(ge=0, le=10000)] | None = None
    """What is written instead of `desired` while fewer of its pods are ready; 0 in place of a cohort or a copy, too."""
    taken_back_at: Timestamp | None = None
    """While it has to go and stable's pods are waited for: when stable took a part back last, or the waiting began."""
    given: PodShare | None = None
    """Without a gateway: what it gets for `desired`, to the nearest pod."""
    acknowledged: Annotated[int, Field(ge=0, le=10000)] | None = None
    """What every Gateway has accepted."""
    observed: Annotated[str, StringConstraints(max_length=8)] | None = None
    """What the requests counted show, such as `24.8%`."""


class Leaving(ApiModel):
    """Why the candidate has to go, while stable's pods that take its share are not ready."""

    cause: Annotated[str, StringConstraints(max_length=64)]
    """CamelCase word, as in `outcome`."""
    message: Sentence
    """The same in a sentence."""
    abort_token: Annotated[str, StringConstraints(max_length=253)] | None = None
    """Of the newest order to abort that was heard since then. Another one, when nothing goes on, ends the waiting."""


class ArmCount(ApiModel):
    """What was counted of one arm."""

    bad: LargeCount = 0
    """Bad requests, or requests slower than the bound that tells most."""
    total: LargeCount = 0
    """All requests."""


class MetricStatus(ApiModel):
    """One metric's verdict, in figures and in a sentence."""

    name: DnsLabel
    """The metric's name."""
    state: Literal["Regressed", "NonInferior", "Undecided", "NoData", "Invalid"]
    """What the evidence says."""
    stable: ArmCount = ArmCount()
    """Counted of the stable arm since the first stage."""
    candidate: ArmCount = ArmCount()
    """Counted of the candidate since the first stage."""
    ratio: Figure | None = None
    """How many times stable's share the candidate's is."""
    low: Figure | None = None
    """Lower end of the ratio's interval, which holds at every look."""
    high: Figure | None = None
    """Upper end of it."""
    evidence: Figure | None = None
    """Evidence that it is worse, as odds; rolled back at `threshold`."""
    threshold: Figure | None = None
    """The odds that roll back: metrics that can roll back / `falseRollback`."""
    explanation: Sentence = ""
    """The same in words."""
    checkpoint: Annotated[str, StringConstraints(max_length=4096)] = ""
    """What a restarted operator goes on from; opaque."""
    history: Annotated[str, StringConstraints(max_length=4096)] = ""
    """What the stable version was like before the first stage; opaque."""


class AnalysisStatus(ApiModel):
    """The verdict on the rollout so far."""

    verdict: Literal["Rollback", "Advance", "Continue", "Hold"]
    """What follows from all metrics together."""
    at: Timestamp
    """When these figures were read. While the verdict stays they are renewed ever less often, at least each minute."""
    since: Timestamp | None = None
    """From when on evidence counts: the start of the first stage, or the last change of `spec.analysis`."""
    explanation: Sentence = ""
    """Why, in words."""
    checkpoint: Annotated[str, StringConstraints(max_length=4096)] = ""
    """The same for what is counted over all metrics; opaque."""
    metrics: Annotated[list[MetricStatus], Field(max_length=16, json_schema_extra=_BY_NAME)] = Field(
        default_factory=list
    )
    """One entry a metric."""


class Outcome(ApiModel):
    """How a rollout ended. A rolled back revision is not tried again until the spec or the retry token changes."""

    result: Literal["Promoted", "FastPromoted", "RolledBack", "FastRolledBack", "Aborted", "Superseded"]
    """How it ended: by all stages, or with one skipped by order (`FastPromoted`); taken back, or itself the way back
    to a version of before (`FastRolledBack`, see `strategy.rollbackWindow`); by order; or given up for another."""
    cause: Annotated[str, StringConstraints(max_length=64)]
    """Why, in one word."""
    message: Sentence
    """Why, in a sentence."""
    model_version: ObjectName
    """The version that was rolled out."""
    revision: DnsLabel
    """Its revision."""
    began: Timestamp | None = None
    """When it began."""
    at: Timestamp
    """When it ended."""
    asked: Annotated[str, StringConstraints(pattern=r"^[a-f0-9]{16}$", max_length=16)]
    """Fingerprint of the spec when it ended, without `suspend`, `readyWhen` and the number of pods."""
    retry_token: Annotated[str, StringConstraints(max_length=253)] | None = None
    """The value of `crossfade.dev/retry` when it ended, or the last one if that was taken away."""


class Handled(ApiModel):
    """An order of a person or a pipeline, given as an annotation, and what became of it."""

    verb: Literal["abort", "advance", "retry", "skip-stage"]
    """The annotation `crossfade.dev/<verb>`."""
    token: Annotated[str, StringConstraints(max_length=253)]
    """Its value. The same value is no new order."""
    earlier: (
        Annotated[
            list[Annotated[str, StringConstraints(max_length=253)]], Field(max_length=10, json_schema_extra=_ATOMIC)
        ]
        | None
    ) = None
    """The last ten values before it, newest first; they are no new orders either."""
    by: Annotated[str, StringConstraints(max_length=253)] = ""
    """Who gave it, by the annotation `crossfade.dev/<verb>-by`."""
    reason: Sentence = ""
    """Why, by the annotation `crossfade.dev/<verb>-reason`."""
    effect: Literal["Obeyed", "Idle"]
    """`Idle` when nothing waited for it."""
    message: Sentence
    """What became of it, in a sentence."""
    at: Timestamp
    """When."""


class RolloutStatus(ApiModel):
    """Observed state; written by the operator alone."""

    conditions: Conditions = Field(default_factory=list)
    """Ready, Available, TrafficProven and, while they hold, Reconciling and Stalled."""
    observed_generation: Generation = -1
    """The `metadata.generation` that this status speaks of."""
    stable: Arm | None = None
    """What serves when nothing is being rolled out."""
    candidate: Arm | None = None
    """What is being rolled out."""
    began: Timestamp | None = None
    """Since when that is under way."""
    previous: Previous | None = None
    """What was stable before and keeps its pods, by `strategy.keepPrevious`."""
    stage: StageStatus | None = None
    """Where the rollout stands."""
    traffic: TrafficStatus | None = None
    """How traffic is split."""
    leaving: Leaving | None = None
    """What the candidate is taken back for, from the decision until stable has all requests."""
    plan: PlanStatus | None = None
    """What the analysis will be able to tell with this service's traffic; known before the first stage."""
    analysis: AnalysisStatus | None = None
    """What the evidence says."""
    route: RouteStatus | None = None
    """The newest route that every parent acknowledged."""
    written: WrittenWeights | None = None
    """The weights that were written last into an adopted route; left out while nothing is rolled out."""
    handled: Annotated[
        list[Handled],
        Field(
            max_length=4, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["verb"]}
        ),
    ] = Field(default_factory=list)
    """The newest order of each kind."""
    outcome: Outcome | None = None
    """How the last rollout ended."""
    history: Annotated[list[Outcome], Field(max_length=10, json_schema_extra=_ATOMIC)] = Field(default_factory=list)
    """The last outcomes, newest first; promotions within `strategy.rollbackWindow` stay while others are left out."""

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Self:
        """Read a stored status; an empty one is a fresh one."""
        return cls.model_validate(raw)
