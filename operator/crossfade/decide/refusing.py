"""Before the first pod: why a version is not even started. What serves goes on, and the world may still heal it."""

from dataclasses import replace

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide import rehearsal
from crossfade.decide.admission import objection
from crossfade.decide.plan import Event, Plan, Situation, Standing
from crossfade.decide.reading import is_read
from crossfade.decide.settle import hold
from crossfade.model.snapshot import Snapshot


def refuse_first(snapshot: Snapshot, target: Arm) -> Plan | None:
    """The same for the first version, which has no route yet: it gets neither pods nor route. None when it may.

    It may beside a route that was left behind: who is to come over from there must find somebody here.
    """
    if snapshot.route is not None or snapshot.left_behind is not None:
        return None
    why = _why(snapshot, target)
    return None if why is None else _turned_away(hold(snapshot, None, why))


def refuse(snapshot: Snapshot, stable: Arm, target: Arm) -> Plan | None:
    """Why a rollout does not begin. None when it may, or is under way."""
    if snapshot.rollout.status.candidate is not None:
        return None
    why = _why(snapshot, target)
    if why is None:
        return rehearsal.unsupported(snapshot, stable)
    begins = why.standing is Standing.IN_PROGRESS  # pods that waited while stable could not answer may be there
    return _turned_away(hold(snapshot, stable, why, beside=target if begins else None))


def _why(snapshot: Snapshot, target: Arm) -> Situation | None:
    if (why := objection(snapshot)) is not None:
        return why
    if is_read(snapshot):
        return None
    message = f"{target.model_version} starts when the Gateways of its route have been read"
    return Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_GATEWAY, message)


def _turned_away(held: Plan) -> Plan:
    said = held.situation
    told = (Event(said.reason, said.message, warning=True),) if said.standing is Standing.FAILED else ()
    return replace(held, scout=True, events=told)
