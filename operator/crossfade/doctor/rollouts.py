"""The Rollouts of a cluster as checks read them, with whatever of their specs this release understands."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from crossfade.api.v1alpha1.rollout import RolloutSpec
from crossfade.doctor.facts import Facts, place
from crossfade.ports import Object


@dataclass(frozen=True, slots=True)
class Found:
    """A Rollout whose spec can be read."""

    namespace: str
    name: str
    spec: RolloutSpec
    raw: Object

    def __str__(self) -> str:
        """As in sentences."""
        return f"Rollout {self.namespace}/{self.name}"

    @property
    def serving(self) -> tuple[str, ...]:
        """The revisions with ready pods."""
        status = self.raw.get("status") or {}
        arms = (status.get("stable") or {}, status.get("candidate") or {})
        return tuple(arm["revision"] for arm in arms if arm.get("ready"))


def rollouts_of(facts: Facts) -> Iterator[Found]:
    """All whose spec can be read; of others their own status says what is wrong."""
    for raw in facts.all("rollouts"):
        try:
            spec = RolloutSpec.model_validate(raw.get("spec") or {})
        except ValidationError:
            continue
        yield Found(*place(raw), spec, raw)
