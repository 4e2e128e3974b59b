"""status.plan: what the analysis will be able to tell, known before the first stage."""

from typing import Annotated

from pydantic import Field

from crossfade.api.v1alpha1.common import ApiModel, DnsLabel, Figure, LargeCount, Sentence


class PlanStage(ApiModel):
    """What one stage can tell, of its slowest metric. Times are for people, such as `12 min`; half of all rollouts take
    longer."""

    name: DnsLabel
    """The stage's name."""
    catches: Figure | None = None
    """The smallest regression found in four of five rollouts while the stage lasts, such as `x3.4`."""
    x2: Figure | None = None
    """How soon twice the bad requests, or twice the latency, is found."""
    x5: Figure | None = None
    """How soon five times as much is found."""
    bad_requests: LargeCount | None = None
    """Bad requests that the candidate serves until five times as much is found."""
    promotes: Figure | None = None
    """How soon an equal version is proven good enough."""
    warning: Sentence = ""
    """Why this stage is hopeless; empty when it is not."""


class PlanStatus(ApiModel):
    """What the rollout can promise with this service's traffic."""

    summary: Sentence = ""
    """In a sentence."""
    false_alarms: Sentence = ""
    """What is known of rollbacks without a cause."""
    stages: Annotated[
        list[PlanStage],
        Field(
            max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        ),
    ] = Field(default_factory=list)
    """One entry a stage."""
