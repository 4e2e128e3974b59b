"""Mode Adopted: a route that Git owns, of which only two weights are moved, and what is remembered of it."""

from typing import Annotated

from pydantic import Field, StringConstraints
from pydantic.config import JsonDict

from crossfade.api.v1alpha1.common import ApiModel, DnsLabel, Generation, ObjectName, Timestamp, cel

_BY_NAME: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}

NAMED = cel(
    "(self.mode == 'Adopted') == has(self.adopted)",
    "must have `adopted` when `mode` is `Adopted`, and only then",
)
SOMEWHERE = cel(
    "self.mode == 'Adopted' || has(self.parentRefs)",
    "must have `parentRefs`, unless `mode` is `Adopted`",
)
YOURS = cel(
    "self.mode != 'Adopted' || !(has(self.parentRefs) || has(self.hostnames) || has(self.rules))",
    "must not have `parentRefs`, `hostnames` or `rules` when `mode` is `Adopted`: they are in the adopted route",
)
HTTP_ALONE = cel(
    "self.mode != 'Adopted' || self.kind == 'HTTPRoute'",
    "must have `kind: HTTPRoute` when `mode` is `Adopted`: a GRPCRoute can only be one that Crossfade creates",
)
_STAYS = cel(
    "self.mode == oldSelf.mode && (!has(self.adopted) || !has(oldSelf.adopted)"
    " || self.adopted.name == oldSelf.adopted.name)",
    "must keep its `mode` and `adopted.name`: requests may be split there; delete the Rollout, and create it again",
)
RULES = (NAMED, SOMEWHERE, YOURS, HTTP_ALONE, _STAYS)
"""Of `gatewayAPI`."""
WEIGHTS_ALONE = cel(
    "!has(self.traffic.gatewayAPI) || self.traffic.gatewayAPI.mode != 'Adopted'"
    " || self.strategy.stages.all(stage, !has(stage.shadow) && !has(stage.match))",
    "must not have a stage with `shadow` or `match` when `traffic.gatewayAPI.mode` is `Adopted`: they need rules of"
    " Crossfade's own, and the route is yours",
)


class AdoptedRoute(ApiModel):
    """A rule of an HTTPRoute that somebody else writes, but for two weights."""

    name: ObjectName
    """The HTTPRoute, in the Rollout's namespace. It must have the label `crossfade.dev/rollout`."""
    rule: ObjectName
    """The `name` of its rule. Its backends must be the Services `<rollout>-blue` and `<rollout>-green`, no others."""


class SlotStatus(ApiModel):
    """One of the two Services that the rule of an adopted route names."""

    name: ObjectName
    """The Service's name."""
    revision: DnsLabel
    """The revision whose pods it selects."""


class SlotWeight(ApiModel):
    """The weight of one of them."""

    name: ObjectName
    """The Service's name."""
    weight: Annotated[int, Field(ge=0, le=1_000_000)]
    """Its weight in the rule."""


class WrittenWeights(ApiModel):
    """The weights that Crossfade wrote last into an adopted route."""

    slots: Annotated[list[SlotWeight], Field(max_length=2, json_schema_extra=_BY_NAME)]
    """Both of them."""
    asked: Annotated[str, StringConstraints(pattern=r"^[a-f0-9]{16}$", max_length=16)]
    """Fingerprint of the spec that they were written for: for another one they are written anew."""
    stored_at: Timestamp | None = None
    """When they were first seen to be stored. What is different later was written by somebody else."""


class RouteStatus(ApiModel):
    """What the gateways are known to have taken."""

    generation: Generation
    """Generation of the HTTPRoute."""
    acknowledged_at: Timestamp
    """When every parent was first seen to have acknowledged it."""
    slots: Annotated[list[SlotStatus], Field(max_length=2, json_schema_extra=_BY_NAME)] = Field(default_factory=list)
    """Whose pods the Services of an adopted route have selected since."""
