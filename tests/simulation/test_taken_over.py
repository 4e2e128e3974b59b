"""Catches a version that keeps, unjudged, what it took over while stable could not answer."""

from dataclasses import replace
from typing import Any

import pytest
from crossfade.model.claim import Rival, Wanted
from crossfade.model.workload import RevisionFacts

from tests.simulation.cases.story import Story, at, gate, promoted, weight
from tests.simulation.cases.ways_back import KEEPING, WINDOW, through
from tests.simulation.invariants import watched
from tests.simulation.routes import reached
from tests.simulation.shop import BLUE, GREEN
from tests.simulation.test_adopted import holding
from tests.simulation.world import SCRAPE, spec

RIVALS = (Rival("HTTPRoute", "web", "shop", Wanted("gateways", "public", "", "PathPrefix", "/")),)


def taken_over(**knobs: Any) -> Story:
    """v2 had 90 %, then stable lost its pods, and v3 was given v2's place."""
    story = Story(**knobs)
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(10), weight(90, minDuration="5m"))
    story.reaches(at("w90"))
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.ask("v3")
    return story.reaches(lambda one: one.share("v3") > one.share("v1")).rests(15)


def cohort_taken_over() -> Story:
    """v2 had a cohort, then stable lost its pods, and v3 was given v2's place."""
    story = Story(cohort_rate=20.0)
    watched(story)
    story.reaches(promoted)
    story.asks("v2", {"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}}, gate())
    story.reaches(at("team"))
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.ask("v3")
    return story.rests(20)


def serves_alone(story: Story, version: str) -> bool:
    """The stored route names nobody else."""
    return {*story.served_by()} == {story.revision(version)}


@pytest.mark.parametrize(
    ("why", "more"),
    [
        ({"suspend": True}, {}),
        ({"suspend": True}, {"traffic": {"replicas": {}}}),
        ({"prometheus_up": False}, {}),
        ({"prometheus_up": False}, {"traffic": {"replicas": {}}}),
        ({"rivals": RIVALS}, {}),
        ({"versions": {"v1", "v2"}}, {}),
    ],
    ids=["suspended", "suspended, by pods", "no metrics", "no metrics, by pods", "a rival", "its ModelVersion is gone"],
)
def test_what_cannot_be_judged_goes_back_to_stable_once_that_is_whole_again(
    why: dict[str, Any], more: dict[str, Any]
) -> None:
    story = taken_over(spec=spec(serving={"replicas": 4}, **more))
    story.failed_by_route = 0.0
    knobs = {**why}
    if knobs.pop("suspend", False):
        story.edit(suspend=True)
    story.happens("the pods of v1 are back", room={}, **knobs)
    story.reaches(lambda one: serves_alone(story, "v1"), within=10.0).rests(5)
    writes = story.writes
    story.rests(60)
    assert serves_alone(story, "v1")
    assert story.writes == writes
    assert story.status.traffic is None
    story.edit(suspend=False)
    story.happens("what was in the way is gone", prometheus_up=True, rivals=(), versions={"v1", "v2", "v3"})
    story.reaches(at("w10")).reaches(at("w90"))


def test_a_cohort_that_was_taken_over_goes_back_too() -> None:
    story = cohort_taken_over()
    assert story.revision("v3") in reached(story.route)
    story.edit(suspend=True)
    story.happens("the pods of v1 are back", room={})
    story.rests(60)
    assert reached(story.route) == {story.revision("v1")}


def test_a_version_that_took_over_and_lacks_a_pod_begins_with_the_stage_that_it_can_carry() -> None:
    story = taken_over()
    story.happens("one pod of v3 is lost, and v1 is back", room={"v3": 1})
    story.reaches(at("w10"), within=10.0)
    assert story.share("v3") == 10


def test_a_version_that_took_over_and_lacks_the_pods_of_the_first_stage_gives_all_back() -> None:
    story = taken_over(spec=spec(serving={"replicas": 4}))
    story.asks("v3", weight(50), weight(90))
    story.happens("three pods of v3 are lost, and v1 is back", room={"v3": 1})
    story.reaches(lambda one: one.share("v1") == 100, within=10.0).rests(10)
    assert story.share("v3") == 0
    story.happens("all can be ready", room={})
    story.reaches(at("w50"))


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_kill_while_it_gives_all_back_leaves_nothing_with_it(writes: int) -> None:
    story = taken_over()
    story.edit(suspend=True)
    story.happens("v1 is back, and the operator is killed", room={}, crash_after=writes)
    story.reaches(lambda one: one.share("v1") == 100, within=10.0).rests(30)
    assert story.share("v3") == 0
    assert not story.status.stage


@pytest.mark.parametrize("writes", [0, 1, 2])
@pytest.mark.parametrize(
    "why",
    [{"suspend": True}, {"prometheus_up": False}, {"rivals": RIVALS}, {}],
    ids=("suspended", "no metrics", "a rival", "nothing, and it is given its first stage"),
)
def test_stable_that_is_lost_again_before_it_had_all_back_takes_nothing_from_who_answers(
    why: dict[str, Any], writes: int
) -> None:
    story = taken_over()
    knobs = {**why}
    if knobs.pop("suspend", False):
        story.edit(suspend=True)
    story.happens("v1 is back, and the operator is killed", room={}, crash_after=writes, **knobs)
    while story.crash_after is not None:
        story.now += SCRAPE / 2
        story._once()
    had = story.share("v3")
    assert had == 90 or writes == 2
    story.happens("no pod of v1 is ready again", room={"v1": 0})
    story.rests(30)
    assert story.share("v3") == had


def test_nor_a_cohort_from_who_alone_answers_it() -> None:
    story = cohort_taken_over()
    story.edit(suspend=True)
    story.happens("v1 is back, and the operator is killed", room={}, crash_after=1)
    while story.crash_after is not None:
        story.now += SCRAPE / 2
        story._once()
    assert story.revision("v3") in reached(story.route)
    story.happens("no pod of v1 is ready again", room={"v1": 0})
    story.rests(30)
    assert story.revision("v3") in reached(story.route)


def test_in_an_adopted_route_too() -> None:
    story = holding()
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.ask("v3")
    story.reaches(lambda one: one.share("v3") == 40).rests(15)
    story.edit(suspend=True)
    story.happens("the pods of v1 are back", room={})
    story.reaches(lambda one: one.share("v1") == 100, within=10.0).rests(60)
    assert story.share("v3") == 0


@pytest.mark.parametrize("slot", [BLUE, GREEN])
def test_a_service_that_is_lost_when_it_goes_back_is_made_again_once(slot: str) -> None:
    story = holding()
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.ask("v3")
    story.reaches(lambda one: one.share("v3") == 40).rests(15)
    story.edit(suspend=True)
    story.happens(f"the pods of v1 are back, and {slot} is deleted", room={}, slots={**story.slots, slot: None})
    story.reaches(lambda one: one.share("v1") == 100, within=10.0).rests(60)
    assert None not in story.slots.values()


def test_who_still_answers_for_a_version_that_is_on_record_already_is_given_a_lost_service_again() -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(50, minDuration="5m"))
    story.reaches(at("w50"))
    story.happens("no pod of v1 is ready, and Prometheus is away", room={"v1": 0}, prometheus_up=False)
    story.ask("v3")
    story.rests(60)
    story.happens("Prometheus is back, and the operator is killed", prometheus_up=True, crash_after=1)
    while story.crash_after is not None:
        story.now += SCRAPE / 2
        story._once()
    assert story.status.candidate is not None
    assert (story.status.candidate.model_version, story.share("v2")) == ("v3", 50)
    story.happens("Prometheus is away again, and somebody deletes the Service of v2", prometheus_up=False)
    story.revisions[story.revision("v2")].service = None
    story.rests(60)
    assert story.share("v2") == 50
    assert story.revision("v2") in story.backends()


def half_by_a_third(few: int, share: int = 50) -> Story:
    """v2 was promoted over v1 and lost its pods when v3 had a share; v1 is asked for, and only a `few` pods of it can
    be ready."""
    story = Story(spec=spec(serving={"replicas": 4}))
    watched(story)
    story.reaches(promoted)
    through(story, "v2")
    story.asks("v3", weight(share, minDuration="10m"), gate(), **WINDOW)
    story.reaches(at(f"w{share}"))
    story.happens("no pod of v2 is ready, and few of v1 can be", room={"v2": 0, "v1": few})
    story.ask("v1")
    return story


def test_the_version_before_does_not_wait_for_pods_that_never_come_when_it_answers_as_much_as_is_answered() -> None:
    story = half_by_a_third(2)
    story.reaches(lambda one: one.share("v1") == 100, within=10.0).rests(30)
    assert story.share("v1") == 100
    story.happens("there is room", room={"v2": 0})
    story.reaches(promoted).rests(15)
    assert story.status.history[0].result == "FastRolledBack"


@pytest.mark.parametrize(("few", "share"), [(1, 50), (3, 90), (0, 50)])
def test_it_waits_while_another_answers_more_than_it_could(few: int, share: int) -> None:
    story = half_by_a_third(few, share)
    story.rests(60)
    assert (story.share("v1"), story.share("v3")) == (0, share)
    story.happens("there is room", room={"v2": 0})
    story.reaches(promoted, within=15.0)


def test_it_does_not_wait_for_one_that_has_lost_the_pods_that_answered() -> None:
    story = half_by_a_third(1)
    story.rests(10)
    story.happens("one pod of v3 is left", room={"v2": 0, "v1": 1, "v3": 1})
    story.reaches(lambda one: one.share("v1") == 100, within=2.0)


def one_crashes(story: Story, version: str) -> None:
    """The last pod of a version crashes again and again, and the others answer."""
    name, see = story.revision(version), story.facts_of

    def facts_of(asked: str) -> RevisionFacts:
        found = see(asked)
        if asked != name or not found.pods:
            return found
        *others, last = found.pods
        return replace(found, pods=(*others, replace(last, ready=False, restarts=3)))

    story.facts_of = facts_of  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("fails", [True, False])
def test_a_kept_version_whose_pods_failed_on_the_way_back_is_nobodys_way_back_any_more(fails: bool) -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(20), **{**KEEPING, "keepPrevious": "1h"})
    story.reaches(promoted).rests(20)
    story.happens("gateways are slow", ack_seconds=30.0, serve_seconds=31.0)
    story.ask("v1")
    story.reaches(lambda one: one.share("v1") == 100)
    story.happens("v2 is lost, and one pod of v1", room={"v2": 0, "v1": 1})
    if fails:
        one_crashes(story, "v1")
    else:
        story.order("abort")
    story.ask("v3")
    story.reaches(lambda one: one.share("v3") == 100, within=60.0).rests(20)
    assert story.status.outcome is not None
    assert story.status.outcome.result == ("RolledBack" if fails else "Aborted")
    assert (story.status.previous is None) is fails


