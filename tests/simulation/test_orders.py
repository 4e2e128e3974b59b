"""Catches orders that act twice, late, on something else, or not at all, and aborts that have to wait for anything."""

from typing import Any

import pytest

from tests.simulation.cases.story import Story, gate, taken_back, weight
from tests.simulation.test_stages import asking, at, revision, transcript
from tests.simulation.world import World, promoted, reached

TEN = {"name": "ten", "weight": 10}
HALF = {"name": "half", "weight": 50}


def handled(world: World, verb: str) -> tuple[str, str, str]:
    found = next(one for one in world.status.handled if one.verb == verb)
    return found.effect, found.by, found.message


def aborted(world: World) -> bool:
    end = world.status.outcome
    return end is not None and end.result == "Aborted"


@pytest.mark.parametrize("suspended", [False, True])
def test_an_abort_takes_all_traffic_back_in_one_look_suspended_or_not(suspended: bool) -> None:
    """Case B1: within a second of the command."""
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    world.edit(suspend=suspended)
    world.run(2)
    world.order("abort", "a1", reason="the features are late")
    world.run(0.5)
    assert reached(world.route) == {revision(world, "v1")}
    end = world.status.outcome
    assert end is not None
    assert (end.result, end.cause) == ("Aborted", "Aborted")
    assert end.message == "v2 was aborted by ann: the features are late"
    assert handled(world, "abort") == ("Obeyed", "ann", end.message)


def test_an_abort_sticks_until_somebody_asks_again() -> None:
    """Case B7. GitOps properties 6 and 7."""
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    world.order("abort")
    world.run(120)
    assert aborted(world)
    assert world.share("v2") == 0
    assert set(world.revisions) == {revision(world, "v1")}
    world.order("retry", by="bob")
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)
    assert handled(world, "retry")[:2] == ("Obeyed", "bob")


def test_an_abort_of_nothing_changes_nothing_and_is_not_kept_for_later() -> None:
    """Case B3: a rollout that rests stays as it is, and the next one is not aborted by an old word."""
    world = asking(TEN)
    world.run(200, until=promoted)
    world.run(30)
    world.order("abort", "old")
    world.run(5)
    assert promoted(world)
    assert handled(world, "abort")[0] == "Idle"
    world.ask("v3")
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)


def test_an_abort_without_metrics_does_not_wait_for_them() -> None:
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    world.prometheus_up = False
    world.order("abort")
    world.run(0.5)
    assert aborted(world)
    assert world.share("v1") == 100


def test_an_abort_waits_only_for_somebody_to_answer() -> None:
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    stable = revision(world, "v1")
    world.dead.add(stable)
    world.order("abort")
    world.run(3)
    assert not aborted(world)
    assert all(one.verb != "abort" for one in world.status.handled)
    world.dead.clear()
    world.run(1)
    assert aborted(world)


def test_advance_does_not_cut_a_stage_short_that_is_being_judged() -> None:
    world = asking({"name": "ten", "weight": 10, "minDuration": "60s"}, HALF)
    world.run(60, until=at("ten"))
    world.order("advance")
    world.run(10)
    assert at("ten")(world)
    assert handled(world, "advance")[0] == "Idle"


def test_advance_passes_a_stage_that_ended_undecided() -> None:
    """Case D4: inconclusive waits for a person, and for nothing else."""
    world = asking({"name": "ten", "weight": 10, "maxDuration": "30s"}, HALF, rate=3.0)
    world.run(300)
    assert at("ten")(world)
    assert "maxDuration is over" in transcript(world)
    world.order("advance", reason="good enough for us")
    world.run(30, until=at("half", proven=False))
    assert world.share("v2") == 50
    assert handled(world, "advance")[2] == "1/2 ten was passed by ann: good enough for us"


def test_one_token_passes_one_gate() -> None:
    gate = {"name": "one", "gate": "Manual"}
    world = asking(TEN, gate, HALF, {"name": "two", "gate": "Manual"})
    world.run(200, until=at("one"))
    world.order("advance", "t1")
    world.run(200)
    assert at("two")(world), transcript(world)
    world.order("advance", "t2")
    world.run(60, until=promoted)
    assert promoted(world)


def test_a_token_given_before_the_gate_does_not_open_it() -> None:
    world = asking({"name": "ten", "weight": 10, "minDuration": "30s"}, {"name": "sign-off", "gate": "Manual"}, HALF)
    world.run(60, until=at("ten"))
    world.order("advance", "early")
    world.run(200)
    assert at("sign-off")(world), transcript(world)


def test_an_order_given_while_suspended_acts_when_that_is_over() -> None:
    world = asking(TEN, {"name": "sign-off", "gate": "Manual"}, HALF)
    world.run(200, until=at("sign-off"))
    world.edit(suspend=True)
    world.run(1)
    world.order("advance")
    world.run(20)
    assert at("sign-off")(world)
    assert all(one.verb != "advance" for one in world.status.handled)
    world.edit(suspend=False)
    world.run(10, until=at("half", proven=False))
    assert at("half", proven=False)(world)


