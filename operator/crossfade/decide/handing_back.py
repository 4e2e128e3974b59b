"""The candidate has to go, and stable was made too small to take everything: its share goes back as pods get ready."""

from dataclasses import replace
from math import ceil, inf

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.rollout import Arm, Leaving, RolloutSpec, RolloutStatus, TrafficStatus
from crossfade.decide.capacity import held, needed, pods_for
from crossfade.decide.children import answers, counted, finalizer, upheld
from crossfade.decide.draining import undrained
from crossfade.decide.look import Look
from crossfade.decide.orders import pending
from crossfade.decide.overdue import patience
from crossfade.decide.plan import Event, Plan, Situation, Standing
from crossfade.decide.proving import unseen
from crossfade.decide.rollback import ABORTED, BY_CHOICE
from crossfade.decide.settle import repair, serves
from crossfade.decide.shapes import Shape, given_by, intent, split
from crossfade.decide.shrinking import asked_back, lacks_pods
from crossfade.decide.signals import Signal
from crossfade.decide.stalled import stalled
from crossfade.decide.starting import deadline, waiting
from crossfade.decide.traffic import traffic_of
from crossfade.model.moments import moment, stamp
from crossfade.model.snapshot import Snapshot

_ROUNDING = 1e-9
_WITH_WHAT_THERE_IS = "with the pods that it has"


def must_wait(snapshot: Snapshot, stable: Arm, candidate: Arm) -> bool:
    """Whether the candidate has requests by the record that stable's ready pods could not carry, and answers them.

    Where the route leads to stable alone they are back already. One that is gone is made as it was, be it only when the
    spec can be read again; but not one of others.
    """
    live, given = snapshot.route, given_by(snapshot.rollout.status.traffic)
    if not given.weight or not answers(snapshot, candidate) or not lacks_pods(snapshot) or is_insisted_on(snapshot):
        return False
    if live is None:
        return snapshot.adoption is None
    return {*live.weights} != {stable.revision}


def is_insisted_on(snapshot: Snapshot) -> bool:
    """Whether somebody aborts after it was said that this gives stable everything. One that was heard before may be
    open still: it is of what is asked for, too."""
    status, order = snapshot.rollout.status, pending(snapshot.rollout).get("abort")
    said = stalled(status.conditions, status.observed_generation, snapshot.rollout.generation)
    if order is None or said is None:
        return False
    if said.reason is not Reason.NO_CAPACITY and not said.message.endswith(_WITH_WHAT_THERE_IS):
        return False  # of what others hold up it is said in the same breath
    return status.leaving is None or status.leaving.abort_token != order.token


def called_off(status: RolloutStatus) -> RolloutStatus:
    """The status of a rollout that hands nothing back: the next time begins anew."""
    traffic = status.traffic and status.traffic.model_copy(update={"taken_back_at": None})
    return status.model_copy(update={"traffic": traffic})


