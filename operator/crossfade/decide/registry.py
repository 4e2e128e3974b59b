"""The decision about one ModelRegistry: whether it is to be asked, and what it is to be told."""

import hashlib
from dataclasses import replace

from crossfade.api.conditions import ConditionType, Reason
from crossfade.api.v1alpha1.common import Condition
from crossfade.api.v1alpha1.modelregistry import ModelRegistryStatus
from crossfade.decide.plan import RegistryPlan, Said, Situation, Standing
from crossfade.decide.writing_back import Telling, acknowledged, doubted, telling
from crossfade.model.snapshot import RegistrySnapshot
from crossfade.model.writing import Attempt

_LOOK_SECONDS = 300.0
"""A registry that is well is asked again after so long, and up to twice as long."""


def plan_registry(snapshot: RegistrySnapshot) -> RegistryPlan:
    """Asked when it is new, or edited, or was asked long ago; told what it has not acknowledged."""
    if snapshot.spec is None:
        return RegistryPlan(snapshot.status, Situation(Standing.FAILED, Reason.INVALID_SPEC, snapshot.spec_error))
    situation = _situation(snapshot)
    rest = snapshot.asked_at + _interval(snapshot.uid) - snapshot.now
    check = situation.standing is not Standing.DONE or rest <= 0
    if snapshot.spec.write_back is None:
        situation = _with_left_behind(snapshot, situation)
        return RegistryPlan(snapshot.status, situation, check=check, look_again=None if check else rest)
    status = _acknowledged(snapshot)
    tell = telling(snapshot.spec.write_back, snapshot.told, status.written)
    if snapshot.unkept:  # what the registry acknowledges could not be kept, and it would be told again and again
        delayed = Said(holds=False, reason=Reason.WRITE_BACK_DELAYED, message=snapshot.unkept)
        return RegistryPlan(status, situation, said=delayed, check=check, look_again=None if check else rest)
    return RegistryPlan(
        status.model_copy(update={"written": list(tell.kept)}),
        situation,
        said=_said(snapshot, tell),
        check=check,
        deeds=tell.deeds,
        look_again=None if check or tell.deeds else rest,
    )


def _situation(snapshot: RegistrySnapshot) -> Situation:
    """As it was found last: by this process, or by the one before it."""
    tried = snapshot.attempt
    if tried is not None and tried.reached is not None:
        return Situation(Standing.DONE, tried.reached, tried.reached.meaning)
    if tried is not None:
        return Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_REGISTRY, tried.error)
    known = _condition(snapshot, ConditionType.READY)
    if known is not None and known.observed_generation == snapshot.generation and (reason := _reason(known)):
        standing = Standing.DONE if known.status == "True" else Standing.IN_PROGRESS
        return Situation(standing, reason, known.message)
    asking = "the registry is being asked whether it lets the operator in"
    return Situation(Standing.IN_PROGRESS, Reason.PENDING, asking)


def _with_left_behind(snapshot: RegistrySnapshot, situation: Situation) -> Situation:
    """`writeBack` was taken out while there were challengers: their aliases stay, and this is where it is said."""
    known = snapshot.status.written if snapshot.status.written_to == snapshot.place else []
    left = [(one.name, one.challenger) for one in known if one.challenger is not None]
    if situation.standing is not Standing.DONE or not left:
        return situation
    name, given = left[0]
    more = f", and those of {len(left) - 1} more models" if len(left) > 1 else ""
    text = (
        f"{situation.reason.meaning}; the alias {given.alias} of {name} means version {given.version} there as long as "
        f"nobody takes it away{more}, for `writeBack` was taken out before its rollout ended"
    )
    return replace(situation, message=text)


def _interval(uid: str) -> float:
    """Another one for each registry, so that not all are asked at once."""
    return _LOOK_SECONDS * (1.0 + hashlib.sha256(uid.encode()).digest()[0] / 256.0)


def _acknowledged(snapshot: RegistrySnapshot) -> ModelRegistryStatus:
    """The status with what was done since. Another registry has acknowledged nothing."""
    before = snapshot.status.written if snapshot.status.written_to == snapshot.place else []
    written = acknowledged(before, snapshot.attempt.done if snapshot.attempt is not None else ())
    if snapshot.attempt is not None and snapshot.attempt.doubted is not None:
        written = doubted(written, snapshot.attempt.doubted)
    return snapshot.status.model_copy(update={"written": written, "written_to": snapshot.place})


def _said(snapshot: RegistrySnapshot, tell: Telling) -> Said:
    """The condition WrittenBack. What is pending is not said anew after a restart before it was tried."""
    if tell.deeds:
        tried, known = snapshot.attempt, _condition(snapshot, ConditionType.WRITTEN_BACK)
        if tried is not None and (tried.error or tried.refused):
            return Said(holds=False, reason=Reason.WRITE_BACK_DELAYED, message=_pending(tell, tried))
        if tried is None and known is not None and known.status == "False" and (reason := _reason(known)):
            return Said(holds=False, reason=reason, message=known.message)
        return Said(holds=None, reason=Reason.WRITING_BACK, message=Reason.WRITING_BACK.meaning)
    if tell.differing:
        return Said(holds=False, reason=Reason.VERSIONS_DIFFER, message=tell.differing)
    if tell.left_out:
        return Said(holds=False, reason=Reason.TOO_MANY, message=tell.left_out)
    return Said(holds=True, reason=Reason.WRITTEN_BACK, message=Reason.WRITTEN_BACK.meaning)


def _pending(tell: Telling, tried: Attempt) -> str:
    more = f" and {len(tell.deeds) - 1} more" if len(tell.deeds) > 1 else ""
    why = tried.error or tried.refused
    return f"pending: {tell.deeds[0]}{more}; tried again within {tried.within:.0f} s: {why}"


def _condition(snapshot: RegistrySnapshot, kind: ConditionType) -> Condition | None:
    return next((one for one in snapshot.status.conditions if one.type == kind.value), None)


def _reason(said: Condition) -> Reason | None:
    """The reason of a stored condition; None for one that this release does not know."""
    return next((reason for reason in Reason if reason.value == said.reason), None)
