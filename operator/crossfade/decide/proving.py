"""A stage whose weight every gateway has taken: prove the share, read the verdict, look at the clock."""

from dataclasses import replace
from math import inf

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.rollout import AnalysisStatus, StageStatus
from crossfade.decide.apportion import by_pods
from crossfade.decide.counting import all_requests, is_fresh
from crossfade.decide.disputed import disputed, given_up, is_contradicted, patience, standstill
from crossfade.decide.look import Look, gist, inconclusive
from crossfade.decide.onward import onward
from crossfade.decide.plan import Event, Plan
from crossfade.decide.shapes import Shape
from crossfade.decide.share import UNSEEN, Share, observe_share, observe_visits
from crossfade.decide.stages import Step
from crossfade.decide.templates import kinds_of
from crossfade.decide.way import Way
from crossfade.model.evidence import Counters
from crossfade.model.moments import clock, moment, stamp


def unseen(stage: StageStatus) -> StageStatus:
    """The stage with everything still to be proven."""
    return stage.model_copy(update={"acknowledged_at": None, "proven_at": None, "contradicted_at": None})


def judge(way: Way, stage: StageStatus, step: Step, look: Look) -> Plan:
    """Prove the share, then read the verdict, then look at the clock."""
    snapshot, share = way.snapshot, _share(way, step.shape, moment(stage.acknowledged_at or stage.entered_at))
    stage = disputed(way, stage, look, share)
    said, sure = standstill(way, stage), _is_contradicted_anew(way, stage, step.shape)
    # while stable has no pod, who can answers, and that is told elsewhere
    stuck = said is not None or (sure and way.stable.ready > 0 and not patience(way, stage))
    if stuck or sure:
        stage = stage.model_copy(update={"proven_at": None})
    elif patience(way, stage) == 0 and share.agrees is None and look.judgement.why != "Mismatch":
        stage = stage.model_copy(update={"contradicted_at": None})  # it was short, and so few came since as say nothing
    newly = share.agrees is True and stage.proven_at is None and stage.contradicted_at is None
    if newly:
        stage = stage.model_copy(update={"proven_at": stamp(snapshot.now)})
    judged, observed = _shown(way, stage, look, share)
    seen = {"acknowledged": step.shape.weight, "observed": observed}
    changes = {"stage": stage, "traffic": way.intent(step.shape, way.needs).model_copy(update=seen), "analysis": judged}
    if stage.proven_at is None or stage.contradicted_at is not None or is_contradicted(look, share):
        reason, message = _unproven(way, stage, step, judged, look, observed)
        plan = replace(way.plan(reason, message, **changes), proven=False)
        return given_up(plan, said) if stuck else replace(plan, look_again=patience(way, stage) or None)
    events = (Event(Reason.PROVEN, f"{step.summary}: {_seen(way, step.shape, observed)}"),) if newly else ()
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


def _share(way: Way, shape: Shape, since: float) -> Share:
    """The split as the pods' own counters show it after `since` (unix s), or that a cohort comes, as far as it can be
    known what to expect."""
    snapshot, evidence = way.snapshot, way.snapshot.evidence
    if shape.is_nothing or (shape.headers and not _counts_requests(way)):
        return Share(True, None, 0, 0.0)
    if evidence is None or not is_fresh(evidence, snapshot.now):
        return UNSEEN
    read = (evidence.metrics.get(metric.name, Counters()) for metric in way.spec.analysis.metrics)
    counters = next((one for one in read if all_requests(one)), Counters())
    if shape.headers:
        # what comes to the candidate while a later stage's rule is tried, and just after, may be our own
        tried = snapshot.now if snapshot.rehearsal else max((one.at for one in snapshot.rehearsed.values()), default=0)
        return observe_visits(counters, way.candidate.revision, max(since, tried), evidence.read_at)
    expected, check = way.expected(shape), way.spec.analysis.traffic_check
    arms = (way.stable.revision, way.candidate.revision)
    if by_pods(way.spec):  # connections are spread, so requests less evenly: as evenly as the user says they must be
        return observe_share(counters, *arms, expected, since, evidence.read_at, check.tolerance / 100)
    return observe_share(counters, *arms, expected, since, evidence.read_at)


def _counts_requests(way: Way) -> bool:
    """Whether any metric counts all requests, which gauges do not; one whose template is gone may."""
    kinds = kinds_of(way.spec.analysis.metrics, way.snapshot.templates)
    return any(kinds.get(metric.name) != "gauge" for metric in way.spec.analysis.metrics)


def _seen(way: Way, shape: Shape, observed: str | None) -> str:
    """What a stage was proven by."""
    if observed:
        return f"{observed} of the requests reach the candidate"
    unknown = "; no metric counts requests, so nobody knows whether any have come"
    return f"the candidate gets {way.told(shape)}{unknown if shape.headers and not _counts_requests(way) else ''}"


def _is_contradicted_anew(way: Way, stage: StageStatus, shape: Shape) -> bool:
    """Whether the requests since the stage was first contradicted say so as well, all by themselves, and the grace is
    over: a scrape that failed makes another split of the next two or three."""
    if stage.contradicted_at is None:
        return False
    since, grace = moment(stage.contradicted_at), seconds(way.spec.analysis.traffic_check.grace)
    return way.snapshot.now - since >= grace and _share(way, shape, since).agrees is False


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
    if step.shape.headers:
        header = " and ".join(f"{one.name}: {one.value}" for one in step.shape.headers)
        message = f"{step.summary}: no request of the cohort was seen at {way.candidate.model_version} yet"
        return Reason.SHIFTING, f"{message}; send a request with {header}"
    seen = f"{observed} observed" if observed else "too few requests so far to see it"
    asked = way.told(step.shape) if by_pods(way.spec) else step.shape
    message = f"{step.summary}: {asked} asked for, {seen}"
    if by_pods(way.spec) and observed:
        message += "; connections are spread and not requests, and open ones stay with their pod"
    return (Reason.UNPROVEN if stage.proven_at or stage.contradicted_at else Reason.SHIFTING), message


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
