"""A candidate on its way: pods, then a stage at a time, each one proven live before its clock starts."""

from collections.abc import Iterable
from dataclasses import replace
from math import inf

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.admission import objection
from crossfade.decide.capacity import current_step, grown, held, is_relieved, resting, stands_in
from crossfade.decide.children import counted, ensure, finalizer, removal, roles, upheld, waiting_arm
from crossfade.decide.counting import is_fresh
from crossfade.decide.draining import undrained
from crossfade.decide.keeping import edited, is_as_asked, reduced, rewritten, turned_away
from crossfade.decide.look import Look
from crossfade.decide.onward import ask, enter, is_skipped, skipped
from crossfade.decide.orders import pending
from crossfade.decide.plan import Action, Apply, Event, Plan, Preparation, Situation, Standing
from crossfade.decide.previous import replaced
from crossfade.decide.proving import judge, unseen
from crossfade.decide.records import ended, outcome, passed
from crossfade.decide.settle import repair
from crossfade.decide.shrinking import matched
from crossfade.decide.stages import last_step, step_at
from crossfade.decide.standing_in import relieve, stand_in
from crossfade.decide.starting import waiting
from crossfade.decide.state import PODS, State, first_of, sure
from crossfade.decide.traffic import traffic_of
from crossfade.decide.way import Way
from crossfade.model.moments import stamp
from crossfade.model.snapshot import Snapshot


def progress(snapshot: Snapshot, stable: Arm, target: Arm, resolved: Resolved, look: Look | None) -> Plan:
    """The next step of a rollout from `stable` to `target`; one step a pass. `look` is None before the first stage."""
    spec = sure(snapshot.rollout.spec)
    stable, target = held(snapshot, spec, counted(snapshot, stable)), counted(snapshot, target)
    stable = matched(snapshot, spec, stable, target)
    way = Way(snapshot, spec, stable, grown(snapshot, spec, stable, target), look)
    judged = look is None and not way.goes_back
    foresee = judged and snapshot.foresight is None and is_fresh(snapshot.evidence, snapshot.now)
    plan = first_of(STEPS, way).plan(way)
    planned = (*plan.first, *plan.then)
    slots = tuple(one for one in traffic_of(snapshot).backends(snapshot, stable) if not _is_of_one(one, planned))
    before = (*finalizer(snapshot.rollout, wanted=True), *slots)
    candidate = plan.status.candidate or way.candidate
    pods = (*upheld(snapshot, stable), *ensure(snapshot, spec, candidate, resolved), *waiting_arm(snapshot, candidate))
    gone = () if slots else _swept(way)
    # who the candidate is must be on record before its first pod: what is not on record is a leftover
    return replace(
        plan,
        first=(*before, *plan.first),
        then=(*pods, *plan.then, *gone),
        foresee=foresee,
    )


def _is_of_one(action: Action, others: Iterable[Action]) -> bool:
    """Whether one of the others writes the same object."""
    written = {one.body["metadata"]["name"] for one in others if isinstance(one, Apply)}
    return isinstance(action, Apply) and action.body["metadata"]["name"] in written


def _swept(way: Way) -> tuple[Action, ...]:
    """Removed is what has no part any more; what the stored route names has one, be it by a write that failed."""
    live = way.snapshot.route
    keep = (*roles(way.snapshot, way.stable, way.candidate), *(live.reached if live else ()))
    return () if undrained(way.snapshot) else removal(way.snapshot, keep)


def _blocked_by(way: Way) -> Situation | None:
    """What others have to do before anything can be written; the route is asked for what is given now."""
    return traffic_of(way.snapshot).trouble(way.snapshot, way.split(way.given))


def _blocked(way: Way) -> Plan:
    """Nobody is written against, unless somebody says so."""
    trouble, snapshot = sure(_blocked_by(way)), way.snapshot
    stage = {"stage": unseen(way.stage)} if way.stage else {}
    if trouble.reason is Reason.ROUTE_CONTESTED and "retry" in pending(snapshot.rollout):
        given, first = way.split(way.given), step_at(way.spec, 0)
        again = repair(snapshot, given, way.candidate, insist=True)
        room = traffic_of(snapshot).prepare(snapshot, given, way.split(first.shape), way.candidate)
        again = again or (room.actions if room and not room.drained else ())
        if again:
            message = f"the weights are written once more: {trouble.message}"
            # recorded first: after a kill in between nothing is disputed any more, and the weights are put right
            return replace(way.plan(Reason.SHIFTING, message, **stage), then=again, obeyed={"retry": message})
    told = (Event(trouble.reason, trouble.message, warning=True),)
    proven = False if stage else None
    return replace(way.plan(trouble.reason, trouble.message, **stage), situation=trouble, events=told, proven=proven)


