"""A candidate on its way: pods, then a stage at a time, each one proven live before its clock starts."""

from dataclasses import replace
from math import inf

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import AnalysisStatus, Arm, StageStatus
from crossfade.decide.capacity import current_step, given_with, grown, held, resting
from crossfade.decide.children import counted, ensure, finalizer, leftovers, removal, sized
from crossfade.decide.counting import all_requests, is_fresh
from crossfade.decide.draining import undrained
from crossfade.decide.look import Look, gist, inconclusive
from crossfade.decide.onward import enter, onward, skipped
from crossfade.decide.plan import Action, Event, Plan, Situation, Standing
from crossfade.decide.records import ended, outcome
from crossfade.decide.routes import is_live, render, unacknowledged
from crossfade.decide.settle import repair, serves
from crossfade.decide.shapes import Shape, intent
from crossfade.decide.share import UNSEEN, Share, observe_share
from crossfade.decide.stages import Step, same_step, step_at, step_within
from crossfade.decide.way import Way
from crossfade.model.evidence import Counters
from crossfade.model.moments import clock, moment, stamp
from crossfade.model.snapshot import Snapshot


def progress(snapshot: Snapshot, stable: Arm, target: Arm, resolved: Resolved, look: Look | None) -> Plan:
    """The next step of a rollout from `stable` to `target`; one step a pass. `look` is None before the first stage."""
    spec = snapshot.rollout.spec
    if spec is None:
        raise ValueError("a rollout needs a readable spec")
    if _must_clear(snapshot, stable, target):
        return _clear(snapshot, stable, target)
    stable = held(snapshot, spec, counted(snapshot, stable))
    way = Way(snapshot, spec, stable, grown(snapshot, spec, stable, counted(snapshot, target)), look)
    foresee = look is None and snapshot.foresight is None and is_fresh(snapshot.evidence, snapshot.now)
    before = (*finalizer(snapshot.rollout, wanted=True), *_swept(way))
    plan = _step(way, look)
    pods = (*sized(snapshot, stable), *ensure(snapshot, spec, plan.status.candidate or way.candidate, resolved))
    # who the candidate is must be on record before its first pod: what is not on record is a leftover
    return replace(
        plan,
        first=(*before, *plan.first),
        then=(*pods, *plan.then),
        foresee=foresee,
    )


def _step(way: Way, look: Look | None) -> Plan:
    """Where the rollout stands, and the one thing that follows."""
    stage = way.snapshot.rollout.status.stage
    if stage is None or look is None:
        return enter(way, step_at(way.spec, 0)) if way.ready else _starting(way)
    step = same_step(way.spec, stage.name, stage.index, way.given)
    if step is None:  # the ladder was edited under our feet
        return enter(way, step_within(way.spec, way.given), forward=False)
    if not way.ready:
        return _starting(way) if way.carried(step.shape) == step.shape else _reduced(way, stage, step)
    return skipped(way, step) or _watch(way, stage, step, look)


def _must_clear(snapshot: Snapshot, stable: Arm, target: Arm) -> bool:
    """Whether arms of a rollout that failed or was superseded are still there, the target's own earlier try included.

    An old stable arm is no reason to wait: it drains beside the new candidate.
    """
    status = snapshot.rollout.status
    if status.candidate is not None or (status.outcome is not None and status.outcome.result == "Promoted"):
        return False
    return bool(leftovers(snapshot, [stable.revision]))


def _swept(way: Way) -> tuple[Action, ...]:
    keep = [way.stable.revision, way.candidate.revision]
    return () if undrained(way.snapshot) else removal(way.snapshot, keep)


def _clear(snapshot: Snapshot, stable: Arm, target: Arm) -> Plan:
    """Arms of earlier rollouts drain and go before the next candidate takes room."""
    left = undrained(snapshot)
    status = snapshot.rollout.status.model_copy(update={"stable": counted(snapshot, stable)})
    message = f"{target.model_version} starts when the pods of earlier versions have drained"
    return Plan(
        status=status,
        situation=Situation(Standing.IN_PROGRESS, Reason.DRAINING, message),
        first=() if left else removal(snapshot, [stable.revision]),
        available=serves(snapshot, stable),
        look_again=left if 0 < left < inf else None,
    )


def _starting(way: Way) -> Plan:
    """Pods are missing: nothing moves forward, and what was given already stays."""
    candidate, now = way.candidate, way.snapshot.now
    step = current_step(way.snapshot, way.spec)
    message = f"{candidate.model_version}: {candidate.ready} of {way.needs} pods ready for {step.summary}"
    began = moment(candidate.unready_since) if candidate.unready_since else now
    left = began + seconds(way.spec.serving.startup.timeout) - now
    kept = repair(way.snapshot, way.split(way.given), candidate)
    return replace(way.plan(Reason.STARTING, message), first=kept, look_again=max(left, 1.0))


