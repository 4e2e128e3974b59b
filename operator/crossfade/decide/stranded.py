"""Stable has no ready pod, and who answers requests instead is not wanted: it goes on until a wanted version can."""

from collections.abc import Iterable
from dataclasses import replace

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import Arm, RolloutSpec, RolloutStatus
from crossfade.decide.apportion import apportioned
from crossfade.decide.capacity import carried, grown, held, needed
from crossfade.decide.children import answers, backed, counted, ensure, finalizer, removal, roles, upheld
from crossfade.decide.counting import is_fresh
from crossfade.decide.draining import undrained
from crossfade.decide.going_back import goes_back
from crossfade.decide.onward import ask
from crossfade.decide.plan import Action, Event, Plan, Situation, Standing
from crossfade.decide.progress import promote
from crossfade.decide.records import Result, ended, is_sticky, outcome
from crossfade.decide.rollback import ABORTED, without_what_failed
from crossfade.decide.settle import repair
from crossfade.decide.shapes import asked_for, intent
from crossfade.decide.shrinking import asked_back
from crossfade.decide.signals import Signal
from crossfade.decide.slots import revisions_of
from crossfade.decide.stages import last_step
from crossfade.decide.starting import waiting
from crossfade.decide.traffic import traffic_of
from crossfade.decide.way import Way
from crossfade.decide.workloads import arm_of
from crossfade.model.snapshot import Snapshot


def holders(snapshot: Snapshot, stable: Arm | None) -> tuple[str, ...]:
    """Revisions that answer requests while stable has not one ready pod, or would had nobody deleted our route."""
    if stable is None or answers(snapshot, stable):
        return ()
    names = sorted(revisions_of(snapshot.rollout.status, _asked(snapshot)) - {stable.revision})
    found = (snapshot.revisions.get(name) for name in names)
    return tuple(one.revision for one in found if one is not None and one.ready)


def _asked(snapshot: Snapshot) -> frozenset[str]:
    """Whoever is led to by the route, or by the record where it is gone; a copy of requests is answered by nobody."""
    live, rollout = snapshot.route, snapshot.rollout
    given = asked_for(rollout.status.traffic)
    if live is not None:
        return frozenset(live.weights) if given.shadow else live.reached
    if rollout.spec is None or rollout.status.candidate is None or snapshot.adoption is not None:
        return frozenset()  # it cannot be made again
    return frozenset() if given.is_nothing or given.shadow else frozenset({rollout.status.candidate.revision})


def strand(snapshot: Snapshot, stable: Arm, target: Arm | None, resolved: Resolved | None, why: Signal | None) -> Plan:
    """Pods for the version that is wanted, and its place in the route once they are ready; until then nothing moves.

    `target` is what the spec asks for, None when that is not known; `why` is the reason to leave the candidate.
    """
    spec, candidate = snapshot.rollout.spec, snapshot.rollout.status.candidate
    stable = counted(snapshot, stable)
    if spec is not None:
        stable = asked_back(snapshot, spec, held(snapshot, spec, stable))
    if spec is None or target is None or resolved is None or not _is_wanted(snapshot, stable, target, why):
        return _keep(snapshot, stable, why, upheld(snapshot, stable))
    if candidate is not None and why is None and _is_back(snapshot, candidate):
        return _finish(snapshot, spec, stable, candidate)
    later = _given_up(snapshot, stable, target, why)
    way = Way(later, spec, stable, grown(later, spec, stable, counted(later, target)), None)
    if (message := _waits(way)) is not None:
        pods = (*upheld(snapshot, stable), *ensure(snapshot, spec, way.candidate, resolved))
        return _keep(snapshot, stable, why, pods, target, message)
    return _taken_over(snapshot, way, why)


def _is_wanted(snapshot: Snapshot, stable: Arm, target: Arm, why: Signal | None) -> bool:
    """Whether there is a version to be given traffic, beside the stable one."""
    candidate = snapshot.rollout.status.candidate
    if target.revision == stable.revision or is_sticky(snapshot, target):
        return False
    return why is None or candidate is None or candidate.revision != target.revision


def _is_back(snapshot: Snapshot, candidate: Arm) -> bool:
    """Whether the candidate served before, and has everything again."""
    live = snapshot.route
    return live is not None and {*live.weights} == {candidate.revision} and goes_back(snapshot, candidate.revision)


def _finish(snapshot: Snapshot, spec: RolloutSpec, stable: Arm, candidate: Arm) -> Plan:
    """It is the stable version first, so that the one that is asked for has something to be compared with."""
    late = traffic_of(snapshot).untaken(snapshot)
    way = Way(snapshot, spec, stable, counted(snapshot, candidate), None)
    if late is None:
        return promote(way)
    message = f"{candidate.model_version} goes back before {spec.model_version} begins: {late}"
    return way.plan(Reason.WAITING_FOR_GATEWAY, message)


def _given_up(snapshot: Snapshot, stable: Arm, target: Arm, why: Signal | None) -> Snapshot:
    """What would be seen if the target were the candidate, with what the candidate has been given. On the way back that
    does not matter: it is to get everything."""
    status, candidate = snapshot.rollout.status, snapshot.rollout.status.candidate
    if candidate is not None and candidate.revision == target.revision:
        return snapshot
    after = status if candidate is None else _ended(snapshot, stable, candidate, target, why)
    given = None if goes_back(snapshot, target.revision) else asked_for(status.traffic)
    traffic = intent(given, status.traffic.pods or 0) if given and status.traffic else None
    after = after.model_copy(update={"candidate": target, "stage": None, "traffic": traffic})
    return replace(snapshot, rollout=replace(snapshot.rollout, status=after))


