"""Room for the next candidate: arms of earlier tries drain and go first."""

from math import inf

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.children import counted, leftovers, removal, roles, upheld
from crossfade.decide.draining import undrained
from crossfade.decide.plan import Plan, Situation, Standing
from crossfade.decide.records import was_promoted
from crossfade.decide.settle import serves
from crossfade.decide.shapes import alone
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
    """Take them away once nobody can reach them any more: the route is stable's alone, whatever others made of it."""
    stable, wanted = counted(snapshot, stable), alone(stable.revision)
    route = traffic_of(snapshot).writes(snapshot, wanted)
    slots = () if route else traffic_of(snapshot).backends(snapshot, stable)
    stay, live = _stay(snapshot, stable, target), snapshot.route
    named = live is not None and not live.reached.isdisjoint(leftovers(snapshot, stay))
    left = inf if route or slots or named else undrained(snapshot)
    gone = () if left else removal(snapshot, stay)
    trouble = traffic_of(snapshot).trouble(snapshot, wanted) if named else None
    message = f"{target.model_version} starts when the pods of earlier versions have drained"
    return Plan(
        status=snapshot.rollout.status.model_copy(update={"stable": stable}),
        situation=trouble or Situation(Standing.IN_PROGRESS, Reason.DRAINING, message),
        first=(*route, *slots, *gone),
        then=upheld(snapshot, stable),
        available=serves(snapshot, stable),
        look_again=left if 0 < left < inf else None,
    )
