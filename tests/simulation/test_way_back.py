"""Catches traffic left on pods of an earlier version that are lost on the way back, and a kill that gives it back."""

from dataclasses import replace
from typing import Any

import pytest
from crossfade.model.workload import RevisionFacts

from tests.simulation.cases.story import Story, promoted, says, taken_back, weight
from tests.simulation.cases.ways_back import KEEPING, WINDOW, through
from tests.simulation.invariants import watched
from tests.simulation.world import analysis, spec


def on_the_way_back(**knobs: Any) -> Story:
    """v2 was promoted over v1, and v1 has been given everything again."""
    story = Story(spec=spec(analysis=analysis({"absolute": {"max": "0.02"}})))
    watched(story)
    story.reaches(promoted)
    through(story, "v2")
    story.happens("the world changes", **knobs)
    story.ask("v1")
    return story.reaches(says("WaitingForGateway"))


def test_pods_that_are_lost_before_the_gateway_follows_take_their_weight_with_them() -> None:
    story = on_the_way_back(ack_seconds=10.0, serve_seconds=12.0)
    story.happens("one of two pods of v1 is lost", room={"v1": 1})
    story.reaches(lambda one: one.share("v1") == 50, within=1.0)
    story.happens("and the other", room={"v1": 0})
    story.reaches(lambda one: one.share("v2") == 100, within=1.0)
    story.reaches(taken_back).rests(30)
    assert story.failed_by_route == 0
    assert not story.finalizer


@pytest.mark.parametrize("more", [{}, {"traffic": {"replicas": {}}}], ids=["gateway", "pods"])
def test_a_hurried_way_back_is_not_undone_when_a_pod_of_the_version_that_is_left_answers_again(
    more: dict[str, Any],
) -> None:
    """It had none when one pod of v1 was given everything; that one pod of it is back is no reason to return to it."""
    story = Story(spec=spec(serving={"replicas": 4}, **more))
    watched(story)
    story.reaches(promoted)
    through(story, "v2")
    story.happens("no pod of v2 is ready, and one of v1 can be", room={"v2": 0, "v1": 1})
    story.ask("v1")
    story.reaches(lambda one: one.share("v1") == 100, within=10.0)
    story.happens("a pod of v2 is ready again", room={"v2": 1, "v1": 1})
    for _ in range(20):
        story.rests(0.5)
        assert story.share("v1") == 100
    story.happens("all pods can be ready", room={})
    story.reaches(promoted).rests(15)
    assert story.status.history[0].result == "FastRolledBack"


@pytest.mark.parametrize("writes", [0, 1])
def test_a_kill_on_the_way_back_ends_there_without_metrics(writes: int) -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    through(story, "v2")
    story.happens("one pod of v1 cannot start yet, and Prometheus is gone", room={"v1": 1}, prometheus_up=False)
    story.ask("v1")
    story.reaches(says("Starting")).rests(10)
    story.happens("it can, and the operator is killed", room={}, crash_after=writes)
    story.reaches(promoted, within=15.0).rests(15)
    assert any(line.endswith("KILLED") for line in story.lines)
    assert story.status.outcome is not None
    assert story.status.outcome.result == "FastRolledBack"
    assert story.failed_by_route == 0


def test_an_autoscaler_cannot_shrink_the_version_that_is_kept_and_going_back_needs_no_pod() -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    story.edit(serving={"autoscaling": {"min": 2, "max": 20}})
    story.happens("the load takes ten pods", load={"v1": 10, "v2": 10})
    story.rests(10)
    story.asks("v2", weight(20), **KEEPING)
    story.reaches(promoted)
    story.happens("nobody asks v1 for anything", load={"v1": 1, "v2": 10})
    story.rests(30)
    assert story.pods("v1") == 10
    born = story.revisions[story.revision("v1")].born
    story.ask("v1")
    story.reaches(promoted, within=2.0)
    assert story.revisions[story.revision("v1")].born == born
    assert story.failed_by_route == 0


def test_while_a_version_is_kept_nothing_is_written() -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(20), **{**KEEPING, "keepPrevious": "1h"})
    story.reaches(promoted).rests(15)
    writes = story.writes
    story.restart()
    story.rests(120)
    assert story.writes == writes
    assert story.status.previous is not None
    assert story.status.previous.ready == 2


def test_the_version_that_is_kept_follows_the_number_of_pods_that_the_spec_asks_for() -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(20), **KEEPING)
    story.reaches(promoted).rests(15)
    story.edit(serving={"replicas": 4})
    story.rests(5)
    assert (story.pods("v1"), story.pods("v2")) == (4, 4)


def test_the_way_back_is_not_judged() -> None:
    """People go back for reasons that no metric has; what was analysed once is not weighed against what they left."""
    story = on_the_way_back(ack_seconds=20.0, serve_seconds=5.0, error_rate={"v1": 0.5})
    story.reaches(promoted)
    assert story.status.outcome is not None
    assert story.status.outcome.result == "FastRolledBack"


def test_a_ladder_that_the_gateway_cannot_climb_refuses_no_way_back() -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    through(story, "v2")
    story.gateway.features = frozenset({"HTTPRoute"})
    story.asks("v1", {"name": "copy", "shadow": 50}, weight(20), **WINDOW)
    story.reaches(promoted, within=10.0)


def test_a_way_back_is_aborted_by_order() -> None:
    story = on_the_way_back(ack_seconds=10.0, serve_seconds=12.0)
    story.order("abort")
    story.reaches(lambda one: one.share("v2") == 100, within=1.0)
    story.reaches(taken_back).rests(30)
    assert story.status.outcome is not None
    assert story.status.outcome.result == "Aborted"
    assert story.failed_by_route == 0


@pytest.mark.parametrize("past", [{"restarts": 3}, {"restarts": 1, "trouble": "OOMKilled"}])
def test_what_befell_pods_while_they_served_before_speaks_against_no_way_back(past: dict[str, Any]) -> None:
    story = Story()
    story.reaches(promoted)
    story.asks("v2", weight(20), **KEEPING)
    story.reaches(promoted).rests(15)
    kept, facts_of = story.revision("v1"), story.facts_of

    def facts(name: str) -> RevisionFacts:
        found = facts_of(name)
        return replace(found, pods=tuple(replace(pod, **past) for pod in found.pods)) if name == kept else found

    story.facts_of = facts  # type: ignore[method-assign]
    story.ask("v1")
    story.reaches(promoted, within=10).rests(15)
    assert (story.share("v1"), story.status.history[0].result) == (100, "FastRolledBack")
