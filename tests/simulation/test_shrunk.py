"""Would catch: a stable version that is small when requests come back to it, or given more of them than its pods carry;
one that stays whole for nothing, or that is shrunk by what only looks like a proof."""

from copy import deepcopy
from typing import Any

import pytest
from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.decide.plan import Standing

from tests.simulation.cases.shrunk import HOLD, MATCHED, of, pods, shrunk
from tests.simulation.cases.story import Story, at, gate, ladder, promoted, taken_back, weight
from tests.simulation.cases.theirs import Adopted
from tests.simulation.invariants import watched
from tests.simulation.shop import adopting, rule
from tests.simulation.specs import spec


def serving(story: Story) -> Story:
    """v1 serves; every promise is checked after each pass."""
    watched(story)
    story.reaches(promoted).rests(3)
    story.failed_by_route = 0.0
    return story


def at_three_quarters(story: Story, **more: Any) -> Story:
    """v2 has that, and of stable's pods one of four is left."""
    serving(story).asks("v2", weight(75, **HOLD), **MATCHED, **more)
    return story.reaches(shrunk(1, 3)).rests(3)


def writes_half(story: Story) -> None:
    """Somebody has the route give both the same."""
    route = deepcopy(story.route)
    assert route is not None
    for backend in route["spec"]["rules"][0]["backendRefs"]:
        backend["weight"] = 50
    story.tell("somebody writes half and half")
    story.route, story.route_written_at = route, story.now
    story.route_generation += 1


def least(story: Story, version: str) -> int:
    """What no autoscaler of the version goes below."""
    found = story.revisions[story.revision(version)].autoscaler
    assert found is not None
    return int(found["spec"]["minReplicas"])


def test_an_autoscaler_may_go_down_to_the_share_and_must_go_up_again() -> None:
    """Eight pods when it began: two are the least at three quarters, and eight again when it is taken back."""
    story = serving(Story(spec=spec(serving={"autoscaling": {"min": 1, "max": 20}}), load={"v1": 8}))
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(at("w75"))
    assert (least(story, "v1"), least(story, "v2")) == (8, 6)
    story.load["v1"] = 2
    story.reaches(shrunk(2, 6), within=30.0).rests(3)
    assert least(story, "v1") == 2
    story.order("abort")
    story.rests(1)
    assert (least(story, "v1"), *pods(story), story.share("v2")) == (8, 8, 6, 75)
    story.reaches(taken_back, within=10.0).rests(30)
    assert pods(story) == (8, 0)
    assert story.failed_by_route == 0


def test_weights_of_others_route_are_handed_back_likewise() -> None:
    story = at_three_quarters(Adopted(spec=adopting(serving={"replicas": 4})))
    story.happens("no further pod of v1 gets ready", room={"v1": 2})
    story.order("abort")
    story.rests(20)
    assert (story.share("v2"), story.pods("v1")) == (50, 4)
    story.happens("all get ready", room={})
    story.reaches(taken_back, within=10.0).rests(30)
    assert pods(story) == (4, 0)
    assert story.failed_by_route == 0


def test_another_writer_is_not_written_against_while_weights_are_handed_back() -> None:
    """Git says nine tenths: it is named, and all goes to stable when that is whole."""
    story = Adopted(spec=adopting(serving={"replicas": 4}))
    at_three_quarters(story)
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.order("abort")
    story.rests(5)
    story.git_applies(rule(1, 9))
    story.rests(20)
    assert story.plan is not None
    assert story.plan.situation.reason is Reason.ROUTE_CONTESTED
    assert story.share("v2") == 9
    story.order("abort", "2")
    story.rests(1)
    assert story.share("v2") == 75, "somebody insists"
    story.happens("all get ready", room={})
    story.reaches(taken_back, within=10.0)


def test_nothing_is_taken_from_stable_where_the_status_would_not_know_of_it() -> None:
    story = serving(Story(spec=of(4), unkept="status.stable.reduced is not known"))
    story.unkept = ""
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(at("w75"))
    story.unkept = "status.stable.reduced is not known"
    story.rests(30)
    assert story.pods("v1") == 4