def hand_back(
    snapshot: Snapshot, stable: Arm, candidate: Arm, why: Signal | None, look: Look | None, *, ordered: bool
) -> Plan:
    """Stable is asked to have all its pods, and gets what those that are ready carry, each route before its record; but
    the reason is on record before the first one, so that neither a kill nor a change of mind calls it off.

    `why` is the reason to leave the candidate, None when another version, or a deletion, is asked for; `ordered` when
    this answers somebody's order to abort.
    """
    rollout, spec = snapshot.rollout, snapshot.rollout.spec
    stable = counted(snapshot, stable) if spec is None else asked_back(snapshot, spec, held(snapshot, spec, stable))
    given, less = given_by(rollout.status.traffic), _left(snapshot, stable, candidate, why)
    if less.weight < given.weight:
        stable = _going_on(snapshot, stable)
    wanted = split(stable.revision, candidate.revision, less)
    decided = why is not None and rollout.status.leaving is None
    news = decided or ordered or less.weight != given.weight
    route = traffic_of(snapshot).backends(snapshot, stable)
    route = route or repair(snapshot, wanted, candidate, insist=decided or ordered)
    moved = (*upheld(snapshot, stable), *route)  # who refuses the route holds up none of the pods that are waited for
    left, candidate = undrained(snapshot), counted(snapshot, candidate)
    if spec is not None:
        pods = pods_for(_met(snapshot, candidate, less), needed(snapshot, stable))
        candidate = _sized(candidate, pods, drained=not (route or left))
    situation = _told(snapshot, stable, candidate, why, less)
    trouble, stuck = traffic_of(snapshot).trouble(snapshot, wanted), situation.standing is Standing.FAILED
    if trouble is not None and stuck:
        trouble = replace(trouble, message=f"{trouble.message}; {_way_out(stable)}")
    return Plan(
        status=_recorded(snapshot, stable, candidate, why, look, less),
        situation=trouble or situation,
        first=(*finalizer(rollout, wanted=True), *(() if decided else moved)),
        then=(*(moved if decided else ()), *upheld(snapshot, candidate, hasty=True)),
        events=(Event(situation.reason, situation.message, warning=True),) if news or stuck else (),
        available=serves(snapshot, stable),
        proven=False,
        look_again=min(left, 10.0) or 10.0,
        obeyed={"abort": situation.message} if ordered else {},
    )


def _going_on(snapshot: Snapshot, stable: Arm) -> Arm:
    """Stable, which took a part just now: its missing pods have their time from here, for where room is short they come
    one after the other. One that only comes and goes takes none."""
    if stable.unready_since is None:
        return stable
    now = stamp(snapshot.now)
    return stable.model_copy(update={"unready_since": now, "waits_since": now if stable.waits_since else None})


