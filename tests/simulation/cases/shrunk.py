"""Whole rollouts in which stable has the pods of its share alone, and what takes it back."""

from typing import Any

from tests.simulation.cases.story import Story, at, case, ladder, promoted, taken_back, weight
from tests.simulation.world import World, spec

MATCHED: dict[str, Any] = {"stableCapacity": "MatchTraffic"}
HOLD: dict[str, Any] = {"minDuration": "10m"}


def of(replicas: int, **more: Any) -> dict[str, Any]:
    """A spec of v1 with so many pods."""
    return spec("v1", serving={"replicas": replicas, **more})


def pods(story: World) -> tuple[int, int]:
    """Of v1 and v2."""
    return story.pods("v1"), story.pods("v2")


def shrunk(first: int, second: int) -> Any:
    """The moment at which v1 and v2 have so many pods."""
    return lambda world: pods(world) == (first, second)


@case("A9", spec=of(4))
def stable_has_the_pods_of_its_share(story: Story) -> None:
    """3 and 1 at a quarter, 1 and 3 at three quarters, each once the weight is proven; all are the second's after."""
    seen = set[tuple[int, int, int]]()
    story.checks.append(lambda world: seen.add((world.share("v2"), *pods(world))))
    story.asks("v2", weight(25, minDuration="30s"), weight(75, minDuration="30s"), **MATCHED)
    story.reaches(at("w25")).reaches(shrunk(3, 1)).rests(5)
    story.reaches(at("w75")).reaches(shrunk(1, 3)).rests(5)
    story.reaches(promoted).rests(20)
    found = {(share, first) for share, first, _ in seen}
    assert found == {(0, 4), (25, 4), (25, 3), (75, 3), (75, 1), (100, 1), (100, 0)}
    assert story.failed_by_route == 0


@case("B5", spec=of(4))
def an_abort_hands_back_what_stable_can_carry(story: Story) -> None:
    """At three quarters, 1 and 3 pods: it stays so until stable has more, with three ready it is a quarter, and
    nothing with four; the second's pods are 3, 1 and none."""
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(5)
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.order("abort")
    story.rests(30)
    assert (story.share("v2"), *pods(story)) == (75, 4, 3)
    story.happens("three are ready", room={"v1": 3})
    story.rests(5)
    assert (story.share("v2"), *pods(story)) == (25, 4, 3), "drained first"
    story.rests(30)
    assert (story.share("v2"), *pods(story)) == (25, 4, 1)
    story.happens("all are ready", room={})
    story.reaches(taken_back, within=10.0).rests(20)
    assert (story.share("v2"), *pods(story)) == (0, 4, 0)
    assert story.failed_by_route == 0


@case("B5", spec=of(4))
def an_abort_hands_back_where_there_is_room_for_six_pods(story: Story) -> None:
    """The candidate's go as their weight does, and it ends also with `minPods`."""
    story.checks.append(lambda world: world.room.update(v1=6 - world.pods("v2")))
    story.asks("v2", weight(25), weight(50), weight(75, **HOLD), **MATCHED, minPods=2)
    story.reaches(at("w75")).reaches(shrunk(2, 3)).rests(5)
    story.order("abort")
    story.reaches(taken_back).rests(20)
    assert story.shares == [0, 25, 50, 75, 50, 25, 0]
    assert story.failed_by_route == 0


@case("B5", spec=of(10))
def a_verdict_is_carried_out_although_metrics_fall_silent(story: Story) -> None:
    """What the evidence said is on record: nothing takes it back while stable's pods start."""
    story.asks("v2", weight(60, **HOLD), **MATCHED)
    story.reaches(shrunk(4, 6)).rests(5)
    story.happens("a third of what v2 answers is wrong, and no pod of v1 gets ready", error_rate={"v2": 0.3})
    story.happens("no further pod of v1 gets ready", room={"v1": 4})
    story.reaches(lambda one: one.status.leaving is not None)
    story.happens("v2 answers well, and Prometheus does not", error_rate={}, prometheus_up=False)
    story.rests(60)
    assert story.share("v2") == 60
    story.happens("the pods get ready", room={})
    story.reaches(taken_back, within=10.0).rests(20)
    assert story.status.history[0].cause == "MetricRegressed"


