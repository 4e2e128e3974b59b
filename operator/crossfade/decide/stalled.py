"""A standstill whose cause no object shows: after a restart it stands, by the status, until the cause is known anew."""

from collections.abc import Sequence
from dataclasses import replace

from crossfade.api.conditions import ConditionType, Reason
from crossfade.api.v1alpha1.common import Condition
from crossfade.api.v1alpha1.rollout import RolloutStatus
from crossfade.decide.admission import objection
from crossfade.decide.plan import Plan, Situation, Standing
from crossfade.decide.reading import is_read
from crossfade.model.snapshot import Snapshot

_FOUND_OUT = frozenset({Reason.NOT_ADMITTED, Reason.FEATURE_MISSING, Reason.REHEARSAL_FAILED})
"""What is known of Gateways and rehearsals is read and tried, not watched."""


def stalled(conditions: Sequence[Condition], observed: int, generation: int) -> Situation | None:
    """Why nothing moved when these conditions were written; None when something did, or the spec is another by now."""
    said = next((one for one in conditions if one.type == ConditionType.STALLED), None)
    if said is None or said.status != "True" or observed != generation:
        return None
    reason = next((reason for reason in Reason if reason.value == said.reason), None)
    return None if reason is None else Situation(Standing.FAILED, reason, said.message)


def still_stalled(snapshot: Snapshot, plan: Plan) -> Plan:
    """The plan, which is a standstill still while it goes nowhere and only finds out again why.

    What failed in a rehearsal is not mended by another that is under way; how far that is, is said.
    """
    rollout = snapshot.rollout
    said = stalled(rollout.status.conditions, rollout.status.observed_generation, rollout.generation)
    if said is None or _place(plan.status) != _place(rollout.status):
        return plan
    if said.reason is Reason.IMAGE_VOLUMES_MISSING and _lacks_its_pods(snapshot):
        return replace(plan, situation=said)
    if said.reason not in _FOUND_OUT:
        return plan
    if _finds_out(snapshot, plan.situation):
        return replace(plan, situation=said)
    if said.reason is Reason.REHEARSAL_FAILED and plan.situation.reason is Reason.REHEARSING:
        return replace(plan, situation=replace(said, message=plan.situation.message))
    return plan


def _lacks_its_pods(snapshot: Snapshot) -> bool:
    """Whether the candidate's Deployment, which is tried again in each look, was not made yet."""
    candidate = snapshot.rollout.status.candidate
    return candidate is not None and candidate.revision not in snapshot.revisions


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
