"""A candidate on its way: pods, then a stage at a time, each one proven live before its clock starts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import AnalysisStatus, Arm, RolloutSpec, StageStatus, TrafficStatus
from crossfade.decide.children import counted, ensure, finalizer, leftovers, removal, scaled
from crossfade.decide.counting import all_requests, is_fresh, spacing
from crossfade.decide.draining import undrained
from crossfade.decide.look import Look, first_look, gist, inconclusive
from crossfade.decide.plan import Action, Event, Plan, Situation, Standing
from crossfade.decide.preflight import problem
from crossfade.decide.records import ended, outcome
from crossfade.decide.routes import is_live, render, split, unacknowledged
from crossfade.decide.settle import repair, route_actions, serves
from crossfade.decide.share import Share, observe_share
from crossfade.decide.stages import Step, step_at, step_within
from crossfade.decide.templates import Source, source_of
from crossfade.model.evidence import Counters, Evidence
from crossfade.model.moments import clock, moment, stamp
from crossfade.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class _Way:
    """What every step of one pass needs."""

    snapshot: Snapshot
    spec: RolloutSpec
    stable: Arm
    candidate: Arm
    look: Look | None

    @property
    def ready(self) -> bool:
        return self.candidate.ready >= self.spec.serving.replicas

    def weights(self, percent: int) -> dict[str, int]:
        return split(self.stable.revision, self.candidate.revision, percent)

    def plan(self, reason: Reason, message: str, **changes: object) -> Plan:
        """Still in progress, with both arms recorded."""
        foresight = self.snapshot.foresight if self.look is None else None
        planned = {"plan": foresight.plan} if foresight else {}
        update = {"stable": self.stable, "candidate": self.candidate, **planned, **changes}
        return Plan(
            status=self.snapshot.rollout.status.model_copy(update=update),
            situation=Situation(Standing.IN_PROGRESS, reason, message),
            available=serves(self.snapshot, self.stable),
        )


def progress(snapshot: Snapshot, stable: Arm, target: Arm, resolved: Resolved, look: Look | None) -> Plan:
    """The next step of a rollout from `stable` to `target`; one step a pass. `look` is None before the first stage."""
    spec = snapshot.rollout.spec
    if spec is None:
        raise ValueError("a rollout needs a readable spec")
    if _must_clear(snapshot, stable, target):
        return _clear(snapshot, stable, target)
    way = _Way(snapshot, spec, counted(snapshot, stable), counted(snapshot, target), look)
    stage = snapshot.rollout.status.stage
    step = step_at(spec, stage.index) if stage else None
    if stage is None or step is None or look is None:
        plan = _enter(way, step_at(spec, 0), 0) if way.ready else _starting(way, 0)
    elif not way.ready:
        plan = _starting(way, _desired(way))
    elif stage.name != step.name or _desired(way) != step.percent:
        plan = _enter(way, step_within(spec, _desired(way)), _desired(way))  # the ladder was edited under our feet
    else:
        plan = _watch(way, stage, step, look)
    foresee = look is None and snapshot.foresight is None and is_fresh(snapshot.evidence, snapshot.now)
    held = (*finalizer(snapshot.rollout, wanted=True), *scaled(snapshot, stable), *_swept(way))
    # who the candidate is must be on record before its first pod: what is not on record is a leftover
    return replace(
        plan,
        first=(*held, *plan.first),
        then=(*ensure(snapshot, spec, target, resolved), *plan.then),
        foresee=foresee,
    )


def _must_clear(snapshot: Snapshot, stable: Arm, target: Arm) -> bool:
    """Whether arms of a rollout that failed or was superseded are still there, the target's own earlier try included.

    An old stable arm is no reason to wait: it drains beside the new candidate.
    """
    status = snapshot.rollout.status
    if status.candidate is not None or (status.outcome is not None and status.outcome.result == "Promoted"):
        return False
    return bool(leftovers(snapshot, [stable.revision]))


def _swept(way: _Way) -> tuple[Action, ...]:
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


def _desired(way: _Way) -> int:
    traffic = way.snapshot.rollout.status.traffic
    return traffic.desired if traffic else 0


def _starting(way: _Way, percent: int) -> Plan:
    """Pods are missing: nothing moves forward, and what was given already stays."""
    candidate, now = way.candidate, way.snapshot.now
    message = f"{candidate.model_version}: {candidate.ready} of {way.spec.serving.replicas} pods ready"
    began = moment(candidate.unready_since) if candidate.unready_since else now
    left = began + seconds(way.spec.serving.startup.timeout) - now
    kept = repair(way.snapshot, way.weights(percent), candidate)
    return replace(way.plan(Reason.STARTING, message), first=kept, look_again=max(left, 1.0))


def _enter(way: _Way, step: Step, percent: int) -> Plan:
    """Ask for the step's weight: intent is recorded first, then the route is written. `percent` is asked for now."""
    snapshot = way.snapshot
    waits = _waits(way, step) if step.percent > percent else None
    if waits is not None:
        held = repair(snapshot, way.weights(percent), way.candidate)
        return replace(way.plan(*waits), first=held, look_again=10.0)
    look = way.look or first_look(snapshot, way.spec, way.candidate, _scrape_interval(way))
    message = f"{step.summary}: {way.candidate.model_version} is to get {step.percent}% of the requests"
    stage = StageStatus(index=step.index, name=step.name, summary=step.summary, entered_at=stamp(snapshot.now))
    changes = {"stage": stage, "traffic": TrafficStatus(desired=step.percent), "analysis": look.told()}
    plan = way.plan(Reason.SHIFTING, message, **changes)
    return replace(
        plan, then=route_actions(snapshot, way.weights(step.percent)), events=(Event(Reason.SHIFTING, message),)
    )


