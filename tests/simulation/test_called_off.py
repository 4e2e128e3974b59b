"""Catches aborts of what is asked for and not under way yet that are used up, and then it goes out after all; and those
that take more away than was meant."""

from collections.abc import Callable

import pytest
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.decide.rollout import plan_rollout

from tests.simulation.cases.pods import of
from tests.simulation.cases.story import Story, at, gate, ladder, promoted, says, taken_back, weight
from tests.simulation.cases.theirs import Adopted
from tests.simulation.invariants import watched
from tests.simulation.test_edits import blind
from tests.simulation.test_orders import aborted, handled


def half(*, serves: Story | None = None) -> Story:
    """v2 has half of v1's requests, and waits for people."""
    story = serves or Story()
    watched(story)
    story.reaches(promoted)
    story.failed_by_route = 0.0  # before the first version served
    story.asks("v2", weight(50), gate())
    return story.reaches(at("sign-off"))


def clearing(story: Story) -> None:
    story.ask("v3")
    story.reaches(lambda one: one.plan is not None and one.plan.situation.message.startswith("v3 starts when the pods"))


def refused(story: Story) -> None:
    story.order("abort", "first")
    story.reaches(taken_back).rests(30)
    story.gateway.absent = "it does not exist"
    story.ask("v3")
    story.reaches(says("WaitingForGateway"))


def unresolved(story: Story) -> None:
    story.order("abort", "first")
    story.reaches(taken_back).rests(30)
    story.versions.discard("v3")
    story.ask("v3")
    story.reaches(says("WaitingForModelVersion"))


def superseding(story: Story) -> None:
    story.ask("v3")


def superseding_unresolved(story: Story) -> None:
    story.versions.discard("v3")
    story.ask("v3")
    story.reaches(says("WaitingForModelVersion"))


def mended(story: Story) -> None:
    story.gateway.absent = ""
    story.versions.add("v3")


BEFORE = [clearing, refused, unresolved, superseding, superseding_unresolved]


@pytest.mark.parametrize("suspended", [False, True])
@pytest.mark.parametrize("before", BEFORE)
def test_what_is_aborted_before_anything_of_it_is_there_does_not_go_out(
    before: Callable[[Story], None], suspended: bool
) -> None:
    story = half()
    before(story)
    story.edit(suspend=suspended)
    story.order("abort", "stop", reason="v3 must not go out")
    story.rests(5)
    mended(story)
    story.edit(suspend=False)
    story.rests(100)
    assert story.shares[-1] == 0, story.transcript()
    assert {one.arm[0] for one in story.revisions.values()} == {"v1"}
    end = story.status.outcome
    assert end is not None
    assert (end.model_version, end.result, end.message) == (
        "v3",
        "Aborted",
        "v3 was aborted by ann: v3 must not go out",
    )
    assert handled(story, "abort") == ("Obeyed", "ann", end.message)
    assert story.plan is not None
    assert (story.plan.situation.standing, story.plan.situation.message) == ("Failed", end.message)
    assert [one.model_version for one in story.status.history].count("v3") == 1


@pytest.mark.parametrize("before", [clearing, refused, superseding])
def test_where_it_is_known_what_is_asked_for_an_abort_of_it_waits_for_nothing(before: Callable[[Story], None]) -> None:
    story = half()
    before(story)
    story.order("abort", "stop")
    story.rests(0.5)
    assert story.status.outcome is not None
    assert (story.status.outcome.model_version, aborted(story)) == ("v3", True), story.transcript()
    assert story.served_by() == {story.revision("v1"): 100}


@pytest.mark.parametrize("asks", ["retry", "another version", "an edit"])
def test_what_was_aborted_before_it_began_is_tried_when_somebody_asks_again(asks: str) -> None:
    story = half()
    clearing(story)
    story.order("abort", "stop")
    story.reaches(taken_back).rests(30)
    if asks == "retry":
        story.order("retry")
    elif asks == "an edit":
        story.edit(strategy=ladder(weight(20), gate()))
    else:
        story.versions.add("v4")
        story.ask("v4")
    story.reaches(at("sign-off"))
    assert story.share(story.spec["modelVersion"]) > 0


def test_an_abort_waits_until_it_is_known_what_is_asked_for_and_says_so() -> None:
    story = half()
    unresolved(story)
    story.order("abort", "stop", reason="the features are late")
    story.rests(20)
    assert handled(story, "abort")[2] == "v2 was aborted by ann"
    assert story.plan is not None
    assert story.plan.situation.message == (
        "ModelVersion v3 does not exist in this namespace; what is asked for is aborted as soon as it is known, by ann:"
        " the features are late"
    )
    story.ask("v1")
    story.rests(5)
    assert handled(story, "abort")[0] == "Idle"
    mended(story)
    story.ask("v3")
    story.reaches(at("sign-off"))


def test_an_abort_is_of_nothing_while_the_spec_names_the_stable_version_that_nobody_registers_any_more() -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    story.happens("its ModelVersion is tidied away", versions={"v2"})
    story.order("abort")
    story.rests(5)
    assert handled(story, "abort")[0] == "Idle"
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))


