"""Would catch a proof that is taken back too soon, or never; and a standstill that forgets since when it is one."""

from dataclasses import replace
from typing import Any

import pytest
from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import StageStatus
from crossfade.decide.disputed import PATIENCE_SECONDS, disputed, given_up, patience, standstill
from crossfade.decide.look import Look, look_at
from crossfade.decide.plan import Event, Plan, Situation, Standing
from crossfade.decide.share import Share
from crossfade.decide.way import Way
from crossfade.model.moments import moment, stamp
from crossfade.status.conditions import conditions

from tests.simulation.cases.story import at, gate, weight
from tests.simulation.test_proof import asked

RIGHT, WRONG, SILENT = Share(True, 0.5, 400, 15.0), Share(False, 0.8, 400, 15.0), Share(None, None, 3, 15.0)
STUCK = Situation(Standing.FAILED, Reason.UNPROVEN, "w50: 80 % observed")
GRACE = 60.0


@pytest.fixture(scope="module")
def way() -> Way:
    """A second version that is seen to have its half, half an hour later."""
    story = asked(weight(50, minDuration="1h"), gate()).reaches(at("w50"))
    seen = story.snapshot()
    status = seen.rollout.status
    assert status.stable is not None
    assert status.candidate is not None
    assert seen.rollout.spec is not None
    seen = replace(seen, now=seen.now + 1800)
    return Way(seen, seen.rollout.spec, status.stable, status.candidate, look_at(seen))


def stage_of(way: Way, **seconds_ago: float) -> StageStatus:
    """The stage, proven, with these of its moments so long ago."""
    stage = way.snapshot.rollout.status.stage
    assert stage is not None
    assert stage.proven_at
    return stage.model_copy(update={name: stamp(way.snapshot.now - ago) for name, ago in seconds_ago.items()})


def look_of(way: Way, why: Any) -> Look:
    """What the judge says."""
    assert way.look is not None
    return replace(way.look, judgement=replace(way.look.judgement, why=why))


def since(way: Way, stage: StageStatus) -> float | None:
    """For how many seconds it is contradicted."""
    return way.snapshot.now - moment(stage.contradicted_at) if stage.contradicted_at else None


@pytest.mark.parametrize(("why", "share"), [("Mismatch", SILENT), ("Mismatch", RIGHT), ("Undecided", WRONG)])
def test_a_contradiction_begins_after_the_grace_and_takes_no_proof_back_at_once(
    way: Way, why: str, share: Share
) -> None:
    look = look_of(way, why)
    early = stage_of(way, acknowledged_at=GRACE - 1)
    assert disputed(way, early, look, share) == early
    late = disputed(way, stage_of(way, acknowledged_at=GRACE), look, share)
    assert (since(way, late), late.proven_at) == (0.0, early.proven_at)


def test_the_grace_of_a_stage_that_needs_no_acknowledgement_counts_from_its_beginning(way: Way) -> None:
    stage = stage_of(way, entered_at=GRACE - 1).model_copy(update={"acknowledged_at": None})
    assert disputed(way, stage, look_of(way, "Undecided"), WRONG) == stage


@pytest.mark.parametrize(("why", "share"), [("Mismatch", SILENT), ("Undecided", WRONG)])
def test_since_when_it_is_contradicted_stays(way: Way, why: str, share: Share) -> None:
    """Also where the grace begins anew, as by a route that was repaired."""
    stage = stage_of(way, acknowledged_at=1.0, contradicted_at=7.0)
    assert since(way, disputed(way, stage, look_of(way, why), share)) == 7.0


@pytest.mark.parametrize(
    ("why", "share", "scrapes", "stays"),
    [("Mismatch", SILENT, 2.9, True), ("Mismatch", SILENT, 3.0, False), ("Undecided", WRONG, 30.0, True)],
)
def test_the_judge_alone_takes_the_proof_back_and_not_for_a_torn_scrape(
    way: Way, why: str, share: Share, scrapes: float, stays: bool
) -> None:
    look = look_of(way, why)
    stage = stage_of(way, contradicted_at=scrapes * look.rules.step)
    assert disputed(way, stage, look, share).proven_at == (stage.proven_at if stays else None)


@pytest.mark.parametrize(
    ("why", "share", "over"),
    [("Undecided", RIGHT, True), ("NoData", RIGHT, True), ("Undecided", SILENT, False), ("NoData", WRONG, False)],
)
def test_it_ends_with_requests_that_agree_and_silence_changes_nothing(
    way: Way, why: str, share: Share, over: bool
) -> None:
    """One arm without data is no other split."""
    look, agreed = look_of(way, why), stage_of(way)
    assert disputed(way, agreed, look, share) == agreed
    stage = stage_of(way, contradicted_at=30.0)
    assert disputed(way, stage, look, share) == (agreed if over else stage)


@pytest.mark.parametrize(("ago", "left"), [(0.0, PATIENCE_SECONDS), (PATIENCE_SECONDS - 1, 1.0), (900.0, 0.0)])
def test_it_is_waited_for_and_then_no_longer(way: Way, ago: float, left: float) -> None:
    assert patience(way, stage_of(way)) is None
    assert patience(way, stage_of(way, contradicted_at=ago)) == left


def saying(way: Way, situation: Situation) -> Way:
    """This is what its status says."""
    rollout, now = way.snapshot.rollout, way.snapshot.now
    found = conditions(situation, (), rollout.status.conditions, rollout.generation, now)
    status = rollout.status.model_copy(update={"conditions": found, "observed_generation": rollout.generation})
    return replace(way, snapshot=replace(way.snapshot, rollout=replace(rollout, status=status)))


def test_a_standstill_is_one_while_it_is_contradicted_and_that_is_what_was_said(way: Way) -> None:
    told, contradicted = saying(way, STUCK), stage_of(way, contradicted_at=300.0)
    assert standstill(told, contradicted) == STUCK
    assert standstill(told, stage_of(way)) is None
    assert standstill(saying(way, replace(STUCK, reason=Reason.ROUTE_INVALID)), contradicted) is None
    assert standstill(saying(way, replace(STUCK, standing=Standing.IN_PROGRESS)), contradicted) is None


def test_it_is_told_once_with_what_to_look_at_beside_what_else_is_told(way: Way) -> None:
    other = Event(Reason.ROUTE_REPAIRED, "somebody wrote the route")
    plan = Plan(way.snapshot.rollout.status, replace(STUCK, standing=Standing.IN_PROGRESS), events=(other,))
    new = given_up(plan, None)
    assert new.situation.standing is Standing.FAILED
    assert new.situation.message.startswith("w50: 80 % observed. That lasts for more than 120 s: see what else")
    assert [*new.events] == [other, Event(Reason.UNPROVEN, new.situation.message, warning=True)]
    again = given_up(replace(plan, situation=replace(plan.situation, message="w50: 79 % observed.")), new.situation)
    assert again.situation.message.startswith("w50: 79 % observed. That lasts for more")
    assert again.events == (other,)


def test_what_was_said_of_it_stays_while_nobody_knows_better(way: Way) -> None:
    plan = Plan(way.snapshot.rollout.status, Situation(Standing.IN_PROGRESS, Reason.METRICS_UNAVAILABLE, "w50: gone"))
    assert given_up(plan, STUCK) == replace(plan, situation=STUCK)
    assert given_up(plan, None).situation.reason is Reason.UNPROVEN
