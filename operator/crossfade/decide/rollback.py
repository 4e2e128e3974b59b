"""When to leave the candidate, and how: the route first, then the record of it."""

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import AnalysisStatus, Arm
from crossfade.decide.analysis import judge
from crossfade.decide.children import counted, unready_seconds
from crossfade.decide.plan import Event, Plan, Situation, Standing
from crossfade.decide.records import ended, outcome
from crossfade.decide.routes import split
from crossfade.decide.settle import route_actions
from crossfade.decide.signals import Signal, hard_signal
from crossfade.model.moments import moment
from crossfade.model.snapshot import Snapshot

REGRESSED = "MetricRegressed"


def verdict(snapshot: Snapshot, candidate: Arm) -> AnalysisStatus | None:
    """What the metrics say of the candidate in the current stage; None before its first stage."""
    spec, stage = snapshot.rollout.spec, snapshot.rollout.status.stage
    if spec is None or stage is None:
        return None
    since = moment(stage.entered_at)
    return judge(spec.analysis.metrics, snapshot.evidence, candidate.revision, since, snapshot.now)


def breach(snapshot: Snapshot, candidate: Arm) -> Signal | None:
    """The reason to roll back now, hard signals first."""
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
    judged = verdict(snapshot, candidate)
    if judged is not None and judged.verdict == "Rollback":
        return Signal(REGRESSED, judged.explanation)
    return None


def roll_back(snapshot: Snapshot, stable: Arm, candidate: Arm, why: Signal) -> Plan:
    """All traffic to stable. Sticky until spec or retry token changes.

    A candidate that answers badly is kept only while not one stable pod could answer at all.
    """
    message = f"{candidate.model_version} was rolled back: {why.message}"
    status = snapshot.rollout.status.model_copy(
        update={"analysis": verdict(snapshot, candidate) or snapshot.rollout.status.analysis}
    )
    stable, candidate = counted(snapshot, stable), counted(snapshot, candidate)
    if why.cause == REGRESSED and stable.ready == 0 and candidate.ready > 0:
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