def _waits(way: _Way, step: Step) -> tuple[Reason, str] | None:
    """Why the candidate gets no more requests yet. Before its first one, it must be possible to judge it."""
    evidence = way.snapshot.evidence
    if way.spec.suspend:
        return Reason.SUSPENDED, f"suspended before {step.summary}"
    if way.stable.ready == 0:
        nowhere = f"{way.stable.model_version}, which has no ready pod to go back to"
        return Reason.NOT_SERVING, f"{step.summary} waits for {nowhere}"
    sources = {metric.name: source_of(metric, way.snapshot.templates) for metric in way.spec.analysis.metrics}
    if unknown := [source for source in sources.values() if isinstance(source, str)]:
        return Reason.METRIC_INVALID, f"{step.summary} waits: {'; '.join(unknown)}"
    if evidence is None or not is_fresh(evidence, way.snapshot.now):
        why = evidence.error if evidence and evidence.error else "Prometheus has not answered yet"
        return Reason.METRICS_UNAVAILABLE, f"{step.summary} waits for metrics: {why}"
    if way.look is not None:
        return None
    if problems := list(_problems(way, evidence)):
        return Reason.METRIC_INVALID, f"{step.summary} waits: {'; '.join(problems)}"
    if not _scrape_interval(way):
        return Reason.NO_DATA, f"{step.summary} waits: {way.stable.model_version} was not scraped twice yet"
    if way.snapshot.foresight is None:
        return Reason.PLANNING, f"{step.summary} waits: the past of {way.stable.model_version} is being read"
    return None


def _problems(way: _Way, evidence: Evidence) -> Iterator[str]:
    """What speaks against judging the metrics as they are written, seen by what they say of the stable version."""
    for metric in way.spec.analysis.metrics:
        source, read = source_of(metric, way.snapshot.templates), evidence.metrics.get(metric.name, Counters())
        found = problem(metric, source, read, way.stable.revision) if isinstance(source, Source) else source
        if found is not None:
            yield found


def _scrape_interval(way: _Way) -> float:
    """Seconds between two scrapes of the metric that is scraped least often; 0 when unknown."""
    evidence = way.snapshot.evidence
    return max((spacing(counters) for counters in evidence.metrics.values()), default=0.0) if evidence else 0.0


def _watch(way: _Way, stage: StageStatus, step: Step, look: Look) -> Plan:
    """The weight was asked for: repair, acknowledge, prove, judge, and only then go on."""
    snapshot = way.snapshot
    weights = way.weights(step.percent)
    if snapshot.route is None or not is_live(render(snapshot.rollout, weights, snapshot.route), snapshot.route):
        kept = repair(snapshot, weights, way.candidate)
        reason = Reason.SHIFTING if kept else Reason.METRICS_UNAVAILABLE
        message = f"{step.summary}: the route is not what it should be" + ("" if kept else "; it waits for metrics")
        return replace(way.plan(reason, message), first=kept, look_again=5.0)
    waiting = unacknowledged(snapshot.rollout, snapshot.route)
    if waiting:
        return way.plan(Reason.WAITING_FOR_GATEWAY, f"{step.summary}: {waiting}")
    if step.percent == 100:
        return _promote(way)
    stage = stage.model_copy(update={"acknowledged_at": stage.acknowledged_at or stamp(snapshot.now)})
    return _judge(way, stage, step, look)


def _share(way: _Way, stage: StageStatus, step: Step) -> Share:
    """The split as the pods' own counters show it since the acknowledgement."""
    evidence = way.snapshot.evidence
    if evidence is None or not is_fresh(evidence, way.snapshot.now):
        return Share(None, None, 0, 0.0)
    read = (evidence.metrics.get(metric.name, Counters()) for metric in way.spec.analysis.metrics)
    counters = next((one for one in read if all_requests(one)), Counters())
    since = moment(stage.acknowledged_at or stage.entered_at)
    return observe_share(counters, way.stable.revision, way.candidate.revision, step.percent, since, evidence.read_at)