def _starting(way: Way) -> Plan:
    """Pods are missing: nothing moves forward, and what was given already stays."""
    candidate, now = way.candidate, way.snapshot.now
    step = current_step(way.snapshot, way.spec, candidate.revision)
    end = None if way.begun else way.deadline  # what serves, serves
    found = way.snapshot.revisions.get(candidate.revision)
    reason, told = waiting(candidate, found, way.needs, f" for {step.summary}", end.at if end else None)
    kept = repair(way.snapshot, way.split(way.given), candidate)
    traffic = way.snapshot.rollout.status.traffic
    given = {"given": way.intent(way.given, 0).given}  # fewer pods than there should be may stand for the weight
    if way.carried(way.given) == way.given and traffic_of(way.snapshot).says(way.snapshot, way.split(way.given)):
        given["reduced"] = None  # those that are there carry all of it again
    changes = {"traffic": traffic.model_copy(update=given)} if traffic else {}
    return replace(way.plan(reason, told, **changes), first=kept, look_again=max(end.at - now, 1.0) if end else None)


def _go_back(way: Way) -> Plan:
    """All at once, as far as its ready pods carry it: it was promoted before, and who asks for it has reasons to leave
    what serves now."""
    step = last_step(way.spec)
    # a version that has no pod to answer with is not given everything first, to empty a Service for the other
    on, less = ask(way, step) if way.stable.ready == 0 else enter(way, step, forward=False), way.carried(step.shape)
    if on.situation.reason is not Reason.SHIFTING:
        return on
    message = f"{on.situation.message}: it served before {way.stable.model_version}, so without stages and analysis"
    if less != step.shape:
        have = f"{way.candidate.ready} of {way.pods(step)} pods are ready"
        message = f"{message}; {have}, so it gets {less} of the requests until the others are"
        reduced = sure(on.status.traffic).model_copy(update={"reduced": less.weight})
        on = replace(on, status=on.status.model_copy(update={"traffic": reduced}))
    told = (Event(on.situation.reason, message),)
    return replace(on, situation=replace(on.situation, message=message), events=told)


def _untaken(way: Way) -> str | None:
    """Which parent has not accepted the route yet."""
    return traffic_of(way.snapshot).untaken(way.snapshot)


def _prove(way: Way) -> Plan:
    stage, step = sure(way.stage), sure(way.step)
    taken = stage.acknowledged_at or stamp(way.snapshot.now)
    place = {"index": step.index, "summary": step.summary}  # which the same stage may have changed
    return judge(way, stage.model_copy(update={"acknowledged_at": taken, **place}), step, sure(way.look))


def _leftover(way: Way) -> Preparation | None:
    """What is still stored of an earlier stage."""
    return traffic_of(way.snapshot).leftover(way.snapshot, way.split(sure(way.step).shape))


def _cleared(way: Way) -> Plan:
    """Before it is said that all is done, for afterwards nothing should move any more."""
    rest = sure(_leftover(way))
    plan = way.plan(rest.reason, f"{sure(way.step).summary}: {rest.message}")
    return replace(plan, first=rest.actions, look_again=rest.wait if 0 < rest.wait < inf else None)


def promote(way: Way) -> Plan:
    """Every parent serves the candidate alone: it is the stable version now. No pod restarts, no selector moves."""
    status = way.snapshot.rollout.status
    result, cause = passed(status)
    message = f"{way.candidate.model_version} was promoted over {way.stable.model_version} and serves all requests"
    if way.goes_back:
        result, cause = "FastRolledBack", "SpecChanged"
        message = f"{way.candidate.model_version} serves all requests again, and {way.stable.model_version} none"
    end = outcome(way.snapshot, way.candidate, result, cause, message)
    return Plan(
        status=ended(status, resting(way.snapshot, way.candidate), end).model_copy(
            update={"previous": replaced(way.snapshot, way.stable)}
        ),
        situation=Situation(Standing.DONE, Reason.PROMOTED, message),
        events=(Event(Reason.PROMOTED, message),),
        available=True,
        look_again=0.0,
    )