def _left(snapshot: Snapshot, stable: Arm, candidate: Arm, why: Signal | None) -> Shape:
    """What the candidate keeps: what it had, by the record and by the route, without what stable's ready pods carry;
    where its own pods are the reason, no more than those that are ready carry."""
    given, live = given_by(snapshot.rollout.status.traffic), snapshot.route
    if snapshot.rollout.spec is None:
        return given
    most = max(needed(snapshot, stable), 1)
    kept = min(given.weight, given.scale - given.scale * min(stable.ready, most) // most)
    if live is not None and {*live.weights} == {stable.revision, candidate.revision}:
        kept = min(kept, round(live.share(candidate.revision) * given.scale))
    if why is not None and why.cause not in BY_CHOICE:
        kept = min(kept, given.scale * counted(snapshot, candidate).ready // most)
    return replace(given, weight=max(kept, 1))


def _met(snapshot: Snapshot, candidate: Arm, less: Shape) -> Shape:
    """What the candidate answers: what it is to have, or more where the stored route says so and may not be written."""
    live = snapshot.route
    found = ceil(live.share(candidate.revision) * less.scale - _ROUNDING) if live is not None else less.scale
    return replace(less, weight=max(less.weight, found))


def _sized(candidate: Arm, pods: int, *, drained: bool) -> Arm:
    """The candidate without the pods that have nothing to do any more: they may be the room that stable's need. None of
    `pods`, which do, goes that is there, be it that this was decided for another route."""
    floor = max(candidate.floor or pods, min(candidate.replicas, pods))
    return candidate.model_copy(update={"floor": min(floor, pods) if drained else floor})


def _recorded(
    snapshot: Snapshot, stable: Arm, candidate: Arm, why: Signal | None, look: Look | None, less: Shape
) -> RolloutStatus:
    """The decision with its figures, and what is given; the stage, should the candidate stay after all, begins anew."""
    status, order = snapshot.rollout.status, pending(snapshot.rollout).get("abort")
    if why is not None and status.leaving is None:
        leaving = Leaving(cause=why.cause, message=why.message[:1024])
        status = status.model_copy(update={"leaving": leaving, "analysis": look.told() if look else status.analysis})
    if status.leaving is not None and order is not None:
        heard = status.leaving.model_copy(update={"abort_token": order.token})
        status = status.model_copy(update={"leaving": heard})
    stage, traffic = status.stage and unseen(status.stage), _less(snapshot, less)
    return status.model_copy(update={"stable": stable, "candidate": candidate, "stage": stage, "traffic": traffic})


def _less(snapshot: Snapshot, less: Shape) -> TrafficStatus | None:
    """What is on record of the split, and since when it is so. What stable took is not the stage's any more: should the
    candidate stay after all, it is taken up where an edited ladder is."""
    traffic = snapshot.rollout.status.traffic
    if traffic is None or (traffic.taken_back_at is not None and given_by(traffic) == less):
        return traffic
    begun = traffic if given_by(traffic) == less else intent(less, traffic.pods or 0)
    return begun.model_copy(update={"taken_back_at": stamp(snapshot.now)})


def _told(snapshot: Snapshot, stable: Arm, candidate: Arm, why: Signal | None, less: Shape) -> Situation:
    """Why it goes, what it still has, and what is waited for; after a deadline of `startup`, and where nobody knows for
    what, that is a standstill. A gateway that does not take the route has a time of its own: the candidate's pods stay
    for it."""
    rollout, spec = snapshot.rollout, snapshot.rollout.spec
    who, asked = candidate.model_version, spec.model_version if spec else "another version"
    goes = f"{who} makes way for {asked}" if why is None else f"{who} is taken back: {why.message}"
    goes = "being deleted" if rollout.deleting else goes
    goes = f"{who} is aborted {why.message}" if why is not None and why.cause == ABORTED else goes
    if spec is None:
        message = f"{goes}; it keeps {less} of the requests, for {rollout.spec_error}, and nobody knows how many pods"
        message = f"{message} {stable.model_version} must have; correct that, or {_way_out(stable)}"
        return Situation(Standing.FAILED, Reason.NO_CAPACITY, message)
    _, pods = waiting(stable, snapshot.revisions.get(stable.revision), needed(snapshot, stable))
    message = f"{goes}; {who} keeps {less} of the requests until pods that carry more are ready; {pods}"
    limit, untaken = _limit(snapshot, spec, stable, less), traffic_of(snapshot).untaken(snapshot)
    if limit is None or (untaken is not None and not _is_patience_over(snapshot)):
        return Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_CAPACITY, message)
    late = f"That lasts for more than {limit}; {_way_out(stable)}"
    if untaken is not None:
        return Situation(Standing.FAILED, Reason.NOT_ACKNOWLEDGED, f"{message}; {untaken}. {late}")
    return Situation(Standing.FAILED, Reason.NO_CAPACITY, f"{message}. {late}")


def _way_out(stable: Arm) -> str:
    """What is said last of a hand-back that stands still."""
    return f"a new `abort` gives {stable.model_version} everything {_WITH_WHAT_THERE_IS}"


def _limit(snapshot: Snapshot, spec: RolloutSpec, stable: Arm, less: Shape) -> str | None:
    """Which time of `startup` is over, of stable's pods or since it took something; None while none is."""
    startup = spec.serving.startup
    end = deadline(startup, stable)
    if end is not None and snapshot.now > end.at and traffic_of(snapshot).untaken(snapshot) is None:
        return f"{end.limit}, see `serving.startup.{end.field}`"
    over = _lasts_too_long(snapshot) and given_by(snapshot.rollout.status.traffic) == less
    return f"{startup.timeout}, see `serving.startup.timeout`" if over else None


def _lasts_too_long(snapshot: Snapshot) -> bool:
    """Whether stable took nothing back for the time of a start, whatever holds that up."""
    spec, traffic = snapshot.rollout.spec, snapshot.rollout.status.traffic
    if spec is None or traffic is None or traffic.taken_back_at is None:
        return False
    return snapshot.now > moment(traffic.taken_back_at) + seconds(spec.serving.startup.timeout)


def _is_patience_over(snapshot: Snapshot) -> bool:
    """Whether a gateway had its time to take the route; one that is not stored is taken by nobody."""
    live = snapshot.route
    return live is None or not 0 < patience(live, snapshot.now) < inf