def _reduced(way: Way, stage: StageStatus, step: Step) -> Plan:
    """Pods were lost under traffic: what they carried goes back to stable at once, before it is recorded."""
    candidate, less = way.candidate, way.carried(step.shape)
    pods = given_with(way.snapshot, candidate)
    have = f"{candidate.ready} of {pods} pods of {candidate.model_version} ready"
    message = f"{step.summary}: {have}, so it gets {less} of the requests instead of {step.shape}"
    traffic = intent(step.shape, pods).model_copy(update={"reduced": less.weight})
    told = way.snapshot.rollout.status.traffic
    news = told is None or told.reduced != less.weight
    return replace(
        way.plan(Reason.WAITING_FOR_CAPACITY, message, stage=_unseen(stage), traffic=traffic),
        first=repair(way.snapshot, way.split(step.shape), candidate),
        events=(Event(Reason.WAITING_FOR_CAPACITY, message, warning=True),) if news else (),
        proven=False,
    )


def _unseen(stage: StageStatus) -> StageStatus:
    """The stage with everything still to be proven."""
    return stage.model_copy(update={"acknowledged_at": None, "proven_at": None})


def _rewritten(way: Way, stage: StageStatus, step: Step) -> Plan:
    """The route says something else than the stage gives: somebody changed it, or lost pods are back."""
    kept = repair(way.snapshot, way.split(step.shape), way.candidate)
    if not kept:
        waits = f"{step.summary}: the route is not what it should be; it waits for metrics"
        return replace(way.plan(Reason.METRICS_UNAVAILABLE, waits), look_again=5.0)
    traffic = way.snapshot.rollout.status.traffic
    if traffic is None or traffic.reduced is None:
        message = f"{step.summary}: the route is not what it should be"
        return replace(way.plan(Reason.SHIFTING, message), first=kept, look_again=5.0)
    have = f"{way.candidate.ready} pods of {way.candidate.model_version} are ready again"
    message = f"{step.summary}: {have}, and it is to get {step.shape} of the requests"
    again = {"stage": _unseen(stage), "traffic": intent(step.shape, way.needs)}
    told = (Event(Reason.SHIFTING, message),)
    return replace(way.plan(Reason.SHIFTING, message, **again), first=kept, events=told, look_again=5.0)


def _watch(way: Way, stage: StageStatus, step: Step, look: Look) -> Plan:
    """The weight was asked for: repair, acknowledge, prove, judge, and only then go on."""
    snapshot = way.snapshot
    wanted = way.split(step.shape)
    if snapshot.route is None or not is_live(render(snapshot.rollout, wanted, snapshot.route), snapshot.route):
        return _rewritten(way, stage, step)
    waiting = unacknowledged(snapshot.rollout, snapshot.route)
    if waiting:
        return way.plan(Reason.WAITING_FOR_GATEWAY, f"{step.summary}: {waiting}")
    if step.shape.is_all:
        return _promote(way)
    taken = stage.acknowledged_at or stamp(snapshot.now)
    place = {"index": step.index, "summary": step.summary}  # which the same stage may have changed
    return _judge(way, stage.model_copy(update={"acknowledged_at": taken, **place}), step, look)


def _share(way: Way, stage: StageStatus, shape: Shape) -> Share:
    """The split as the pods' own counters show it since the acknowledgement, if it can be known what to expect."""
    evidence = way.snapshot.evidence
    if not shape.expected:
        return Share(True, None, 0, 0.0)
    if evidence is None or not is_fresh(evidence, way.snapshot.now):
        return UNSEEN
    read = (evidence.metrics.get(metric.name, Counters()) for metric in way.spec.analysis.metrics)
    counters = next((one for one in read if all_requests(one)), Counters())
    since = moment(stage.acknowledged_at or stage.entered_at)
    arms = (way.stable.revision, way.candidate.revision)
    return observe_share(counters, *arms, shape.expected, since, evidence.read_at)