@case("B5", "B6", spec=of(4))
def a_candidate_that_crashes_is_left_at_once_with_what_stable_has(story: Story) -> None:
    """Three quarters go to one pod, and it is said that capacity is reduced; then stable gets all its pods."""
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(5)
    story.happens("v2 crashes", crashes={"v2"})
    story.reaches(taken_back, within=1.0)
    assert story.share("v1") == 100
    end = story.status.outcome
    assert end is not None
    assert "capacity is reduced: 1 of 4 pods of v1 are ready" in end.message
    story.rests(20)
    assert pods(story) == (4, 0)


@case("B5", spec=of(4, startup={"timeout": "60s"}))
def pods_of_stable_that_never_come_are_told_and_end_it_when_they_do(story: Story) -> None:
    """After the time of `startup` it stands still; the pods end it all the same."""
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(5)
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.order("abort")
    story.rests(40)
    assert story.plan is not None
    assert story.plan.situation.standing == "InProgress"
    story.rests(30)
    assert story.plan.situation.standing == "Failed"
    assert "1 of 4 pods" in story.plan.situation.message
    story.happens("they do", room={})
    story.reaches(taken_back, within=10.0).rests(20)


@case("B4", "B5", spec=of(5))
def an_abort_while_candidate_pods_are_lost(story: Story) -> None:
    """Half of its pods are lost: stable gets pods for what they carried and takes it over, then all and the rest."""
    story.asks("v2", weight(80, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 4)).rests(5)
    story.happens("two pods of v2 are ready", room={"v2": 2})
    story.reaches(lambda one: one.pods("v1") == 3, within=2.0)
    story.reaches(lambda one: one.share("v2") == 40, within=10.0)
    story.order("abort")
    story.reaches(taken_back, within=5.0).rests(20)
    assert pods(story) == (5, 0)


@case("B8", "B9", spec=of(4))
def other_numbers_while_it_is_handed_back(story: Story) -> None:
    """Eight pods instead of four, then two: stable follows, the candidate does not grow."""
    story.asks("v2", weight(50, **HOLD), **MATCHED)
    story.reaches(shrunk(2, 2)).rests(5)
    story.happens("no further pod of v1 gets ready", room={"v1": 2})
    story.order("abort")
    story.rests(5)
    story.edit(serving={"replicas": 8})
    story.rests(20)
    assert (story.share("v2"), *pods(story)) == (50, 8, 2)
    story.edit(serving={"replicas": 2})
    story.reaches(taken_back, within=5.0).rests(20)
    assert pods(story) == (2, 0)


@case("C3", spec=of(10))
def a_third_version_while_stable_is_small(story: Story) -> None:
    """1 and 9 pods at ninety percent: the weights wait for stable's pods, and then the third begins."""
    story.asks("v2", weight(90, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 9)).rests(5)
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.asks("v3", weight(90), **MATCHED)
    story.rests(30)
    assert (story.share("v2"), *pods(story), story.pods("v3")) == (90, 10, 9, 0)
    story.happens("the pods get ready", room={})
    story.reaches(promoted).rests(20)
    assert story.failed_by_route == 0


