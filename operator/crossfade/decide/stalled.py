"""What is said stays, by the status, while its cause is only found out anew: after a restart, or after a long pause."""

from collections.abc import Sequence
from dataclasses import replace

from crossfade.api.conditions import ConditionType, Reason
from crossfade.api.v1alpha1.common import Condition
from crossfade.api.v1alpha1.rollout import RolloutStatus
from crossfade.decide.admission import objection
from crossfade.decide.plan import Plan, Situation, Standing
from crossfade.decide.reading import is_read
from crossfade.decide.state import PODS
from crossfade.model.snapshot import Snapshot

_FOUND_OUT = frozenset({Reason.NOT_ADMITTED, Reason.FEATURE_MISSING, Reason.REHEARSAL_FAILED})
"""What is known of Gateways and rehearsals is read and tried, not watched."""
_BEGUN = frozenset({*PODS, Reason.NOT_SERVING, Reason.WAITING_FOR_GATEWAY, Reason.IMAGE_VOLUMES_MISSING})
"""What a first version says once it was let through; the API server may have refused its objects."""


def stalled(conditions: Sequence[Condition], observed: int, generation: int) -> Situation | None:
    """Why nothing moved when these conditions were written; None when something did, or the spec is another by now."""
    return _situation(conditions, ConditionType.STALLED, Standing.FAILED) if observed == generation else None


def going_on(conditions: Sequence[Condition], observed: int, generation: int) -> Situation | None:
    """What was waited for when these conditions were written; None when nothing was, or the spec is another by now."""
    return _situation(conditions, ConditionType.RECONCILING, Standing.IN_PROGRESS) if observed == generation else None


def _situation(conditions: Sequence[Condition], kind: ConditionType, standing: Standing) -> Situation | None:
    said = next((one for one in conditions if one.type == kind and one.status == "True"), None)
    reason = next((reason for reason in Reason if said is not None and reason.value == said.reason), None)
    return None if said is None or reason is None else Situation(standing, reason, said.message)


def still_said(snapshot: Snapshot, plan: Plan) -> Plan:
    """The plan, which says what is said already while it goes nowhere and only finds out again why.

    What failed in a rehearsal is not mended by another that is under way; how far that is, is said.
    """
    rollout = snapshot.rollout
    said = _said(snapshot)
    if said is None or _place(plan.status) != _place(rollout.status):
        return plan
    if _finds_out(snapshot, plan.situation):
        return replace(plan, situation=said)
    if said.reason is Reason.REHEARSAL_FAILED and plan.situation.reason is Reason.REHEARSING:
        return replace(plan, situation=replace(said, message=plan.situation.message))
    return plan


def _said(snapshot: Snapshot) -> Situation | None:
    """What the status says of this spec, where that can be so still although a part of the world is not read yet."""
    known = snapshot.rollout.status
    told = known.conditions, known.observed_generation, snapshot.rollout.generation
    said = stalled(*told)
    if said is not None and said.reason in _FOUND_OUT:
        return said
    begins, said = known.stable is None and snapshot.route is None, said or going_on(*told)
    return said if begins and said is not None and said.reason in _BEGUN else None


def _place(status: RolloutStatus) -> tuple[object, ...]:
    """Where a rollout stands, without figures and counts of pods."""
    candidate, stage, traffic = status.candidate, status.stage, status.traffic
    return (
        candidate and candidate.revision,
        stage and (stage.index, stage.name),
        traffic and traffic.desired,
        status.outcome,
        status.handled,
    )


def _finds_out(snapshot: Snapshot, situation: Situation) -> bool:
    """Whether this is said only because something was not read yet."""
    if objection(snapshot) is not None:
        return False
    match situation.reason:
        case Reason.METRICS_UNAVAILABLE:
            return snapshot.evidence is None
        case Reason.WAITING_FOR_GATEWAY:
            return not is_read(snapshot)
        case reason:
            return reason is Reason.PLANNING
