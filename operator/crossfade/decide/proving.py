"""A stage whose weight every gateway has taken: prove the share, read the verdict, look at the clock."""

from dataclasses import replace
from math import inf

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import AnalysisStatus, StageStatus
from crossfade.decide.apportion import by_pods
from crossfade.decide.counting import all_requests, is_fresh
from crossfade.decide.look import Look, gist, inconclusive
from crossfade.decide.onward import onward
from crossfade.decide.plan import Event, Plan
from crossfade.decide.shapes import Shape
from crossfade.decide.share import UNSEEN, Share, observe_share
from crossfade.decide.stages import Step
from crossfade.decide.way import Way
from crossfade.model.evidence import Counters
from crossfade.model.moments import clock, moment, stamp


def unseen(stage: StageStatus) -> StageStatus:
    """The stage with everything still to be proven."""
    return stage.model_copy(update={"acknowledged_at": None, "proven_at": None})


def judge(way: Way, stage: StageStatus, step: Step, look: Look) -> Plan:
    """Prove the share, then read the verdict, then look at the clock."""
    snapshot, share = way.snapshot, _share(way, stage, step.shape)
    newly = share.agrees is True and stage.proven_at is None
    if newly:
        stage = stage.model_copy(update={"proven_at": stamp(snapshot.now)})
    judged, observed = _shown(way, stage, look, share)
    seen = {"acknowledged": step.shape.weight, "observed": observed}
    changes = {"stage": stage, "traffic": way.intent(step.shape, way.needs).model_copy(update=seen), "analysis": judged}
    if stage.proven_at is None or _contradicted(look, share):
        reason, message = _unproven(way, stage, step, judged, look, observed)
        return replace(way.plan(reason, message, **changes), proven=False)
    told = (
        f"{observed} of the requests reach the candidate" if observed else f"the candidate gets {way.told(step.shape)}"
    )
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


def _share(way: Way, stage: StageStatus, shape: Shape) -> Share:
    """The split as the pods' own counters show it since the acknowledgement, if it can be known what to expect."""
    evidence = way.snapshot.evidence
    if not shape.expected:
        return Share(True, None, 0, 0.0)
    expected, check = way.expected(shape), way.spec.analysis.traffic_check
    if evidence is None or not is_fresh(evidence, way.snapshot.now):
        return UNSEEN
    read = (evidence.metrics.get(metric.name, Counters()) for metric in way.spec.analysis.metrics)
    counters = next((one for one in read if all_requests(one)), Counters())
    since = moment(stage.acknowledged_at or stage.entered_at)
    arms = (way.stable.revision, way.candidate.revision)
    if by_pods(way.spec):  # connections are spread, so requests less evenly: as evenly as the user says they must be
        return observe_share(counters, *arms, expected, since, evidence.read_at, check.tolerance / 100)
    return observe_share(counters, *arms, expected, since, evidence.read_at)


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
    way: Way, stage: StageStatus, step: Step, judged: AnalysisStatus, look: Look, observed: str | None
) -> tuple[Reason, str]:
    """Why the stage's clock does not run."""
    if look.trouble:
        return Reason.METRICS_UNAVAILABLE, f"{step.summary}: {judged.explanation}"
    if look.judgement.why == "Mismatch":
        return Reason.UNPROVEN, f"{step.summary}: {judged.explanation}"
    seen = f"{observed} observed" if observed else "too few requests so far to see it"
    asked = way.told(step.shape) if by_pods(way.spec) else step.shape
    message = f"{step.summary}: {asked} asked for, {seen}"
    if by_pods(way.spec) and observed:
        message += "; connections are spread and not requests, and open ones stay with their pod"
    return (Reason.UNPROVEN if stage.proven_at else Reason.SHIFTING), message


_HOLDS = {"NoData": Reason.NO_DATA, "Invalid": Reason.METRIC_INVALID, "Shock": Reason.SHOCK}


def _holding(way: Way, step: Step, judged: AnalysisStatus, look: Look, lasted: float) -> tuple[Reason, str]:
    """Why a proven stage does not go on yet."""
    said = judged.explanation
    if (frozen := way.frozen) is not None:
        return frozen[0], f"{step.summary}: {frozen[1]}; {said}"
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
