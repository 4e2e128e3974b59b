"""Room for the next candidate: arms of earlier tries drain and go first."""

from math import inf

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.children import counted, leftovers, removal, roles
from crossfade.decide.draining import undrained
from crossfade.decide.plan import Plan, Situation, Standing
from crossfade.decide.records import was_promoted
from crossfade.decide.settle import serves
from crossfade.decide.traffic import traffic_of
from crossfade.model.snapshot import Snapshot


def must_clear(snapshot: Snapshot, stable: Arm, target: Arm) -> bool:
    """Whether arms of a rollout that failed or was superseded are still there, an earlier try of the same included.

    An old stable arm is no reason to wait: it drains beside the new candidate.
    """
    status = snapshot.rollout.status
    if status.candidate is not None or was_promoted(status.outcome):
        return False
    return bool(leftovers(snapshot, _stay(snapshot, stable, target)))


def _stay(snapshot: Snapshot, stable: Arm, target: Arm) -> tuple[str, ...]:
    """Pods of the target that are no earlier try were started for it while stable could not answer."""
    end = snapshot.rollout.status.outcome
    tried = end is None or end.revision == target.revision
    return roles(snapshot, stable) if tried else roles(snapshot, stable, target)


def clear(snapshot: Snapshot, stable: Arm, target: Arm) -> Plan:
    """Take them away once nobody can reach them any more."""
    slots = traffic_of(snapshot).backends(snapshot, stable)
    left = inf if slots else undrained(snapshot)
    status = snapshot.rollout.status.model_copy(update={"stable": counted(snapshot, stable)})
    message = f"{target.model_version} starts when the pods of earlier versions have drained"
    return Plan(
        status=status,
        situation=Situation(Standing.IN_PROGRESS, Reason.DRAINING, message),
        first=slots if left else removal(snapshot, _stay(snapshot, stable, target)),
        available=serves(snapshot, stable),
        look_again=left if 0 < left < inf else None,
    )