def test_an_abort_that_is_taken_away_while_it_waits_aborts_nothing() -> None:
    story = half()
    unresolved(story)
    story.order("abort", "stop")
    story.rests(5)
    del story.orders["abort"]
    mended(story)
    story.reaches(at("sign-off"))


def test_who_aborts_while_a_third_version_is_asked_for_wants_neither() -> None:
    story = half()
    superseding(story)
    story.order("abort", "stop")
    story.rests(0.5)
    ends = [(one.model_version, one.result) for one in story.status.history[:2]]
    assert ends == [("v3", "Aborted"), ("v2", "Aborted")], story.transcript()
    story.rests(100)
    assert {one.arm[0] for one in story.revisions.values()} == {"v1"}


def test_an_abort_while_the_stable_version_is_asked_for_again_is_of_the_candidate_alone() -> None:
    story = half()
    story.ask("v1")
    story.order("abort", "stop")
    story.rests(30)
    assert handled(story, "abort")[0] == "Obeyed"
    assert [one.model_version for one in story.status.history] == ["v2", "v1"]
    assert story.plan is not None
    assert story.plan.situation.reason == "Promoted"


def test_an_abort_lets_the_way_back_go_on_that_is_asked_for_meanwhile() -> None:
    """Both are about the candidate; what served before would lose its place by being aborted."""
    story = half()
    story.edit(strategy=ladder(weight(50), gate(), rollbackWindow={"revisions": 2}))
    story.order("advance")
    story.reaches(promoted).rests(15)
    story.ask("v3")
    story.reaches(at("sign-off"))
    story.ask("v1")
    story.order("abort", "stop")
    story.reaches(promoted)
    assert [(one.model_version, one.result) for one in story.status.history[:2]] == [
        ("v1", "FastRolledBack"),
        ("v3", "Aborted"),
    ]
    assert handled(story, "abort")[0] == "Obeyed"


def test_an_abort_when_nothing_else_is_under_way_is_of_the_way_back_itself() -> None:
    story = half()
    story.edit(strategy=ladder(weight(50), gate(), rollbackWindow={"revisions": 2}))
    story.order("advance")
    story.reaches(promoted).rests(15)
    story.versions.discard("v1")
    story.ask("v1")
    story.order("abort", "stop")
    story.rests(5)
    story.versions.add("v1")
    story.rests(30)
    assert story.share("v2") == 100
    assert (story.status.history[0].model_version, aborted(story)) == ("v1", True)


def test_an_abort_of_before_the_status_was_lost_is_of_nothing() -> None:
    """Restored from a backup, say: nobody knows any more that the order was answered."""
    story = half()
    story.order("abort", "old")
    story.reaches(taken_back).rests(30)
    story.status = RolloutStatus()
    story.ask("v3")
    story.reaches(at("sign-off"))
    assert handled(story, "abort")[0] == "Idle"


def test_an_abort_of_the_first_version_is_of_nothing() -> None:
    story = Story(versions=set())
    story.rests(5)
    story.order("abort")
    story.rests(5)
    assert handled(story, "abort")[0] == "Idle"
    story.versions.add("v1")
    story.reaches(promoted)


def test_an_abort_of_a_spec_that_cannot_be_read_waits_until_it_can() -> None:
    story = half()
    story.order("abort", "first")
    story.reaches(taken_back).rests(30)
    story.ask("v3")
    story.order("abort", "stop")
    kept = plan_rollout(blind(story))
    assert all(one.token == "first" for one in kept.status.handled)
    assert "what is asked for is aborted as soon as it is known, by ann" in kept.situation.message
    story.rests(30)
    assert (story.status.history[0].model_version, aborted(story)) == ("v3", True)


@pytest.mark.parametrize("world", [Adopted, lambda: Story(spec=of(4))], ids=["adopted", "pods"])
@pytest.mark.parametrize("before", [clearing, superseding])
def test_it_is_the_same_in_a_route_of_others_and_without_a_gateway(
    world: Callable[[], Story], before: Callable[[Story], None]
) -> None:
    story = half(serves=world())
    before(story)
    story.order("abort", "stop")
    story.rests(100)
    assert (story.status.history[0].model_version, aborted(story)) == ("v3", True)
    assert {one.arm[0] for one in story.revisions.values()} == {"v1"}
    assert story.failed_by_route == 0


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("kill", range(4))
def test_an_abort_before_it_began_is_recorded_once_wherever_the_operator_is_killed(
    kill: int, before: Callable[[Story], None]
) -> None:
    story = half()
    before(story)
    story.order("abort", "stop")
    story.crash_after = kill
    story.rests(5)
    mended(story)
    story.rests(60)
    assert [one.model_version for one in story.status.history].count("v3") == 1, story.transcript()
    assert aborted(story)
    assert {one.arm[0] for one in story.revisions.values()} == {"v1"}