@pytest.mark.parametrize("stage", [{"shadow": 100}, {"match": {"headers": [{"name": "x", "value": "y"}]}}])
def test_a_copy_or_a_cohort_leaves_stable_all_its_pods(stage: dict[str, Any]) -> None:
    story = serving(Story(spec=of(4), cohort_rate=20.0))
    story.asks("v2", {"name": "first", **stage, **HOLD}, **MATCHED)
    story.reaches(at("first")).rests(30)
    assert story.pods("v1") == 4


def test_the_fewest_pods_are_stables_too() -> None:
    story = serving(Story(spec=of(10)))
    story.asks("v2", weight(90, **HOLD), **MATCHED, minPods=2)
    story.reaches(shrunk(2, 9)).rests(5)


def test_pods_that_carry_more_come_back_when_requests_are_split_otherwise() -> None:
    """A gateway that gives stable more than it should: all of its pods, until it does not."""
    story = at_three_quarters(Story(spec=of(4)))
    story.happens("the gateway gives stable half", skew=-25)
    story.reaches(shrunk(4, 3), within=120.0)
    story.happens("it gives a quarter", skew=0)
    story.reaches(shrunk(1, 3), within=120.0)


def test_a_route_that_others_wrote_brings_the_pods_back() -> None:
    """Its stage is to be proven anew, and then they may go."""
    story = at_three_quarters(Story(spec=of(4)))
    writes_half(story)
    story.rests(1)
    assert (story.share("v2"), story.pods("v1")) == (75, 4)
    story.reaches(shrunk(1, 3)).rests(5)


def test_a_kill_before_the_next_weight_is_written_asks_for_no_pods_of_stable() -> None:
    story = serving(Story(spec=of(4)))
    story.asks("v2", weight(25, minDuration="30s"), weight(75, minDuration="30s"), **MATCHED)
    story.reaches(at("w25")).reaches(shrunk(3, 1)).reaches(shrunk(3, 3))
    while story.status.stage is None or story.status.stage.name != "w75":
        story.crash_after = 1
        story.run(0.5)
    assert "w75: v2 is to get 75% of the requests" in story.lines[-5], story.transcript()
    assert story.lines[-4].endswith("KILLED")
    assert (story.share("v2"), *pods(story)) == (75, 3, 3), story.transcript()


def test_a_suspended_rollout_hands_back_all_the_same() -> None:
    story = at_three_quarters(Story(spec=of(4)))
    story.edit(suspend=True)
    story.order("abort")
    story.reaches(taken_back, within=10.0)


def test_an_order_that_is_on_record_is_carried_out_although_it_is_withdrawn() -> None:
    story = at_three_quarters(Story(spec=of(4), start_seconds=20.0))
    story.order("abort")
    story.rests(2)
    assert [one.effect for one in story.status.handled] == ["Obeyed"]
    story.orders.clear()
    story.reaches(taken_back, within=30.0)
    assert story.status.history[0].cause == "Aborted"


def test_an_abort_of_a_third_version_too_takes_back_both() -> None:
    """The second is on its way out when it is said: the order is of what is asked for as well."""
    story = at_three_quarters(Story(spec=of(4), start_seconds=20.0))
    story.ask("v3")
    story.rests(2)
    story.order("abort")
    story.reaches(taken_back, within=40.0).rests(30)
    assert [(one.model_version, one.result) for one in story.status.history[:2]] == [
        ("v3", "Aborted"),
        ("v2", "Aborted"),
    ]
    assert story.pods("v3") == 0


def test_a_stage_that_nobody_passed_is_handed_back_although_its_clock_begins_anew() -> None:
    story = serving(Story(spec=of(4), start_seconds=20.0))
    passed_by_nobody = gate(maxDuration="60s", onInconclusive="Rollback", weight=75)
    story.asks("v2", passed_by_nobody, **MATCHED)
    story.reaches(shrunk(1, 3))
    story.reaches(lambda one: one.status.leaving is not None, within=90.0).rests(10)
    assert story.share("v2") == 75
    story.reaches(taken_back, within=30.0)
    assert story.status.history[0].cause == "GateNotPassed"


