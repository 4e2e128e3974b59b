"""The one function that sets conditions. Ready, Reconciling and Stalled follow kstatus to the letter."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from crossfade.api.conditions import ConditionType, Reason
from crossfade.api.v1alpha1.common import Condition
from crossfade.api.v1alpha1.modelversion import ModelVersionStatus
from crossfade.decide.plan import Said, Situation, Standing
from crossfade.model.moments import stamp
from crossfade.ports import Object

_LONGEST = 1024
Truth = Literal["True", "False", "Unknown"]
_READY: dict[Standing, Truth] = {
    Standing.DONE: "True",
    Standing.ACCEPTED: "True",
    Standing.IN_PROGRESS: "Unknown",
    Standing.FAILED: "False",
}


class Fact(NamedTuple):
    """A further condition: its type, whether it holds (None for not known yet), and why; in the reason's own words
    where there is no `message`."""

    kind: ConditionType
    holds: bool | None
    reason: Reason
    message: str = ""


_SEMVER: dict[str, tuple[bool | None, Reason]] = {
    "First": (None, Reason.FIRST_VERSION),
    "Kept": (True, Reason.SEMVER_KEPT),
    "Broken": (False, Reason.SEMVER_BROKEN),
    "Unknown": (None, Reason.SEMVER_UNKNOWN),
}
_TRUTH: dict[bool | None, Truth] = {True: "True", False: "False", None: "Unknown"}


def conditions(
    situation: Situation, facts: Iterable[Fact], before: Iterable[Condition], generation: int, now: float
) -> list[Condition]:
    """All conditions of an object, Ready first. A transition time stays until the condition's status flips.

    Reconciling and Stalled exist only while they are True. A suspended object is neither: nothing moves, or failed.
    """
    known = {condition.type: condition for condition in before}

    def condition(kind: ConditionType, status: Truth, reason: Reason, text: str) -> Condition:
        old = known.get(kind)
        kept = old is not None and old.status == status
        return Condition(
            type=kind.value,
            status=status,
            reason=reason.value,
            message=text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…",
            observed_generation=generation,
            last_transition_time=old.last_transition_time if old is not None and kept else stamp(now),
        )

    reason, message = situation.reason, situation.message
    found = [condition(ConditionType.READY, _READY[situation.standing], reason, message)]
    if situation.standing is Standing.IN_PROGRESS and reason is not Reason.SUSPENDED:
        found.append(condition(ConditionType.RECONCILING, "True", reason, message))
    if situation.standing is Standing.FAILED:
        found.append(condition(ConditionType.STALLED, "True", reason, message))
    for kind, holds, why, text in facts:
        found.append(condition(kind, _TRUTH[holds], why, text or why.meaning))
    return found


def outdated(message: str, raw: Object, generation: int, now: float) -> Condition:
    """That the definition of the object `raw` is older than the operator; there only while that is so."""
    kind = ConditionType.DEFINITION_OUTDATED.value
    since = (one["lastTransitionTime"] for one in raw.get("status", {}).get("conditions", ()) if one["type"] == kind)
    return Condition(
        type=kind,
        status="True",
        reason=Reason.DEFINITION_OUTDATED.value,
        message=message if len(message) <= _LONGEST else message[: _LONGEST - 1] + "…",
        observed_generation=generation,
        last_transition_time=next(since, stamp(now)),
    )


def rollout_facts(*, available: bool, proven: bool | None) -> list[Fact]:
    """Available, and TrafficProven while there is a split to prove."""
    facts: list[Fact] = [
        Fact(ConditionType.AVAILABLE, available, Reason.SERVING if available else Reason.NOT_SERVING),
    ]
    if proven is not None:
        facts.append(Fact(ConditionType.TRAFFIC_PROVEN, proven, Reason.PROVEN if proven else Reason.UNPROVEN))
    return facts


def version_facts(status: ModelVersionStatus, situation: Situation) -> list[Fact]:
    """Resolved, and SemverKept once that is judged; where an older definition has kept no verdict, as it was said."""
    resolved = status.resolved is not None
    facts = [Fact(ConditionType.RESOLVED, resolved, Reason.RESOLVED if resolved else situation.reason)]
    if status.semver is not None:
        holds, reason = _SEMVER[status.semver.verdict]
        facts.append(Fact(ConditionType.SEMVER_KEPT, holds, reason, status.semver.message))
    elif resolved:
        facts += [
            Fact(ConditionType.SEMVER_KEPT, holds, reason, one.message)
            for one in status.conditions
            for holds, reason in _SEMVER.values()
            if one.type == ConditionType.SEMVER_KEPT.value and one.reason == reason.value
        ]
    return facts


def registry_facts(said: Said | None) -> list[Fact]:
    """WrittenBack where something is asked to be."""
    return [Fact(ConditionType.WRITTEN_BACK, said.holds, said.reason, said.message)] if said is not None else []
