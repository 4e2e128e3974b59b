"""The observed route and what its parents say of it; or the Service that stands for it without a gateway."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ParentFacts:
    """One entry of `status.parents`. Conditions count only for the generation they were made for."""

    name: str
    namespace: str
    section_name: str | None
    port: int | None
    accepted: bool
    resolved_refs: bool
    partially_invalid: bool
    observed_generation: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """The route as stored. `weights` maps a revision to its weight in the users' rules; an absent one gets nothing.

    `reached` are all revisions that any request may get to, be it a copy or one with the cohort's headers.
    Of a Service in front of both versions the weights are numbers of pods, and its EndpointSlices are the one parent.
    """

    generation: int
    weights: Mapping[str, int]
    reached: frozenset[str]
    parents: tuple[ParentFacts, ...]
    spec: dict[str, Any]
    labels: Mapping[str, str]
    kind: str = "HTTPRoute"

    @property
    def is_service(self) -> bool:
        """Whether it is a Service."""
        return self.kind == "Service"

    def share(self, revision: str) -> float:
        """Which part of the users' requests the revision gets, from 0 to 1."""
        return self.weights.get(revision, 0) / max(sum(self.weights.values()), 1)