@case("C3", spec=of(4))
def a_third_version_is_asked_for_by_mistake_while_stable_is_small(story: Story) -> None:
    """Back at once, the second is given its stage anew, once stable could take all of it back."""
    story.asks("v2", weight(75, minDuration="60s"), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(5)
    story.happens("no further pod of v1 gets ready", room={"v1": 2})
    story.ask("v3")
    story.rests(20)
    assert story.share("v2") == 50
    story.ask("v2")
    story.happens("pods get ready", room={})
    story.reaches(at("w75")).reaches(shrunk(1, 3)).reaches(promoted).rests(20)
    assert story.failed_by_route == 0


@case("C5", spec=of(4))
def the_stable_version_is_asked_for_again_while_it_is_small(story: Story) -> None:
    """3 and 1 pods at a quarter: it stays so until the fourth of stable is ready, then all goes there."""
    story.asks("v2", weight(25, **HOLD), **MATCHED)
    story.reaches(shrunk(3, 1)).rests(5)
    story.happens("no further pod of v1 gets ready", room={"v1": 3})
    story.ask("v1")
    story.rests(30)
    assert (story.share("v2"), *pods(story)) == (25, 4, 1)
    story.happens("the fourth gets ready", room={})
    story.reaches(promoted, within=10.0).rests(20)
    assert (story.share("v2"), *pods(story)) == (0, 4, 0)
    assert story.status.history[0].result == "Superseded"


@case("C6", spec=of(4))
def a_lower_stage_waits_for_the_pods_of_stable(story: Story) -> None:
    """From three quarters to a quarter by an edit: with three pods of stable, not with one."""
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(5)
    story.happens("two pods of v1 get ready", room={"v1": 2})
    story.edit(strategy=ladder(weight(25, **HOLD), **MATCHED))
    story.rests(30)
    assert (story.share("v2"), story.pods("v1")) == (75, 4)
    story.happens("all get ready", room={})
    story.reaches(at("w25")).reaches(lambda one: one.pods("v1") == 3).rests(5)


@case("C6", spec=of(4))
def all_pods_are_asked_for_again_in_the_moment_of_an_abort(story: Story) -> None:
    """`Full` brings stable's pods back, and what was shrunk is not given everything meanwhile."""
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(5)
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.edit(strategy=ladder(weight(75, **HOLD)))
    story.order("abort")
    story.rests(20)
    assert (story.share("v2"), story.pods("v1")) == (75, 4)
    story.happens("all get ready", room={})
    story.reaches(taken_back, within=10.0).rests(20)


@case("B5", spec=of(4))
def deleted_while_stable_is_small(story: Story) -> None:
    """Stable's pods come back first, as far as they come soon enough to drain within a minute."""
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(5)
    story.happens("only two pods of v1 get ready", room={"v1": 2})
    story.delete()
    story.rests(30)
    assert (story.share("v2"), story.pods("v1")) == (50, 4)
    story.reaches(lambda one: not one.finalizer, within=60.0)
    assert (story.share("v1"), story.pods("v2")) == (100, 0)


@case("A9", "B11", spec=of(4))
def the_version_before_has_all_its_pods_after_it_was_small(story: Story) -> None:
    """`keepPrevious` asks for them at the promotion, and the way back has them."""
    back = {"rollbackWindow": {"revisions": 1}, "keepPrevious": "10m"}
    story.asks("v2", weight(75, minDuration="20s"), **MATCHED, **back)
    story.reaches(shrunk(1, 3)).reaches(promoted).rests(20)
    assert pods(story) == (4, 4)
    story.ask("v1")
    story.reaches(promoted, within=20.0).rests(20)
    assert story.status.history[0].result == "FastRolledBack"
    assert story.failed_by_route == 0


@case("C3", spec=of(4))
def the_last_pod_of_a_small_stable_version_is_lost_in_an_abort(story: Story) -> None:
    """Nobody could take over: the candidate goes on; each pod that comes takes what it carries, and not all."""
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(5)
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.order("abort")
    story.rests(20)
    assert (story.share("v2"), story.pods("v1")) == (75, 4)
    story.happens("two are", room={"v1": 2})
    story.rests(10)
    assert story.share("v2") == 50
    story.happens("all are", room={})
    story.reaches(taken_back, within=5.0).rests(20)