def _judge(way: Way, stage: StageStatus, step: Step, look: Look) -> Plan:
    """Prove the share, then read the verdict, then look at the clock."""
    snapshot, share = way.snapshot, _share(way, stage, step.shape)
    newly = share.agrees is True and stage.proven_at is None
    if newly:
        stage = stage.model_copy(update={"proven_at": stamp(snapshot.now)})
    judged, observed = _shown(way, stage, look, share)
    seen = {"acknowledged": step.shape.weight, "observed": observed}
    changes = {"stage": stage, "traffic": intent(step.shape, way.needs).model_copy(update=seen), "analysis": judged}
    if stage.proven_at is None or _contradicted(look, share):
        reason, message = _unproven(stage, step, judged, look, observed)
        return replace(way.plan(reason, message, **changes), proven=False)
    told = f"{observed} of the requests reach the candidate" if observed else f"the candidate gets {step.shape}"
    events = (Event(Reason.PROVEN, f"{step.summary}: {told}"),) if newly else ()
    lasted = snapshot.now - moment(stage.proven_at)
    on = onward(way, step, look, lasted)
    if on is not None:
        if on.situation.reason is not Reason.SHIFTING:  # it has to wait, maybe for long: what is seen meanwhile is kept
            on = replace(on, status=on.status.model_copy(update=changes))
        return replace(on, events=(*events, *on.events), proven=True)
    reason, message = _holding(way, step, judged, look, lasted)
    plan = way.plan(reason, message, **changes)
    deadlines = [end - lasted for end in (step.least, step.most) if lasted < end < inf]
    return replace(plan, events=events, proven=True, look_again=max(min(deadlines), 0.1) if deadlines else None)


def _contradicted(look: Look, share: Share) -> bool:
    """Whether requests show another split than was proven. An arm that is not seen at all is missing data instead."""
    return look.judgement.why == "Mismatch" or (share.agrees is False and look.judgement.why != "NoData")


def _shown(way: Way, stage: StageStatus, look: Look, share: Share) -> tuple[AnalysisStatus, str | None]:
    """The figures to record. They change with every scrape; while the verdict stays they are renewed after a tenth of
    the stage's age, at least each minute, so that a stage held for days does not write for days."""
    known, traffic, now = way.snapshot.rollout.status.analysis, way.snapshot.rollout.status.traffic, way.snapshot.now
    observed = None if share.observed is None else f"{share.observed:.1%}"
    pause = min(max((now - moment(stage.entered_at)) / 10, 1.0), 60.0)
    if known is None or traffic is None or traffic.acknowledged is None or now - moment(known.at) >= pause:
        return look.told(), observed
    if gist(known) != look.gist:
        return look.told(), observed
    return known, traffic.observed or observed


def _unproven(
    stage: StageStatus, step: Step, judged: AnalysisStatus, look: Look, observed: str | None
) -> tuple[Reason, str]:
    """Why the stage's clock does not run."""
    if look.trouble:
        return Reason.METRICS_UNAVAILABLE, f"{step.summary}: {judged.explanation}"
    if look.judgement.why == "Mismatch":
        return Reason.UNPROVEN, f"{step.summary}: {judged.explanation}"
    seen = f"{observed} observed" if observed else "too few requests so far to see it"
    message = f"{step.summary}: {step.shape} asked for, {seen}"
    return (Reason.UNPROVEN if stage.proven_at else Reason.SHIFTING), message


_HOLDS = {"NoData": Reason.NO_DATA, "Invalid": Reason.METRIC_INVALID, "Shock": Reason.SHOCK}


def _holding(way: Way, step: Step, judged: AnalysisStatus, look: Look, lasted: float) -> tuple[Reason, str]:
    """Why a proven stage does not go on yet."""
    said = judged.explanation
    if way.spec.suspend:
        return Reason.SUSPENDED, f"{step.summary}: suspended; {said}"
    if step.gated:
        return Reason.WAITING_FOR_PEOPLE, f"{step.summary}: waits for `crossfade.dev/advance`; {said}"
    if look.judgement.overall == "Hold":
        reason = Reason.METRICS_UNAVAILABLE if look.trouble else _HOLDS[look.judgement.why]
        return reason, f"{step.summary}: {said}"
    if lasted >= step.most and look.judgement.overall == "Continue":
        return Reason.INCONCLUSIVE, f"{step.summary}: {inconclusive(look)}"
    until = way.snapshot.now + step.least - lasted
    rest = f" The stage lasts until {clock(until)} at least." if lasted < step.least else ""
    return Reason.ANALYSING, f"{step.summary}: {said}{rest}"


def _promote(way: Way) -> Plan:
    """Every parent serves the candidate alone: it is the stable version now. No pod restarts, no selector moves."""
    message = f"{way.candidate.model_version} was promoted over {way.stable.model_version} and serves all requests"
    end = outcome(way.snapshot, way.candidate, "Promoted", "StagesPassed", message)
    return Plan(
        status=ended(way.snapshot.rollout.status, resting(way.snapshot, way.candidate), end),
        situation=Situation(Standing.DONE, Reason.PROMOTED, message),
        events=(Event(Reason.PROMOTED, message),),
        available=True,
        look_again=0.0,
    )
