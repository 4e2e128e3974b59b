"""Catches traffic left on pods of an earlier version that are lost on the way back, and a kill that gives it back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from crossfade.model.claim import Rival, Wanted
from crossfade.model.workload import RevisionFacts

from tests.simulation.cases.story import Story, at, promoted, says, taken_back, weight
from tests.simulation.cases.ways_back import KEEPING, WINDOW, through
from tests.simulation.invariants import watched
from tests.simulation.world import analysis, spec

RIVALS = (Rival("HTTPRoute", "web", "shop", Wanted("gateways", "public", "", "PathPrefix", "/")),)


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
    """Case B11."""
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


def test_ten_failed_tries_do_not_take_the_way_back_away() -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    through(story, "v2")
    story.happens("v3 crashes", crashes={"v3"})
    story.asks("v3", weight(20), **WINDOW)
    for turn in range(10):
        story.reaches(taken_back).rests(12)
        story.order("retry", f"again-{turn}")
        story.rests(1)
    story.reaches(taken_back).rests(15)
    assert len(story.status.history) == 10
    story.ask("v1")
    story.reaches(promoted)
    assert story.status.history[0].result == "FastRolledBack"


def test_a_way_back_ends_although_others_have_come_for_the_requests() -> None:
    """It has what there is of the route, and all of its gateways have taken that."""
    story = on_the_way_back(ack_seconds=3.0, serve_seconds=4.0)
    story.happens("another route had the host before", rivals=RIVALS)
    story.reaches(promoted, within=10.0)
    story.reaches(says("HostTaken"))
    assert (story.share("v1"), story.status.history[0].result) == (100, "FastRolledBack")


def test_a_way_back_is_not_called_done_by_a_route_that_its_gateway_refuses() -> None:
    story = on_the_way_back(ack_seconds=3.0, serve_seconds=4.0)
    story.happens("another route had the host before, and the Gateway is gone", rivals=RIVALS, gateway_up=False)
    story.rests(60)
    assert story.status.candidate is not None
    story.happens("it is back", gateway_up=True)
    story.reaches(promoted, within=10.0)


def kept_while_going(asks: str = "v1", **knobs: Any) -> Story:
    """v2 was promoted with v1 kept for ten minutes, and then v1 is asked for; its gateway takes ten seconds."""
    story = Story()
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(20), **{**KEEPING, "keepPrevious": "10m"})
    story.reaches(promoted).rests(20)
    story.happens("the world changes", **{"ack_seconds": 10.0, "serve_seconds": 12.0, **knobs})
    story.ask(asks)
    return story.reaches(says("WaitingForGateway"))


def minds_change(story: Story) -> None:
    story.ask("v2")


def somebody_aborts(story: Story) -> None:
    story.order("abort")


@pytest.mark.parametrize("ends", [minds_change, somebody_aborts])
def test_a_way_back_that_is_given_up_gives_the_kept_pods_back(ends: Callable[[Story], None]) -> None:
    story = kept_while_going()
    born = story.revisions[story.revision("v1")].born
    until = story.status.previous and story.status.previous.until
    ends(story)
    story.rests(60)
    assert story.status.candidate is None
    assert (story.share("v2"), story.pods("v1")) == (100, 2)
    assert story.status.previous is not None
    assert (story.status.previous.model_version, story.status.previous.until) == ("v1", until)
    assert story.revisions[story.revision("v1")].born == born
    story.rests(600)
    assert (story.pods("v1"), story.status.previous) == (0, None)


def test_kept_pods_that_crash_on_the_way_back_are_not_kept_any_longer() -> None:
    story = kept_while_going()
    story.happens("v1 crashes", crashes={"v1"})
    story.reaches(taken_back).rests(30)
    assert (story.pods("v1"), story.status.previous) == (0, None)


def test_a_third_version_in_mid_way_back_leaves_the_kept_pods_where_they_are() -> None:
    story = kept_while_going()
    story.ask("v3")
    story.reaches(at("w20"))
    assert [story.pods(one) for one in ("v1", "v2", "v3")] == [2, 2, 1]


def scaled_up_while_kept(ready: int) -> Story:
    """v2 was promoted over v1 with two pods each, then its autoscaler went to six; of v1 so many pods can be ready."""
    story = Story()
    watched(story)
    story.reaches(promoted)
    startup = {"timeout": "60s"}
    story.edit(serving={"autoscaling": {"min": 2, "max": 20}, "startup": startup})
    story.rests(10)
    story.asks("v2", weight(20), **{**KEEPING, "keepPrevious": "1h"})
    story.reaches(promoted).rests(330)
    story.happens("the load takes six pods, and of v1 not all can be ready", load={"v2": 6}, room={"v1": ready})
    story.rests(10)
    assert (story.pods("v1"), story.pods("v2")) == (2, 6)
    story.ask("v1")
    return story


def test_the_way_back_asks_for_as_many_pods_as_an_autoscaler_gave_the_version_that_serves() -> None:
    story = scaled_up_while_kept(ready=6)
    born = story.revisions[story.revision("v1")].born[:2]
    story.reaches(promoted, within=10.0)
    assert story.pods("v1") == 6
    assert story.revisions[story.revision("v1")].born[:2] == born
    assert story.failed_by_route == 0


def test_a_way_back_of_which_no_pod_is_ready_in_time_is_taken_back() -> None:
    story = scaled_up_while_kept(ready=0)
    story.reaches(taken_back, within=65.0)
    assert story.share("v2") == 100


def test_stable_that_somebody_scaled_to_nothing_gets_its_pods_back_by_an_abort() -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(50, minDuration="5m"))
    story.reaches(at("w50"))
    story.happens("somebody scales v1 to nothing")
    story.revisions[story.revision("v1")].scale(0, story.now)
    story.order("abort")
    story.rests(1)
    assert (story.share("v2"), story.pods("v1")) == (50, 2)
    story.reaches(taken_back, within=5.0)
    assert story.share("v1") == 100
