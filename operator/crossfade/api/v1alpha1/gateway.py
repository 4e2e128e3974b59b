"""A route of the Gateway API: where requests come in, and whose the route is."""

from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict

from crossfade.api.v1alpha1 import adopted
from crossfade.api.v1alpha1.adopted import AdoptedRoute
from crossfade.api.v1alpha1.common import ApiModel, DnsLabel, ObjectName, cel, validations
from crossfade.api.v1alpha1.matching import RouteRule

_ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}
_ONE_EACH = cel(
    "self.all(one, self.exists_one(other, one.name == other.name"
    " && (has(one.__namespace__) ? has(other.__namespace__) && one.__namespace__ == other.__namespace__"
    " : !has(other.__namespace__))"
    " && (!has(one.sectionName) || !has(other.sectionName) || one.sectionName == other.sectionName)))",
    "must name each Gateway once, or each time with another `sectionName`",
)
_METHODS_ALONE = cel(
    "self.kind != 'GRPCRoute' || !has(self.rules) || self.rules.all(rule, rule.matches.all(match, !has(match.path)))",
    "must have `method` in place of `path` in `rules[].matches[]` when `kind` is `GRPCRoute`",
)
_PATHS_ALONE = cel(
    "self.kind == 'GRPCRoute' || !has(self.rules) || self.rules.all(rule, rule.matches.all(match, !has(match.method)))",
    "must have `path` in place of `method` in `rules[].matches[]` when `kind` is `HTTPRoute`",
)
_KIND_STAYS = cel(
    "self.kind == oldSelf.kind",
    "must keep its `kind`: create another Rollout with the other kind and another host, and delete this one when"
    " nobody calls it any more",
)


class ParentRef(ApiModel):
    """A Gateway that serves the route."""

    name: ObjectName
    """The Gateway's name."""
    namespace: DnsLabel | None = None
    """The Gateway's namespace; the Rollout's own when left out."""
    section_name: ObjectName | None = None
    """One listener of the Gateway; all when left out."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The listeners on this port; all when left out."""


def _named_once(value: list[ParentRef]) -> list[ParentRef]:
    for one, other in combinations(value, 2):
        same = (one.name, one.namespace) == (other.name, other.namespace)
        if same and (None in (one.section_name, other.section_name) or one.section_name == other.section_name):
            raise ValueError(_ONE_EACH["message"])
    return value


Hostname = Annotated[
    str,
    StringConstraints(
        pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        min_length=1,
        max_length=253,
    ),
]
"""A host name, which may start with the wildcard `*.`."""


class GatewayApi(ApiModel):
    """The route that Crossfade moves."""

    model_config = ConfigDict(
        json_schema_extra=validations(*adopted.RULES, _METHODS_ALONE, _PATHS_ALONE, _KIND_STAYS),
    )

    mode: Literal["Managed", "Adopted"] = "Managed"
    """`Managed` is a route that Crossfade creates and owns; `Adopted` one of yours, of which it moves two weights."""
    adopted: AdoptedRoute | None = None
    """The rule whose weights are moved; with mode `Adopted` alone."""
    kind: Literal["HTTPRoute", "GRPCRoute"] = "HTTPRoute"
    """`GRPCRoute` for gRPC alone. It stays as it is, and a host of a listener has routes of one kind."""
    parent_refs: Annotated[
        list[ParentRef],
        AfterValidator(_named_once),
        Field(min_length=1, max_length=32, json_schema_extra={**_ATOMIC, **validations(_ONE_EACH)}),
    ] = Field(default_factory=list)
    """The Gateways; a weight counts as live when each has accepted it."""
    hostnames: Annotated[list[Hostname], Field(max_length=16, json_schema_extra=_ATOMIC)] = Field(default_factory=list)
    """Host names that requests must have; any when empty."""
    rules: Annotated[list[RouteRule], Field(min_length=1, max_length=8, json_schema_extra=_ATOMIC)] | None = None
    """What reaches this endpoint; everything when left out."""

    @property
    def served(self) -> list[RouteRule]:
        """What reaches this endpoint."""
        return self.rules or [RouteRule()]

    @field_validator("rules", mode="after")
    @classmethod
    def _fit(cls, rules: list[RouteRule] | None, info: ValidationInfo) -> list[RouteRule] | None:
        if rules is None:
            return None
        kind = info.data.get("kind")  # absent when it is no kind at all, which is refused by itself
        matches = [match for rule in rules for match in rule.matches]
        if kind == "GRPCRoute" and any(match.path is not None for match in matches):
            raise ValueError(_METHODS_ALONE["message"])
        if kind == "HTTPRoute" and any(match.method is not None for match in matches):
            raise ValueError(_PATHS_ALONE["message"])
        plain = [rule.plain for rule in rules]
        return None if plain == [RouteRule()] else plain  # stored objects have it, for it was a default once

    @model_validator(mode="after")
    def _whose(self) -> Self:
        theirs = self.mode == "Adopted"
        if theirs != (self.adopted is not None):
            raise ValueError(adopted.NAMED["message"])
        if not theirs and not self.parent_refs:
            raise ValueError(adopted.SOMEWHERE["message"])
        if theirs and (self.parent_refs or not {"hostnames", "rules"}.isdisjoint(self.model_fields_set)):
            raise ValueError(adopted.YOURS["message"])
        if theirs and self.kind != "HTTPRoute":
            raise ValueError(adopted.HTTP_ALONE["message"])
        return self