def test_it_is_told_when_it_loses_pods_and_gets_less_and_when_they_are_back() -> None:
    story = taken_over()
    told: list[tuple[str, bool, str]] = []
    story.checks.append(
        lambda one: told.extend((e.reason, e.warning, e.message) for e in one.plan.events) if one.plan else None
    )
    story.happens("a pod of v1 is back, and one of v3 is lost", room={"v1": 1, "v3": 1})
    story.rests(20)
    assert story.status.traffic is not None
    assert (story.share("v3"), story.status.traffic.reduced) == (50, 50)
    ((reason, warning, message),) = told
    assert (reason, warning) == ("WaitingForCapacity", True)
    assert message.endswith("it gets 50% of the requests instead of 90%")
    story.happens("it is back too", room={"v1": 1})
    story.rests(20)
    assert story.status.traffic is not None
    assert (story.share("v3"), story.status.traffic.reduced) == (90, None)
    assert [reason for reason, _, _ in told[1:]] == ["Shifting"]


def test_what_it_is_said_to_get_is_what_it_gets_while_metrics_are_silent() -> None:
    story = taken_over()
    story.happens("a pod of v1 is back, and one of v3 is lost", room={"v1": 1, "v3": 1})
    story.rests(20)
    story.happens("it is back too, and Prometheus is gone", room={"v1": 1}, prometheus_up=False)
    story.rests(20)
    assert story.status.traffic is not None
    assert (story.share("v3"), story.status.traffic.reduced) == (50, 50)
