"""Whether a Rollout may be moved to the ModelVersion that a ModelSource follows, and why not."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from crossfade.api import meta
from crossfade.api.conditions import ConditionType, Reason
from crossfade.api.v1alpha1.modelsource import TakenBack
from crossfade.decide.plan import Situation, Standing
from crossfade.decide.verdicts import holds
from crossfade.model.snapshot import RolloutFacts
from crossfade.model.sourcing import StoredRollout

_LONGEST_LINE: Final = 128
_LONGEST_MANAGER: Final = 128
_HASH: Final = 8


@dataclass(frozen=True, slots=True)
class Move:
    """Have the Rollout name the ModelVersion, if it is still the object of this `uid` and resource `version`, and
    nobody but this field `manager` has written what it names."""

    namespace: str
    rollout: str
    uid: str
    version: str
    model_version: str
    manager: str


def manager(source: str) -> str:
    """The field manager of the ModelSource of this name, in the 128 letters that the API server has for one."""
    whole = f"{meta.MOVES_MANAGER}{source}"
    if len(whole) <= _LONGEST_MANAGER:
        return whole
    digest = hashlib.sha256(source.encode()).hexdigest()[:_HASH]
    return f"{whole[: _LONGEST_MANAGER - _HASH - 1]}.{digest}"


def movement(
    source: str, rollout: StoredRollout, known: Iterable[TakenBack], wanted: str, digest: str
) -> Situation | Move:
    """The move by the ModelSource `source` to the ModelVersion `wanted`, whose bytes have this mvd1 digest; or where
    things stand without one. `known` is what was taken back."""
    facts = rollout.facts
    name = facts.name
    if facts.spec is None:
        return _waits(f"the Rollout {name} cannot be read: {facts.spec_error}")
    arms = (facts.status.stable, facts.status.candidate)
    named = facts.spec.model_version
    serves = named == wanted and any(arm is not None and arm.model_version == wanted for arm in arms)
    if not serves and holds(known, wanted, digest):
        return Situation(
            Standing.FAILED,
            Reason.TAKEN_BACK,
            f"the Rollout {name} was taken back from {wanted}, or from a ModelVersion of the same bytes, and is not "
            "moved there again; let what is followed mean another version, or set `spec.modelVersion` by hand",
        )
    if named == wanted:
        return Situation(Standing.DONE, Reason.MOVED, f"the Rollout {name} names {wanted}")
    if rollout.digests.get(named) == digest:
        return Situation(
            Standing.DONE, Reason.MOVED, f"the Rollout {name} names {named}, which has the same bytes as {wanted}"
        )
    if wait := _under_way(facts):
        return _waits(f"{wait}; it is moved to {wanted} after that")
    return Move(facts.namespace, name, facts.uid, rollout.version, wanted, manager(source))


def owned(move: Move, managers: tuple[str, ...]) -> Situation:
    """Where things stand when somebody else owns the field: what is to be written there, and how."""
    patch = f'{{"spec":{{"modelVersion":"{move.model_version}"}}}}'
    owners = ", ".join(manager[:_LONGEST_LINE] for manager in managers)
    return Situation(
        Standing.FAILED,
        Reason.FIELD_OWNED,
        f"`spec.modelVersion` of the Rollout {move.rollout} is owned by {owners}, so nothing was written. Where that "
        f"has it from, write `modelVersion: {move.model_version}`; or run: kubectl -n {move.namespace} patch "
        f"rollouts.crossfade.dev {move.rollout} --type merge -p '{patch}'",
    )


def _waits(message: str) -> Situation:
    return Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_ROLLOUT, message)


def _under_way(facts: RolloutFacts) -> str:
    """Why the Rollout is not to be touched just now; empty when it rests."""
    if facts.deleting:
        return f"the Rollout {facts.name} is being deleted"
    if facts.spec is not None and facts.spec.suspend:
        return f"the Rollout {facts.name} is suspended"
    status = facts.status
    ready = next((one for one in status.conditions if one.type == ConditionType.READY), None)
    seen = status.observed_generation == facts.generation
    if not seen or status.candidate is not None or ready is None or ready.status == "Unknown":
        return f"the Rollout {facts.name} has a rollout under way"
    return ""