STEPS: tuple[State[Way], ...] = (
    State(
        name="Blocked",
        when="an adopted route is not there or not as it must be, or somebody else has written other weights into it",
        does="no weight is written; the stage is to be proven anew when it is right again, or somebody says `retry`",
        seen=(Reason.ROUTE_INVALID, Reason.ROUTE_CONTESTED, Reason.SHIFTING),
        code=_blocked,
        applies=lambda way: _blocked_by(way) is not None,
        plan=_blocked,
    ),
    State(
        name="Relieved",
        when="no stage was entered yet, the candidate took over what it has while stable could not answer, and stable"
        " has all its pods again",
        does="the first stage is entered, as below, if it can be; or else stable takes everything back, for what the"
        " candidate does is not judged",
        seen=(*PODS, Reason.WAITING_FOR_GATEWAY),
        code=relieve,
        applies=lambda way: is_relieved(way.snapshot, way.stable, way.candidate),
        plan=relieve,
    ),
    State(
        name="Standing in",
        when="the same, and stable lacks pods",
        does="it keeps what its ready pods carry of that; stable, as far as it can, has the rest",
        seen=(
            *PODS,
            Reason.NOT_SERVING,
            Reason.WAITING_FOR_CAPACITY,
            Reason.SUSPENDED,
            Reason.DEFINITION_OUTDATED,
            Reason.METRICS_UNAVAILABLE,
            Reason.METRIC_INVALID,
            Reason.WAITING_FOR_GATEWAY,
            Reason.HOST_TAKEN,
            Reason.NOT_ADMITTED,
        ),
        code=stand_in,
        applies=lambda way: stands_in(way.snapshot, way.candidate),
        plan=stand_in,
    ),
    State(
        name="Starting",
        when="no stage was entered yet, and the candidate has not the pods that the first one needs; on the way back,"
        " those that carry everything, or any at all while stable has none, after a deadline of `startup`, or when all"
        " are ready and EndpointSlices alone are missing",
        does="pods, and it is said what they wait for; after a deadline of `startup` it is rolled back",
        seen=(*PODS, Reason.WAITING_FOR_GATEWAY),
        code=_starting,
        applies=lambda way: not way.begun and not way.ready and not way.hurries,
        plan=_starting,
    ),
    State(
        name="Going back",
        when="no stage was entered yet, and the candidate served before, within `strategy.rollbackWindow`",
        does="it is given everything in one step, or what its ready pods carry of that, whatever is suspended, and"
        " whatever metrics and stable say",
        seen=(Reason.SHIFTING, Reason.WAITING_FOR_GATEWAY),
        code=_go_back,
        applies=lambda way: not way.begun and way.goes_back,
        plan=_go_back,
    ),
    State(
        name="Entering",
        when="no stage was entered yet",
        does="nothing while it is suspended, or stable lacks pods, or metrics do not answer or do not fit, or a new"
        " kind of rule was not rehearsed; then the intent is recorded and the route written",
        seen=(
            Reason.SHIFTING,
            Reason.SUSPENDED,
            Reason.DEFINITION_OUTDATED,
            Reason.NOT_SERVING,
            Reason.WAITING_FOR_CAPACITY,
            Reason.METRIC_INVALID,
            Reason.METRICS_UNAVAILABLE,
            Reason.NO_DATA,
            Reason.PLANNING,
            Reason.REHEARSING,
            Reason.REHEARSAL_FAILED,
            Reason.FEATURE_MISSING,
            Reason.DRAINING,
            Reason.WAITING_FOR_GATEWAY,
            Reason.NOT_ADMITTED,
            Reason.HOST_TAKEN,
            *PODS,
        ),
        code=enter,
        applies=lambda way: not way.begun,
        plan=lambda way: enter(way, step_at(way.spec, 0)),
    ),
    State(
        name="Edited",
        when="the ladder has no stage any more of the name and shape of the one that runs",
        does="the highest stage that gives no more than is given now is entered; where all give more, or something"
        " else, the first one is, as above; what gives stable more waits for its pods where `strategy.stableCapacity`"
        " has made them fewer, and what gives the candidate more than the route does waits for metrics",
        seen=(Reason.NOT_SERVING, Reason.WAITING_FOR_CAPACITY),
        code=edited,
        applies=lambda way: way.step is None,
        plan=edited,
    ),
    State(
        name="Reduced",
        when="so many candidate pods were lost, or are in no EndpointSlice any more, that those left do not carry what"
        " it is given",
        does="its weight falls to what they carry; where none is left, neither cohort nor copies stay, but while stable"
        " has none either; the stage is to be proven anew",
        seen=(Reason.WAITING_FOR_CAPACITY,),
        code=reduced,
        applies=lambda way: not way.ready and way.carried(sure(way.step).shape) != sure(way.step).shape,
        plan=lambda way: reduced(way, sure(way.stage), sure(way.step)),
    ),
    State(
        name="Waiting for pods",
        when="candidate pods are missing",
        does="what is given stays, nothing moves forward",
        seen=(*PODS, Reason.WAITING_FOR_GATEWAY),
        code=_starting,
        applies=lambda way: not way.ready,
        plan=_starting,
    ),
    State(
        name="Turned away",
        when="it is no way back, and what the spec asks of the route cannot be: others have the requests, or a Gateway"
        " does not exist or would not take it",
        does="the route's parents, hosts and matches stay as they are stored; no step; the Gateways are read again"
        " every ten seconds",
        seen=(Reason.NOT_ADMITTED, Reason.WAITING_FOR_GATEWAY, Reason.HOST_TAKEN),
        code=turned_away,
        applies=lambda way: not way.goes_back and objection(way.snapshot) is not None,
        plan=turned_away,
    ),
    State(
        name="Skipping",
        when="somebody says `skip-stage`, it is not suspended, and the candidate is not given everything yet",
        does="the next stage is entered as above, without the evidence of this one",
        seen=(),
        code=skipped,
        applies=is_skipped,
        plan=lambda way: skipped(way, sure(way.step)),
    ),
    State(
        name="Rewriting",
        when="the route does not say what the stage gives",
        does="it is written again; more for the candidate than it has now only while metrics answer: until then stable"
        " has what others led elsewhere, or nowhere",
        seen=(
            Reason.SHIFTING,
            Reason.METRICS_UNAVAILABLE,
            Reason.REHEARSING,
            Reason.DRAINING,
            Reason.WAITING_FOR_GATEWAY,
        ),
        code=rewritten,
        applies=lambda way: not is_as_asked(way),
        plan=lambda way: rewritten(way, sure(way.stage), sure(way.step)),
    ),
    State(
        name="Waiting for gateways",
        when="a parent of the route has not accepted it, or the EndpointSlices of the Service do not follow it",
        does="nothing",
        seen=(Reason.WAITING_FOR_GATEWAY,),
        code=_untaken,
        applies=lambda way: _untaken(way) is not None,
        plan=lambda way: way.plan(Reason.WAITING_FOR_GATEWAY, f"{sure(way.step).summary}: {_untaken(way)}"),
    ),
    State(
        name="Clearing up",
        when="the candidate is given everything, and the rule of a cohort that is gone is still there, behind a header"
        " that nobody knows",
        does="it is taken away when no gateway sends anybody to it any more",
        seen=(Reason.WAITING_FOR_GATEWAY,),
        code=_cleared,
        applies=lambda way: sure(way.step).shape.is_all and _leftover(way) is not None,
        plan=_cleared,
    ),
    State(
        name="Promoting",
        when="the candidate is given everything",
        does="it is the stable version now; no pod restarts",
        seen=(Reason.PROMOTED,),
        code=promote,
        applies=lambda way: sure(way.step).shape.is_all,
        plan=promote,
    ),
    State(
        name="Judging",
        when="none of the above",
        does="the share is proven, or that a cohort comes, which starts the clock; requests that contradict it take the"
        " proof back; then the next stage is entered, as above, when the evidence"
        " lets go of this one after `minDuration`, or `onInconclusive: Advance` after `maxDuration`, or somebody passes"
        " the gate; else it is said what is waited for",
        seen=(
            Reason.SHIFTING,
            Reason.UNPROVEN,
            Reason.ANALYSING,
            Reason.INCONCLUSIVE,
            Reason.WAITING_FOR_PEOPLE,
            Reason.SUSPENDED,
            Reason.DEFINITION_OUTDATED,
            Reason.NO_DATA,
            Reason.METRIC_INVALID,
            Reason.SHOCK,
            Reason.METRICS_UNAVAILABLE,
        ),
        code=judge,
        applies=lambda way: True,
        plan=_prove,
    ),
)
"""In this order; the first that applies counts."""
