"""When to leave the candidate, and how: the route first, then the record of it."""

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.children import counted, unready_seconds
from crossfade.decide.look import Look, inconclusive
from crossfade.decide.plan import Event, Plan, Situation, Standing
from crossfade.decide.records import ended, outcome
from crossfade.decide.routes import split
from crossfade.decide.settle import route_actions
from crossfade.decide.signals import Signal, hard_signal
from crossfade.decide.stages import step_at
from crossfade.model.moments import moment
from crossfade.model.snapshot import Snapshot

REGRESSED = "MetricRegressed"
INCONCLUSIVE = "Inconclusive"


def breach(snapshot: Snapshot, candidate: Arm, look: Look | None) -> Signal | None:
    """The reason to roll back now: hard signals first, then the evidence, then a stage that ends without any."""
    weights = snapshot.route.weights if snapshot.route else {}
    in_traffic = candidate.revision in weights
    started = candidate.revision in snapshot.revisions or in_traffic
    found = hard_signal(
        snapshot.revisions.get(candidate.revision),
        snapshot.rollout.spec,
        in_traffic=in_traffic,
        unready=unready_seconds(snapshot, candidate),
    )
    if started and found is not None:
        return found
    if look is not None and look.judgement.overall == "Rollback":
        return Signal(REGRESSED, look.told().explanation)
    return None if look is None else _given_up(snapshot, look)


def _given_up(snapshot: Snapshot, look: Look) -> Signal | None:
    """A stage whose `maxDuration` is over, undecided, and which says that this is a reason to roll back.

    Suspending stops the clock's verdict, as it stops progress.
    """
    spec, stage = snapshot.rollout.spec, snapshot.rollout.status.stage
    if spec is None or stage is None or stage.proven_at is None or spec.suspend:
        return None
    step = step_at(spec, stage.index)
    over = snapshot.now - moment(stage.proven_at) >= step.most
    if not over or step.otherwise != "Rollback" or look.judgement.overall != "Continue":
        return None
    return Signal(INCONCLUSIVE, f"{step.summary}: {inconclusive(look)}")


def roll_back(snapshot: Snapshot, stable: Arm, candidate: Arm, why: Signal, look: Look | None) -> Plan:
    """All traffic to stable. Sticky until spec or retry token changes.

    A candidate that answers badly is kept only while not one stable pod could answer at all.
    """
    message = f"{candidate.model_version} was rolled back: {why.message}"
    status = snapshot.rollout.status
    if look is not None:
        status = status.model_copy(update={"analysis": look.told()})
    stable, candidate = counted(snapshot, stable), counted(snapshot, candidate)
    if why.cause in (REGRESSED, INCONCLUSIVE) and stable.ready == 0 and candidate.ready > 0:
        nowhere = f"{stable.model_version} has no ready pod to go back to"
        message = f"{candidate.model_version} is worse, but {nowhere}: {why.message}"
        kept = status.model_copy(update={"stable": stable, "candidate": candidate})
        return Plan(status=kept, situation=Situation(Standing.IN_PROGRESS, Reason.NOT_SERVING, message))
    return Plan(
        status=ended(status, stable, outcome(snapshot, candidate, "RolledBack", why.cause, message)),
        situation=Situation(Standing.FAILED, Reason.ROLLED_BACK, message),
        first=route_actions(snapshot, split(stable.revision, None, 0)),
        events=(Event(Reason.ROLLED_BACK, message, warning=True),),
        available=stable.ready > 0,
        look_again=0.0,
    )
