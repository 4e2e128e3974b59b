"""From one stage to the next: entering it, and what makes a rollout leave the one it is in."""

from dataclasses import replace
from math import inf

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm, StageStatus
from crossfade.decide.draining import undrained
from crossfade.decide.look import Look, first_look, inconclusive
from crossfade.decide.orders import pending, waits_for_people
from crossfade.decide.plan import Event, Plan
from crossfade.decide.rehearsal import rehearse
from crossfade.decide.settle import repair
from crossfade.decide.stages import Step, step_at
from crossfade.decide.starting import waiting
from crossfade.decide.traffic import traffic_of
from crossfade.decide.way import Way, scrape_interval, waits
from crossfade.model.moments import stamp
from crossfade.model.order import Verb


def enter(way: Way, step: Step, *, forward: bool = True) -> Plan:
    """Ask for what the step gives: intent is recorded first, then the route is written.

    Unless it is `forward`, the ladder was edited and the step gives no more than is given now.
    """
    snapshot = way.snapshot
    why = waits(way, step) if forward else None
    if why is not None:
        held = repair(snapshot, way.split(way.given), way.candidate)
        return replace(way.plan(*why), first=held, look_again=10.0)
    if forward and way.candidate.ready < way.pods(step):
        return growing(way, step)
    untried = rehearse(way, step)
    if isinstance(untried, Plan):
        return untried
    if (room := prepared(way, step)) is not None:
        return room
    return ask(way, step, untried)


def ask(way: Way, step: Step, untried: str = "") -> Plan:
    """The same without asking whether it may be; `untried` is what could not be rehearsed."""
    snapshot = way.snapshot
    look = way.look or first_look(snapshot, way.spec, way.candidate, scrape_interval(way))
    message = f"{step.summary}: {way.candidate.model_version} is to get {way.told(step.shape)}"
    if untried:
        message = f"{message}, NOT rehearsed: {untried}"
    stage = StageStatus(index=step.index, name=step.name, summary=step.summary, entered_at=stamp(snapshot.now))
    # from a version that has none it is given everything with fewer, and that they are fewer takes nothing later
    pods = way.candidate.ready if way.hurries and not way.stable.ready else way.pods(step)
    changes = {
        "stage": stage,
        "candidate": _with_floor(way, step),  # an edit may have taken pods away that only the step needs
        "traffic": way.intent(step.shape, pods),
        "analysis": look.told(),
    }
    return replace(
        way.plan(Reason.SHIFTING, message, **changes),
        then=traffic_of(snapshot).writes(snapshot, way.split(step.shape)),
        events=(Event(Reason.SHIFTING, message, warning=bool(untried)),),
    )


def prepared(way: Way, step: Step) -> Plan | None:
    """What must be done before the step's split can be written; what the candidate gets now stays as it is."""
    snapshot = way.snapshot
    room = traffic_of(snapshot).prepare(snapshot, way.split(way.given), way.split(step.shape), way.candidate)
    if room is None:
        return None
    left = undrained(snapshot) if room.drained else room.wait
    plan = way.plan(room.reason, f"{step.summary} waits: {room.message}")
    return replace(plan, first=() if left else room.actions, look_again=left if 0 < left < inf else None)


def growing(way: Way, step: Step) -> Plan:
    """Pods before weight: those of the step are made; what the candidate gets now stays as it is."""
    candidate, pods = way.candidate, way.pods(step)
    found = way.snapshot.revisions.get(candidate.revision)
    told = waiting(candidate, found, pods, f" for {step.summary}")
    kept = repair(way.snapshot, way.split(way.given), candidate)
    return replace(way.plan(*told, candidate=_with_floor(way, step)), first=kept, look_again=10.0)


def _with_floor(way: Way, step: Step) -> Arm:
    """The candidate with as many pods at least as the step takes."""
    return way.candidate.model_copy(update={"floor": max(way.candidate.floor or 0, way.pods(step))})


def onward(way: Way, step: Step, look: Look, lasted: float) -> Plan | None:
    """The next stage, when people or the evidence let go of this one, or it says to do without; None to stay.

    `lasted` is for how many seconds the stage has been proven live.
    """
    if way.frozen is not None:
        return None
    if (order := pending(way.snapshot.rollout).get("advance")) and waits_for_people(way.snapshot, step, look):
        return _obeying(way, step, "advance", f"{step.summary} was passed {order}")
    if step.gated:
        return None
    if look.judgement.overall == "Advance" and lasted >= step.least:
        return enter(way, step_at(way.spec, step.index + 1))
    if look.judgement.overall != "Continue" or lasted < step.most or step.otherwise != "Advance":
        return None
    on = enter(way, step_at(way.spec, step.index + 1))
    if on.situation.reason is not Reason.SHIFTING or step.is_bake:
        return on
    return _warned(on, f"WITHOUT evidence: of {step.summary}, {inconclusive(look)}")


def is_skipped(way: Way) -> bool:
    """Whether somebody said to skip the stage, that is not frozen, and there is something left to skip."""
    last = way.step is not None and way.step.shape.is_all
    return "skip-stage" in pending(way.snapshot.rollout) and way.frozen is None and not last


def skipped(way: Way, step: Step) -> Plan:
    """The next stage because somebody said to skip this one, whatever is still to be proven."""
    order = pending(way.snapshot.rollout)["skip-stage"]
    plan = _obeying(way, step, "skip-stage", f"{step.summary} was skipped {order}")
    return _warned(plan, f"WITHOUT the evidence of {step.summary}, skipped {order}") if plan.obeyed else plan


def _obeying(way: Way, step: Step, verb: Verb, message: str) -> Plan:
    """The next stage; the order is answered in the same write, or stays open while it has to wait."""
    on = enter(way, step_at(way.spec, step.index + 1))
    if on.situation.reason is not Reason.SHIFTING:
        return on
    return replace(on, obeyed={verb: message}, events=(Event(Reason.ORDERED, message), *on.events))


def _warned(on: Plan, words: str) -> Plan:
    message = f"{on.situation.message}, {words}"
    told = Event(Reason.INCONCLUSIVE, message, warning=True)
    return replace(on, situation=replace(on.situation, message=message), events=(told, *on.events))
