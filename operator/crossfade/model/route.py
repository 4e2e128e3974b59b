"""The observed route and what its parents say of it; or the Service that stands for it without a gateway."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ParentFacts:
    """One entry of `status.parents`. Conditions count only for the generation they were made for.

    `controller` is who said so, by the name that its GatewayClass has for it, and `kind` what it is said of.
    """

    name: str
    namespace: str
    section_name: str | None
    port: int | None
    accepted: bool
    resolved_refs: bool
    partially_invalid: bool
    observed_generation: int
    message: str = ""
    controller: str = ""
    kind: str = "Gateway"


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """The route as stored. `weights` maps a revision to its weight in the users' rules; an absent one gets nothing.

    `reached` are all revisions that any request may get to, be it a copy or one with the cohort's headers.
    `ours` is the generation that we wrote last, 0 when this process wrote none; `written_at` is when anybody wrote its
    rules last (unix seconds), None when that is not known.
    Of a Service in front of both versions the weights are numbers of pods, and its EndpointSlices are the one parent.
    """

    generation: int
    weights: Mapping[str, int]
    reached: frozenset[str]
    parents: tuple[ParentFacts, ...]
    spec: dict[str, Any]
    labels: Mapping[str, str]
    kind: str = "HTTPRoute"
    ours: int = 0
    written_at: float | None = None

    @property
    def is_service(self) -> bool:
        """Whether it is a Service."""
        return self.kind == "Service"

    def share(self, revision: str) -> float:
        """Which part of the users' requests the revision gets, from 0 to 1."""
        return self.weights.get(revision, 0) / max(sum(self.weights.values()), 1)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote the rules of a route last, and when (RFC 3339). `rollout` is there when it was Crossfade itself, for
    that other Rollout, which leaves all weights but its own as they are."""

    manager: str
    at: str
    rollout: str = ""


@dataclass(frozen=True, slots=True)
class Adoption:
    """The rule of somebody's route whose two weights are ours to move.

    `slots` are the Services of its namespace that it must name, with the revision whose pods each leads to; None where
    there is no such Service, or none with the port that the route names. `version` is the route's resourceVersion,
    empty while there is no route. `writer` is the last one but ourselves; None when we wrote the rules last for this
    Rollout, or nobody is known.
    """

    namespace: str
    route: str
    rule: str
    slots: Mapping[str, str | None]
    version: str = ""
    writer: Writer | None = None
