"""When to leave the candidate, and how: the route first, then the record of it."""

from dataclasses import replace
from typing import Literal

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm, RolloutStatus
from crossfade.decide.capacity import needed, resting
from crossfade.decide.children import backed, counted
from crossfade.decide.going_back import goes_back
from crossfade.decide.look import Look, inconclusive
from crossfade.decide.orders import pending
from crossfade.decide.plan import Action, Event, Plan, Situation, Standing
from crossfade.decide.records import ended, outcome
from crossfade.decide.settle import settle
from crossfade.decide.shapes import alone, asked_for
from crossfade.decide.signals import Signal, hard_signal
from crossfade.decide.stages import same_step
from crossfade.decide.traffic import traffic_of
from crossfade.model.moments import moment
from crossfade.model.snapshot import Snapshot

ABORTED = "Aborted"
REGRESSED = "MetricRegressed"
INCONCLUSIVE = "Inconclusive"
UNPASSED = "GateNotPassed"
BY_CHOICE = frozenset({ABORTED, REGRESSED, INCONCLUSIVE, UNPASSED})
"""Causes that say nothing of the candidate's pods."""
UNVERIFIED = "DigestMismatch"
"""The cause that speaks against every pod: what the candidate's bytes are nobody knows."""


def breach(snapshot: Snapshot, candidate: Arm, look: Look | None) -> Signal | None:
    """The reason to roll back now: hard signals first, then what is on record, then orders, the evidence, and a stage
    that ends without any.

    What is on record counts as given: a rollback that was killed behind its route is still to be recorded.
    """
    given = not asked_for(snapshot.rollout.status.traffic).is_nothing
    in_traffic = given or (snapshot.route is not None and candidate.revision in snapshot.route.reached)
    started = candidate.revision in snapshot.revisions or in_traffic
    found = hard_signal(
        snapshot.revisions.get(candidate.revision),
        snapshot.rollout.spec,
        counted(snapshot, candidate),
        in_traffic=in_traffic,
        needed=needed(snapshot, candidate),
        now=snapshot.now,
        served=goes_back(snapshot, candidate.revision),
    )
    if started and found is not None:
        return found
    if (known := snapshot.rollout.status.leaving) is not None:
        return Signal(known.cause, known.message)
    if (order := pending(snapshot.rollout).get("abort")) is not None:
        return Signal(ABORTED, str(order))
    if look is not None and look.judgement.overall == "Rollback":
        return Signal(REGRESSED, look.told().explanation)
    return None if look is None else _given_up(snapshot, look)


def _given_up(snapshot: Snapshot, look: Look) -> Signal | None:
    """A stage whose `maxDuration` is over, undecided, and which says that this is a reason to roll back.

    Suspending stops the clock's verdict, as it stops progress; and so does a definition that is too old.
    """
    spec, stage = snapshot.rollout.spec, snapshot.rollout.status.stage
    if spec is None or stage is None or spec.suspend or snapshot.unkept:
        return None
    step = same_step(spec, stage.name, stage.index, asked_for(snapshot.rollout.status.traffic))
    if step is None:
        return None  # an edit took the stage away, and with it what ends it
    # people may pass a gate, or not, from when it is live, whoever comes meanwhile
    since = stage.proven_at or (stage.acknowledged_at if step.gated else None)
    if since is None or snapshot.now - moment(since) < step.most or step.otherwise != "Rollback":
        return None
    if step.gated:
        return Signal(UNPASSED, f"{step.summary}: nobody passed the gate before its maxDuration was over")
    if look.judgement.overall != "Continue":
        return None
    return Signal(INCONCLUSIVE, f"{step.summary}: {inconclusive(look)}")


def without_what_failed(status: RolloutStatus, candidate: Arm, why: Signal) -> RolloutStatus:
    """The status without a version before that is kept and is left for its pods: those are nobody's way back."""
    known = status.previous is not None and status.previous.revision == candidate.revision
    return status.model_copy(update={"previous": None}) if known and why.cause not in BY_CHOICE else status


def roll_back(snapshot: Snapshot, stable: Arm, candidate: Arm, why: Signal, look: Look | None) -> Plan:
    """All traffic to stable. Sticky until spec or retry token changes."""
    aborted = why.cause == ABORTED
    message = f"{candidate.model_version} was {'aborted' if aborted else 'rolled back:'} {why.message}"
    status = snapshot.rollout.status
    if look is not None:
        status = status.model_copy(update={"analysis": look.told()})
    status = without_what_failed(status, candidate, why)
    stable, candidate = resting(snapshot, counted(snapshot, stable)), counted(snapshot, candidate)
    if 0 < stable.ready < (all_back := needed(snapshot, stable)):
        message += f"; capacity is reduced: {stable.ready} of {all_back} pods of {stable.model_version} are ready"
    back: tuple[Action, ...] = ()
    if snapshot.rollout.spec or snapshot.route:
        back = traffic_of(snapshot).insists(snapshot, alone(stable.revision))
    reason = Reason.ABORTED if aborted else Reason.ROLLED_BACK
    result: Literal["Aborted", "RolledBack"] = "Aborted" if aborted else "RolledBack"
    return Plan(
        status=ended(status, stable, outcome(snapshot, candidate, result, why.cause, message)),
        situation=Situation(Standing.FAILED, reason, message),
        first=back,
        then=backed(snapshot, stable),  # on record first: whoever refuses it holds up no rollback
        events=(Event(reason, message, warning=True),),
        available=stable.ready > 0,
        look_again=0.0,
        obeyed={"abort": message} if "abort" in pending(snapshot.rollout) else {},  # whatever else it goes for
    )


def call_off(snapshot: Snapshot, stable: Arm, target: Arm) -> Plan:
    """The end of a rollout by order before it began. Sticky like any other; what serves goes on as after those."""
    message = f"{target.model_version} was aborted {pending(snapshot.rollout)['abort']}"
    plan = settle(snapshot, stable, otherwise=Situation(Standing.FAILED, Reason.ABORTED, message))
    end = outcome(snapshot, target, "Aborted", ABORTED, message)
    return replace(
        plan,
        status=ended(plan.status, plan.status.stable, end),
        events=(Event(Reason.ABORTED, message, warning=True),),
        look_again=0.0,
        obeyed={"abort": message},
    )
