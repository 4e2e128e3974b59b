"""A stage whose requests are seen to be split otherwise: since when, and from when on that is a standstill."""

from dataclasses import replace

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.rollout import StageStatus
from crossfade.decide.look import Look
from crossfade.decide.plan import Event, Plan, Situation, Standing
from crossfade.decide.share import Share
from crossfade.decide.stalled import stalled
from crossfade.decide.way import Way
from crossfade.model.moments import moment, stamp

PATIENCE_SECONDS = 120.0
"""As long as a gateway has to take a route (`overdue.py`)."""
_TORN_SCRAPES = 3
"""A scrape that one arm missed makes another split of this one and the next."""


def disputed(way: Way, stage: StageStatus, look: Look, share: Share) -> StageStatus:
    """The stage with since when requests contradict it: after the grace, and until they agree. Silence changes nothing.

    What the judge is sure of takes the proof back, and with it the clock: its error rate covers every look, but not the
    few that a scrape lasts which one arm has missed.
    """
    since, now = moment(stage.acknowledged_at or stage.entered_at), way.snapshot.now
    if is_contradicted(look, share):
        begins = now >= since + seconds(way.spec.analysis.traffic_check.grace)
        at = stage.contradicted_at or (stamp(now) if begins else None)
        lasts = stage.contradicted_at and now >= moment(stage.contradicted_at) + _TORN_SCRAPES * look.rules.step
        proven = None if look.judgement.why == "Mismatch" and lasts else stage.proven_at
        return stage.model_copy(update={"contradicted_at": at, "proven_at": proven})
    return stage.model_copy(update={"contradicted_at": None}) if share.agrees else stage


def is_contradicted(look: Look, share: Share) -> bool:
    """Whether requests show another split than is asked for. An arm that is not seen at all is missing data instead."""
    return look.judgement.why == "Mismatch" or (share.agrees is False and look.judgement.why != "NoData")


def patience(way: Way, stage: StageStatus) -> float | None:
    """For how many seconds from now a contradiction is only waited for; 0 when not longer, None without any."""
    if stage.contradicted_at is None:
        return None
    return max(moment(stage.contradicted_at) + PATIENCE_SECONDS - way.snapshot.now, 0.0)


def standstill(way: Way, stage: StageStatus) -> Situation | None:
    """What is said of the stage already, if that is that it stands still; it does until requests agree with it."""
    if stage.contradicted_at is None:
        return None
    known, generation = way.snapshot.rollout.status, way.snapshot.rollout.generation
    said = stalled(known.conditions, known.observed_generation, generation)
    return said if said is not None and said.reason is Reason.UNPROVEN else None


def given_up(plan: Plan, said: Situation | None) -> Plan:
    """The plan as a standstill; `said` is how that was told before, when it was. What is given stays."""
    if said is not None and plan.situation.reason is not Reason.UNPROVEN:
        return replace(plan, situation=said)  # metrics are gone, or not read yet: nobody knows better
    message = f"{plan.situation.message.rstrip('.')}. That lasts for more than {PATIENCE_SECONDS:.0f} s: see what else"
    message = f"{message} than the route decides who gets requests, and whether all pods are scraped"
    stuck = Situation(Standing.FAILED, Reason.UNPROVEN, message)
    events = () if said is not None else (Event(stuck.reason, message, warning=True),)
    return replace(plan, situation=stuck, events=(*plan.events, *events))