def _judge(way: _Way, stage: StageStatus, step: Step, look: Look) -> Plan:
    """Prove the share, then read the verdict, then look at the clock."""
    snapshot, share = way.snapshot, _share(way, stage, step)
    newly = share.agrees is True and stage.proven_at is None
    if newly:
        stage = stage.model_copy(update={"proven_at": stamp(snapshot.now)})
    judged, observed = _shown(way, stage, look, share)
    traffic = TrafficStatus(desired=step.percent, acknowledged=step.percent, observed=observed)
    changes = {"stage": stage, "traffic": traffic, "analysis": judged}
    if stage.proven_at is None or _contradicted(look, share):
        reason, message = _unproven(way, stage, step, judged, look, observed)
        return replace(way.plan(reason, message, **changes), proven=False)
    events = (Event(Reason.PROVEN, f"{step.summary}: {observed} of the requests reach the candidate"),) if newly else ()
    lasted = snapshot.now - moment(stage.proven_at)
    on = _onward(way, step, look, lasted)
    if on is not None:
        return replace(on, events=(*events, *on.events), proven=True)
    reason, message = _holding(way, step, judged, look, lasted)
    plan = way.plan(reason, message, **changes)
    deadlines = [end - lasted for end in (step.least, step.most) if lasted < end < inf]
    return replace(plan, events=events, proven=True, look_again=max(min(deadlines), 0.1) if deadlines else None)


def _contradicted(look: Look, share: Share) -> bool:
    """Whether requests show another split than was proven. An arm that is not seen at all is missing data instead."""
    return look.judgement.why == "Mismatch" or (share.agrees is False and look.judgement.why != "NoData")


def _onward(way: _Way, step: Step, look: Look, lasted: float) -> Plan | None:
    """The next stage, when the evidence allows it or the stage says to do without; None to stay."""
    if way.spec.suspend:
        return None
    following = step_at(way.spec, step.index + 1)
    if look.judgement.overall == "Advance" and lasted >= step.least:
        return _enter(way, following, step.percent)
    if look.judgement.overall != "Continue" or lasted < step.most or step.otherwise != "Advance":
        return None
    on = _enter(way, following, step.percent)
    if on.situation.reason is not Reason.SHIFTING:
        return on
    message = f"{on.situation.message}, WITHOUT evidence: of {step.summary}, {inconclusive(look)}"
    told = Event(Reason.INCONCLUSIVE, message, warning=True)
    return replace(on, situation=replace(on.situation, message=message), events=(told, *on.events))


def _shown(way: _Way, stage: StageStatus, look: Look, share: Share) -> tuple[AnalysisStatus, str | None]:
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
    way: _Way, stage: StageStatus, step: Step, judged: AnalysisStatus, look: Look, observed: str | None
) -> tuple[Reason, str]:
    """Why the stage's clock does not run."""
    if look.trouble:
        return Reason.METRICS_UNAVAILABLE, f"{step.summary}: {judged.explanation}"
    if look.judgement.why == "Mismatch":
        return Reason.UNPROVEN, f"{step.summary}: {judged.explanation}"
    seen = f"{observed} observed" if observed else "too few requests so far to see it"
    message = f"{step.summary}: {step.percent}% asked for, {seen}"
    return (Reason.UNPROVEN if stage.proven_at else Reason.SHIFTING), message


_HOLDS = {"NoData": Reason.NO_DATA, "Invalid": Reason.METRIC_INVALID, "Shock": Reason.SHOCK}


def _holding(way: _Way, step: Step, judged: AnalysisStatus, look: Look, lasted: float) -> tuple[Reason, str]:
    """Why a proven stage does not go on yet."""
    said = judged.explanation
    if way.spec.suspend:
        return Reason.SUSPENDED, f"{step.summary}: suspended; {said}"
    if look.judgement.overall == "Hold":
        reason = Reason.METRICS_UNAVAILABLE if look.trouble else _HOLDS[look.judgement.why]
        return reason, f"{step.summary}: {said}"
    if lasted >= step.most and look.judgement.overall == "Continue":
        return Reason.INCONCLUSIVE, f"{step.summary}: {inconclusive(look)}"
    until = way.snapshot.now + step.least - lasted
    rest = f" The stage lasts until {clock(until)} at least." if lasted < step.least else ""
    return Reason.ANALYSING, f"{step.summary}: {said}{rest}"


def _promote(way: _Way) -> Plan:
    """Every parent serves the candidate alone: it is the stable version now. No pod restarts, no selector moves."""
    message = f"{way.candidate.model_version} was promoted over {way.stable.model_version} and serves all requests"
    end = outcome(way.snapshot, way.candidate, "Promoted", "StagesPassed", message)
    return Plan(
        status=ended(way.snapshot.rollout.status, way.candidate, end),
        situation=Situation(Standing.DONE, Reason.PROMOTED, message),
        events=(Event(Reason.PROMOTED, message),),
        available=True,
        look_again=0.0,
    )