def test_the_spec_cannot_be_followed_and_an_order_hands_back() -> None:
    """The ModelVersion that is asked for is not there; what was said of the second is carried out."""
    story = at_three_quarters(Story(spec=of(4), start_seconds=10.0))
    story.ask("v9")
    story.rests(5)
    assert (story.share("v2"), story.pods("v1")) == (75, 1)
    story.order("abort")
    story.rests(5)
    assert (story.share("v2"), story.pods("v1")) == (75, 4)
    story.reaches(taken_back, within=20.0)


def test_a_candidate_whose_last_pod_goes_while_it_is_handed_back_is_left_at_once() -> None:
    story = at_three_quarters(Story(spec=of(4), start_seconds=20.0))
    story.order("abort")
    story.rests(5)
    assert story.share("v2") == 75
    story.happens("no pod of v2 is ready", dead={story.revision("v2")})
    story.reaches(taken_back, within=1.0)
    end = story.status.outcome
    assert end is not None
    assert "capacity is reduced" in end.message


def test_full_again_gives_stable_its_pods_without_moving_a_weight() -> None:
    story = at_three_quarters(Story(spec=of(4)))
    story.edit(strategy=ladder(weight(75, **HOLD)))
    story.reaches(shrunk(4, 3), within=2.0).rests(10)
    assert story.share("v2") == 75
    assert story.status.stable is not None
    assert story.status.stable.reduced is None


def test_pods_that_do_not_come_are_said_to_once_the_time_to_start_is_over() -> None:
    story = at_three_quarters(Story(spec=of(4, startup={"timeout": "60s"})))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.ask("v1")
    story.rests(70)
    assert story.plan is not None
    assert story.plan.situation.standing is Standing.FAILED
    assert "serving.startup.timeout" in story.plan.situation.message
    story.happens("they do", room={})
    story.reaches(promoted, within=10.0)


@pytest.mark.parametrize("answers", [True, False])
def test_a_route_that_is_gone_is_made_as_it_was_for_stable_could_not_carry_everything(answers: bool) -> None:
    story = at_three_quarters(Story(spec=of(4)))
    story.happens("Prometheus answers or not", prometheus_up=answers)
    story.rests(10)
    story.tell("the route is deleted")
    story.route = None
    story.rests(5)
    assert story.share("v2") == 75
    story.happens("it answers", prometheus_up=True)
    story.reaches(at("w75")).reaches(shrunk(1, 3)).rests(5)


@pytest.mark.parametrize("asked", ["v1", "v2", "v3"])
def test_a_status_that_is_lost_gives_stable_no_more_than_it_carries(asked: str) -> None:
    """As by a backup that keeps none: the split is read off the route, and handed back or entered anew as pods come."""
    story = at_three_quarters(Story(spec=of(4), start_seconds=20.0))
    story.ask(asked)
    story.happens("the status is lost", status=RolloutStatus(), finalizer=False)
    story.restart()
    story.rests(10)
    assert (story.share("v2"), story.pods("v1")) == (75, 4)
    story.rests(60)
    assert story.failed_by_route == 0
    assert (story.share("v1"), story.pods("v2")) == ((25, 3) if asked == "v2" else (100 if asked == "v1" else 25, 0))


def test_a_status_that_is_lost_beside_autoscalers_is_read_off_the_share() -> None:
    """Two pods with a quarter of the requests: eight carry everything."""
    story = serving(Story(spec=spec(serving={"autoscaling": {"min": 1, "max": 20}}), load={"v1": 8}))
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(at("w75"))
    story.load["v1"] = 2
    story.reaches(shrunk(2, 6), within=30.0).rests(3)
    story.ask("v1")
    story.happens("the status is lost", status=RolloutStatus(), finalizer=False)
    story.restart()
    story.rests(2)
    assert (least(story, "v1"), story.share("v2")) == (8, 75)