def _ended(snapshot: Snapshot, stable: Arm, candidate: Arm, target: Arm, why: Signal | None) -> RolloutStatus:
    status, message = snapshot.rollout.status, f"{candidate.model_version} makes way for {target.model_version}"
    if why is None:
        end = outcome(snapshot, candidate, "Superseded", "SpecChanged", message)
    else:
        result: Result = "Aborted" if why.cause == ABORTED else "RolledBack"
        end = outcome(snapshot, candidate, result, why.cause, f"{message}: {why.message}")
        status = without_what_failed(status, candidate, why)
    return ended(status, stable, end)


def _waits(way: Way) -> str | None:
    """What the version that is wanted waits for before it gets traffic. A new one is no way back: it waits for more."""
    snapshot, wanted = way.snapshot, way.candidate
    _, told = waiting(wanted, snapshot.revisions.get(wanted.revision), way.needs)
    if not way.ready and not _answers_enough(way):
        return told
    if way.goes_back:
        return None
    nothing = way.given.is_nothing or way.given.shadow
    if nothing:
        return f"{told}, and it gets requests by its stages once {way.stable.model_version} can take them back"
    if way.spec.suspend:
        return f"{told}, and it is suspended"
    if not is_fresh(snapshot.evidence, snapshot.now):
        return f"{told}, and it waits for metrics"
    return None


def _answers_enough(way: Way) -> bool:
    """Whether a version that served before has pods, be they too few, for as much as is answered at all just now."""
    snapshot, live = way.snapshot, way.snapshot.route
    if live is None or not way.hurries:
        return False
    total, found = sum(live.weights.values()), (snapshot.revisions[name] for name in holders(snapshot, way.stable))
    answered = sum(min(live.weights.get(one.revision, 0) * way.needs, one.ready * total) for one in found)
    return way.candidate.ready * total >= answered


def _taken_over(snapshot: Snapshot, way: Way, why: Signal | None) -> Plan:
    """All of the requests for a version that served before; for a new one what the one it replaces was given, which is
    no step forward: whoever was answered still is, and nobody else meets a version that nobody has compared."""
    version, stable = way.candidate.model_version, way.stable.model_version
    if way.goes_back:
        plan = ask(way, last_step(way.spec))
        message = f"{plan.situation.message}: it served before {stable}, which has no ready pod"
    else:
        traffic = way.intent(way.given, way.needs)
        message = f"{version} is to get {way.told(way.given)} in place of {_names(snapshot)}, for {stable} has no ready"
        message = f"{message} pod; its stages begin when that has"
        plan = way.plan(Reason.SHIFTING, message, traffic=traffic)
        plan = replace(plan, then=traffic_of(way.snapshot).writes(way.snapshot, way.split(way.given)))
    return replace(
        plan,
        situation=replace(plan.situation, message=message),
        first=(*finalizer(snapshot.rollout, wanted=True), *upheld(snapshot, way.stable)),
        events=(Event(Reason.SHIFTING, message),),
        obeyed={"abort": message} if why is not None and why.cause == ABORTED else {},
    )


def _keep(
    snapshot: Snapshot,
    stable: Arm,
    why: Signal | None,
    pods: tuple[Action, ...],
    target: Arm | None = None,
    waits: str = "",
) -> Plan:
    """Nothing moves, and it is said what is waited for; `target` is the version that is wanted, if that is a third."""
    rollout, candidate = snapshot.rollout, snapshot.rollout.status.candidate
    candidate = candidate and counted(snapshot, candidate)
    route = traffic_of(snapshot).backends(snapshot, stable)
    if candidate is not None and candidate.revision in holders(snapshot, stable):
        pods = (*upheld(snapshot, candidate), *pods)
        asked = carried(snapshot, stable, candidate, asked_for(rollout.status.traffic))
        route = route or repair(snapshot, apportioned(snapshot, stable, candidate, asked), candidate)
    must = needed(snapshot, stable)
    _, told = waiting(stable, snapshot.revisions.get(stable.revision), must)
    message = f"{_names(snapshot)} keeps its traffic although it should go"
    message += f" ({'aborted ' if why.cause == ABORTED else ''}{why.message})" if why else ""
    message += f", for {stable.model_version} has no ready pod to go back to; {told}"
    message += f"; {waits}" if waits else ""
    arms = [one for one in (stable, candidate, target) if one is not None]
    keep = {*roles(snapshot, *arms), *(snapshot.route.reached if snapshot.route else ())}
    pods = (*pods, *_still_backed(snapshot, arms))
    gone = () if route or undrained(snapshot) else removal(snapshot, keep)
    return Plan(
        status=rollout.status.model_copy(update={"stable": stable, "candidate": candidate}),
        situation=Situation(Standing.IN_PROGRESS, Reason.NOT_SERVING, message),
        first=(*finalizer(rollout, wanted=True), *route, *pods, *gone),
        look_again=10.0,
    )


def _still_backed(snapshot: Snapshot, arms: Iterable[Arm]) -> tuple[Action, ...]:
    """The Services of those who answer and are no arm any more: another is on record, and the route was not written."""
    others = {*holders(snapshot, snapshot.rollout.status.stable)} - {arm.revision for arm in arms}
    found = (arm_of(snapshot.revisions[name]) for name in sorted(others))
    return tuple(one for arm in found for one in backed(snapshot, arm))


def _names(snapshot: Snapshot) -> str:
    """The versions that answer meanwhile."""
    found = (snapshot.revisions[name] for name in holders(snapshot, snapshot.rollout.status.stable))
    return " and ".join(one.model_version for one in found)