def test_skip_stage_goes_on_without_evidence_and_says_so_and_by_whom() -> None:
    world = asking({"name": "ten", "weight": 10, "minDuration": "10m"}, HALF)
    world.run(60, until=at("ten"))
    world.order("skip-stage", by="ann", reason="tried on staging")
    world.run(1)
    assert world.share("v2") == 50
    assert "WITHOUT the evidence of 1/2 ten, skipped by ann: tried on staging" in transcript(world)
    assert handled(world, "skip-stage")[:2] == ("Obeyed", "ann")


def test_skip_stage_still_waits_for_metrics() -> None:
    world = asking({"name": "ten", "weight": 10, "minDuration": "10m"}, HALF)
    world.run(60, until=at("ten"))
    world.prometheus_up = False
    world.run(2)
    world.order("skip-stage")
    world.run(10)
    assert world.share("v2") == 10
    world.prometheus_up = True
    world.run(5)
    assert world.share("v2") == 50


@pytest.mark.parametrize("knobs", [{"dead": {"v1"}}, {"prometheus_up": False}, {}], ids=["stable", "metrics", "none"])
def test_skip_stage_holds_up_no_promotion_when_nothing_is_left_to_skip(knobs: dict[str, Any]) -> None:
    world = asking(TEN, ack_seconds=5.0)
    world.run(200, until=lambda one: one.share("v2") == 100)
    for name, value in knobs.items():
        setattr(world, name, {revision(world, one) for one in value} if name == "dead" else value)
    world.order("skip-stage")
    world.run(60, until=promoted)
    assert promoted(world), transcript(world)
    assert handled(world, "skip-stage")[0] == "Idle"


def test_skipping_the_last_stage_of_a_version_that_is_worse_promotes_nothing() -> None:
    world = asking(TEN, error_rate={"v2": 0.4})
    world.run(60, until=at("ten", proven=False))
    world.run(200, until=lambda one: one.status.outcome is not None and one.status.outcome.result == "RolledBack")
    world.order("skip-stage")
    world.run(60)
    assert world.share("v2") == 0


def signed_off() -> Story:
    """v2 has half of v1's requests, and waits for people."""
    story = Story().reaches(promoted)
    story.asks("v2", weight(50), gate())
    return story.reaches(at("sign-off"))


def test_a_token_that_was_answered_before_orders_nothing_when_it_comes_again() -> None:
    """Such as by a revert in Git."""
    story = signed_off()
    for token in ("1", "2"):
        story.order("abort", token)
        story.reaches(taken_back).rests(20)
        story.order("retry", token)
        story.reaches(at("sign-off"))
    story.order("abort", "1")
    story.rests(20)
    assert at("sign-off")(story), story.transcript()
    story.order("abort", "3")
    story.reaches(taken_back)
    assert {one.verb: (one.token, one.earlier) for one in story.status.handled} == {
        "abort": ("3", ["2", "1"]),
        "retry": ("2", ["1"]),
    }
    story.order("retry", "1")
    story.rests(60)
    assert taken_back(story), "tried again by an old word"


def test_a_token_of_before_has_nothing_written_at_any_look() -> None:
    story = Story().reaches(promoted)
    for token in ("1", "2"):
        story.order("abort", token)
        story.rests(5)
    writes = story.writes
    story.order("abort", "1")
    story.rests(60)
    assert story.writes == writes


def test_a_retry_that_was_taken_away_is_the_same_word_when_it_comes_again() -> None:
    story = signed_off()
    story.order("abort", "1")
    story.reaches(taken_back).rests(20)
    story.order("retry", "1")
    story.reaches(at("sign-off"))
    del story.orders["retry"]
    story.order("abort", "2")
    story.reaches(taken_back).rests(20)
    story.order("retry", "1")
    story.rests(60)
    assert taken_back(story), story.transcript()


def test_the_last_ten_tokens_before_are_remembered() -> None:
    story = Story().reaches(promoted)
    for token in range(13):
        story.order("abort", str(token))
        story.rests(0.5)
    (done,) = story.status.handled
    assert (done.token, done.earlier) == ("12", [str(token) for token in reversed(range(2, 12))])


@pytest.mark.matrix
@pytest.mark.parametrize("verb", ["abort", "advance", "skip-stage"])
def test_an_order_acts_once_however_often_the_operator_is_killed(verb: str) -> None:
    for kill in range(8):
        world = asking(TEN, {"name": "one", "gate": "Manual"}, HALF, {"name": "two", "gate": "Manual"})
        world.run(200, until=at("one"))
        world.order(verb, "t1")  # type: ignore[arg-type]
        world.crash_after = kill
        world.run(150)
        if verb == "abort":
            assert aborted(world)
            assert world.share("v2") == 0
        else:
            assert at("two")(world), f"killed after {kill} writes:\n{transcript(world)}"
        assert [one.verb for one in world.status.handled] == [verb]
