"""A stage that runs: what it gives is kept, lowered to what pods carry, or written again where the route says else."""

from dataclasses import replace

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import StageStatus
from crossfade.decide.admission import objection
from crossfade.decide.capacity import given_with, needed, whole
from crossfade.decide.onward import enter, prepared
from crossfade.decide.plan import Event, Plan
from crossfade.decide.proving import unseen
from crossfade.decide.settle import is_held_back, repair
from crossfade.decide.shapes import given_by
from crossfade.decide.shrinking import lacks_pods
from crossfade.decide.stages import Step, step_within
from crossfade.decide.starting import unlisted
from crossfade.decide.state import sure
from crossfade.decide.traffic import traffic_of
from crossfade.decide.way import Way, no_way_back


def reduced(way: Way, stage: StageStatus, step: Step) -> Plan:
    """Pods were lost under traffic, or are in no EndpointSlice any more: what they carried goes back to stable at once,
    before it is recorded."""
    candidate, less = way.candidate, way.carried(step.shape)
    pods, late = given_with(way.snapshot, candidate), unlisted(way.snapshot.revisions.get(candidate.revision))
    have = f"{candidate.ready} of {pods} pods of {candidate.model_version} ready{late}"
    later = is_held_back(way.snapshot, way.split(step.shape), candidate)
    gets = f"it is to get {less}" if later else f"it gets {less}"
    message = f"{step.summary}: {have}, so {gets} of the requests instead of {step.shape}"
    message += ", once metrics answer" if later else ""
    traffic = way.intent(step.shape, pods).model_copy(update={"reduced": less.weight})
    told = way.snapshot.rollout.status.traffic
    news = told is None or told.reduced != less.weight
    return replace(
        way.plan(Reason.WAITING_FOR_CAPACITY, message, stage=unseen(stage), traffic=traffic),
        first=repair(way.snapshot, way.split(step.shape), candidate),
        events=(Event(Reason.WAITING_FOR_CAPACITY, message, warning=True),) if news else (),
        proven=False,
    )


def edited(way: Way) -> Plan:
    """An edit alone gives the candidate nothing more, and stable nothing that it could not answer."""
    step = step_within(way.spec, way.given)
    other = step.shape.shadow or step.shape.headers or not step.shape.gives_no_more_than(way.given)
    kept = repair(way.snapshot, way.split(way.given), way.candidate)
    if way.candidate.ready > 0 and not way.given.gives_no_more_than(step.shape) and _is_short(way, step):
        message = f"{step.summary} waits: {way.stable.ready} of {needed(way.snapshot, whole(way.stable))} pods of"
        message = f"{message} {way.stable.model_version} are ready, which do not carry what it is to get back"
        return replace(way.plan(Reason.WAITING_FOR_CAPACITY, message), first=kept, look_again=10.0)
    if other or way.stable.ready > 0 or way.candidate.ready == 0:
        return enter(way, step) if other else _lowered(way, step)
    message = f"{step.summary} waits for {way.stable.model_version}, which has no ready pod"
    return replace(way.plan(Reason.NOT_SERVING, message), first=kept)


def _lowered(way: Way, step: Step) -> Plan:
    """A step that gives no more than is asked for now; but the route may give less, and that is not raised without
    metrics: it stays on record until then."""
    on, wanted = enter(way, step, forward=False), way.split(step.shape)
    if on.situation.reason is not Reason.SHIFTING or not is_held_back(way.snapshot, wanted, way.candidate):
        return on
    had, message = given_by(way.snapshot.rollout.status.traffic), f"{on.situation.message}, once metrics answer"
    less = had.weight * step.shape.scale // had.scale
    traffic = sure(on.status.traffic).model_copy(update={"reduced": less if less < step.shape.weight else None})
    return replace(
        on,
        status=on.status.model_copy(update={"traffic": traffic}),
        situation=replace(on.situation, message=message),
        then=repair(way.snapshot, wanted, way.candidate),
        events=tuple(replace(one, message=message) for one in on.events),
    )


def _is_short(way: Way, step: Step) -> bool:
    """Whether stable, made smaller, has too few ready pods for what such a step leaves to it."""
    return lacks_pods(way.snapshot, 1 - step.shape.weight / step.shape.scale)


def rewritten(way: Way, stage: StageStatus, step: Step) -> Plan:
    """The route says something else than the stage gives: somebody changed it, or lost pods are back."""
    kept = repair(way.snapshot, way.split(step.shape), way.candidate)
    if not kept:
        return _emptied(way, stage, step)
    traffic = way.snapshot.rollout.status.traffic
    later = is_held_back(way.snapshot, way.split(step.shape), way.candidate)
    if traffic is None or traffic.reduced is None or later:
        message = f"{step.summary}: the route is not what it should be{'; it waits for metrics' if later else ''}"
        return replace(way.plan(Reason.SHIFTING, message), first=kept, look_again=5.0)
    have = f"{way.candidate.ready} pods of {way.candidate.model_version} are ready again"
    message = f"{step.summary}: {have}, and it is to get {step.shape} of the requests"
    again = {"stage": unseen(stage), "traffic": way.intent(step.shape, way.needs)}
    told = (Event(Reason.SHIFTING, message),)
    return replace(way.plan(Reason.SHIFTING, message, **again), first=kept, events=told, look_again=5.0)


def _emptied(way: Way, stage: StageStatus, step: Step) -> Plan:
    """What must be done before it can be written again, when stable's pods carry all meanwhile; the stage is to be
    proven anew then."""
    if (room := prepared(way, step)) is None:
        waits = f"{step.summary}: the route is not what it should be; it waits for metrics"
        return replace(way.plan(Reason.METRICS_UNAVAILABLE, waits), look_again=5.0)
    if not way.goes_back and (why := no_way_back(way)) is not None:
        return replace(way.plan(why[0], f"{step.summary} waits{why[1]}"), look_again=5.0)
    return replace(room, status=room.status.model_copy(update={"stage": unseen(stage)}), proven=False)


def is_as_asked(way: Way) -> bool:
    """Whether the stored route says what the stage gives."""
    return traffic_of(way.snapshot).says(way.snapshot, way.split(sure(way.step).shape))


def turned_away(way: Way) -> Plan:
    """Users meet what they met; what the candidate is given stays."""
    found = sure(objection(way.snapshot))
    why = replace(found, message=f"{sure(way.step).summary}: {found.message}")
    plan = way.plan(why.reason, why.message)
    told = (Event(why.reason, why.message, warning=True),)
    return replace(plan, situation=why, first=repair(way.snapshot, way.split(way.given), way.candidate), events=told)
