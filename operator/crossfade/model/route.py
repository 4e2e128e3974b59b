"""The observed HTTPRoute and what its parents say of it."""

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
    """The route as stored. `weights` maps a revision to its share in percent; an absent revision gets nothing."""

    generation: int
    weights: Mapping[str, int]
    parents: tuple[ParentFacts, ...]
    spec: dict[str, Any]
    labels: Mapping[str, str]
