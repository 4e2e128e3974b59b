"""Would catch: requests sent to pods that are ready and in no EndpointSlice yet, or a way back that waits for one.

Gateways find pods by EndpointSlices, which a controller writes: after a while, or not at all while it is away.
"""

from math import inf
from typing import Any

import pytest
from crossfade.decide.plan import Action, Apply, Standing, Target
from crossfade.decide.state import sure

from tests.simulation.cases.steps import weight
from tests.simulation.cases.story import Story, at, ladder, taken_back
from tests.simulation.cases.theirs import Adopted
from tests.simulation.invariants import watched
from tests.simulation.routes import reached
from tests.simulation.world import promoted

WORLDS = [pytest.param(Story, id="managed"), pytest.param(Adopted, id="adopted")]
HALF = {"minDuration": "600s"}


def serving(kind: type[Story], seconds: float) -> Story:
    """Version 1 serves, and EndpointSlices list pods so many seconds after they are ready."""
    story = kind(slice_seconds=seconds)
    watched(story)
    story.reaches(promoted).rests(20)
    story.failed_by_route = 0.0
    return story


def said(story: Story) -> str:
    assert story.plan is not None
    return f"{story.plan.situation.reason}: {story.plan.situation.message}"


@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize("seconds", [0.0, 3.0, 15.0])
def test_no_request_is_sent_to_pods_that_no_slice_lists_yet(kind: type[Story], seconds: float) -> None:
    story = serving(kind, seconds)
    story.asks("v2", weight(20))
    story.reaches(promoted).rests(20)
    assert story.failed_by_route == 0.0


def test_it_is_said_what_ready_pods_wait_for() -> None:
    story = serving(Story, 15.0)
    story.asks("v2", weight(20))
    story.rests(8)
    assert said(story) == (
        "WaitingForGateway: v2: 0 of 1 pods ready for 1/1 w20; 1 more ready, but in no EndpointSlice yet"
    )


@pytest.mark.parametrize("kind", WORLDS)
def test_a_candidate_is_not_given_up_for_slices_that_do_not_come_and_goes_on_when_they_do(kind: type[Story]) -> None:
    story = serving(kind, 0.0)
    story.edit(serving={"replicas": 2, "startup": {"timeout": "20s"}})
    story.happens("the controller of EndpointSlices is away", slice_seconds=inf)
    story.asks("v2", weight(20))
    story.rests(100)
    assert (story.share("v2"), story.status.candidate is not None) == (0, True), story.transcript()
    story.happens("it is back", slice_seconds=0.0)
    story.reaches(promoted, within=60)
    assert story.failed_by_route == 0.0


def test_stable_that_was_away_is_given_everything_when_its_pods_are_listed() -> None:
    story = serving(Story, 5.0)
    story.asks("v2", weight(50, **HALF))
    story.reaches(at("w50")).rests(8)
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.rests(8)
    story.ask("v1")
    story.rests(3)
    before = story.failed_by_route
    story.happens("they are ready again", room={})
    story.rests(4)
    assert said(story).endswith("v1: 0 of 2 pods ready; 2 more ready, but in no EndpointSlice yet")
    story.reaches(promoted, within=10).rests(5)
    assert story.share("v1") == 100
    assert story.failed_by_route - before <= 0.5 * story.rate * 7  # what it had of the split meanwhile


@pytest.mark.parametrize("kind", WORLDS)
def test_everything_is_taken_back_while_the_controller_of_slices_is_away(kind: type[Story]) -> None:
    """Whoever served is listed still: nobody has taken them out."""
    story = serving(kind, 1.0)
    story.asks("v2", weight(50, **HALF))
    story.reaches(at("w50")).rests(10)
    story.happens("the controller of EndpointSlices is away", slice_seconds=inf)
    story.rests(60)
    story.happens("v2 fails", error_rate={"v2": 0.5})
    story.reaches(taken_back, within=60).rests(2)
    assert (story.share("v1"), story.failed_by_route) == (100, 0.0)


@pytest.mark.parametrize("kind", WORLDS)
def test_everything_is_taken_back_by_a_stable_version_of_which_no_slice_is_known(kind: type[Story]) -> None:
    """That its pods cannot be found is not known then, and they have served."""
    story = serving(kind, 1.0)
    story.asks("v2", weight(50, **HALF))
    story.reaches(at("w50")).rests(10)
    story.order("abort")
    stable = story.leading_to(story.revision("v1"))
    backends = story.backends
    story.backends = lambda: {one: name for one, name in backends().items() if one not in stable}  # type: ignore[method-assign]
    story.reconcile()
    assert story.share("v1") == 100


def test_ready_pods_that_are_listed_no_more_take_no_candidate_back() -> None:
    story = serving(Story, 1.0)
    story.asks("v2", weight(50, **HALF))
    story.reaches(at("w50")).rests(10)
    name = story.revision("v2")
    story.happens("its slice is lost, and comes late", slice_seconds=20.0)
    story.slices.listed = {end for end in story.slices.listed if end[0] != name}
    story.slices.ready = dict.fromkeys(story.slices.ready, story.now)
    story.reconcile()
    assert (story.status.candidate is not None, story.share("v1")) == (True, 100)
    assert said(story) == (
        "WaitingForCapacity: 1/1 w50: 0 of 1 pods of v2 ready; 1 more ready, but in no EndpointSlice yet, so it gets"
        " none of the requests instead of 50%"
    )
    story.happens("its pod is not ready either", dead={name})
    story.reaches(taken_back, within=1)
    assert story.status.outcome is not None
    assert story.status.outcome.cause == "NotReady"


def unlist(story: Story, version: str, seconds: float = inf) -> None:
    """Pods of a version are ready all the while, and no slice lists them for so long."""
    late, begun, ends = story.late, story.now, story.leading_to(story.revision(version))
    story.tell(f"no slice lists a pod of {version}")
    story.late = lambda end: seconds if end[0] in ends else late(end)  # type: ignore[method-assign]
    story.slices.listed = {end for end in story.slices.listed if end[0] not in ends}
    story.slices.ready |= {end: begun for end in story.slices.ready if end[0] in ends}


@pytest.mark.parametrize("kind", WORLDS)
def test_a_candidate_none_of_whose_ready_pods_is_listed_gives_its_requests_to_stable(kind: type[Story]) -> None:
    """Its two pods are replaced one after the other, as on drained nodes; stable is whole, and listed."""
    story = serving(kind, 1.0)
    story.edit(serving={"replicas": 4})
    story.rests(20)
    story.asks("v2", weight(50, **HALF))
    story.reaches(at("w50")).rests(10)
    listed = [end for end in story.slices.listed if end[0] in story.leading_to(story.revision("v2"))]
    unlist(story, "v2", 120.0)
    story.slices.listed |= set(listed[1:])
    story.reconcile()
    assert story.share("v2") == 25
    story.slices.listed -= set(listed)
    story.rests(3)
    before = story.failed_by_route
    story.rests(60)
    assert (story.share("v1"), story.failed_by_route) == (100, before), story.transcript()
    assert story.status.traffic is not None
    assert (story.status.traffic.desired, story.status.traffic.reduced) == (50, 0)
    story.reaches(at("w50"))
    assert (story.share("v2"), story.status.traffic.reduced) == (50, None)


RULES = {
    "weight": weight(50, **HALF),
    "all but a hold-back": weight(98, **HALF),
    "cohort": {"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}, **HALF},
    "copy": {"name": "copy", "shadow": 50, **HALF},
}


@pytest.mark.parametrize("stage", RULES.values(), ids=RULES)
def test_it_keeps_neither_cohort_nor_copies_and_is_given_them_again(stage: dict[str, Any]) -> None:
    story = serving(Story, 1.0)
    story.edit(serving={"replicas": 2})
    story.happens("requests of the cohort come", cohort_rate=20.0)
    story.asks("v2", stage)
    story.reaches(at(stage["name"])).rests(10)
    given = sure(story.route)["spec"]
    unlist(story, "v2", 60.0)
    story.rests(30)
    assert reached(story.route) == {story.revision("v1")}, story.transcript()
    assert (sure(story.status.traffic).reduced, sure(story.status.stage).proven_at) == (0, None)
    story.reaches(at(stage["name"]))
    assert (sure(story.route)["spec"], sure(story.status.traffic).reduced) == (given, None), story.transcript()
    assert story.status.candidate is not None


def test_stable_that_is_smaller_gets_all_of_it_too_and_all_its_pods() -> None:
    """Overloaded it answers some; who is listed nowhere answers nobody."""
    story = serving(Story, 1.0)
    story.edit(serving={"replicas": 4})
    story.asks("v2", weight(75, **HALF), stableCapacity="MatchTraffic")
    story.reaches(lambda one: one.pods("v1") == 1).rests(10)
    unlist(story, "v2", 60.0)
    story.reconcile()
    assert (story.share("v1"), story.pods("v1")) == (100, 4), story.transcript()
    story.reaches(at("w75"))
    story.reaches(lambda one: one.pods("v1") == 1)
    assert story.share("v2") == 75


def test_whoever_answers_goes_on_while_no_slice_lists_a_pod_of_either() -> None:
    """The split stays until one of stable's is listed; that one gets everything then."""
    story = serving(Story, 1.0)
    story.asks("v2", weight(50, **HALF))
    story.reaches(at("w50")).rests(10)
    unlist(story, "v1", 20.0)
    unlist(story, "v2", 60.0)
    story.rests(10)
    assert story.share("v2") == 50, story.transcript()
    story.rests(15)
    assert story.share("v1") == 100, story.transcript()


def test_requests_that_fewer_pods_carry_again_are_on_record_at_once() -> None:
    """One of the two pods that `minPods` asks for would do."""
    story = serving(Story, 1.0)
    story.edit(serving={"replicas": 10})
    story.rests(10)
    story.asks("v2", weight(5, **HALF), minPods=2)
    story.reaches(at("w5")).rests(10)
    late = story.late
    unlist(story, "v2")
    story.rests(5)
    assert sure(story.status.traffic).reduced == 0
    story.happens("Prometheus is away, and one of the two is listed", prometheus_up=False)
    ends = story.leading_to(story.revision("v2"))
    story.late = lambda end: inf if end[0] in ends and end[1].endswith("-1") else late(end)  # type: ignore[method-assign]
    story.rests(30)
    assert (story.share("v2"), sure(story.status.traffic).reduced) == (0, 0)
    story.happens("Prometheus is back", prometheus_up=True)
    story.rests(5)
    assert (story.share("v2"), sure(story.status.traffic).reduced) == (5, None), story.transcript()


def test_nothing_is_left_to_it_while_it_is_not_known_what_is_asked_for() -> None:
    story = serving(Story, 1.0)
    story.asks("v2", weight(50, **HALF))
    story.reaches(at("w50")).rests(10)
    story.happens("the ModelVersion is deleted", versions={"v1"})
    unlist(story, "v2", 60.0)
    story.reconcile()
    assert (story.share("v1"), said(story)[:22]) == (100, "WaitingForModelVersion")
    story.rests(70)
    assert story.share("v2") == 50, story.transcript()


def test_pods_that_are_lost_and_made_again_carry_weight_when_they_are_listed() -> None:
    story = serving(Story, 8.0)
    story.edit(serving={"replicas": 4})
    story.rests(20)
    story.asks("v2", weight(50, **HALF))
    story.reaches(at("w50")).rests(10)
    story.happens("one of two pods of v2 is not ready", room={"v2": 1})
    story.rests(2)
    less = story.share("v2")
    story.happens("it is ready again", room={})
    story.rests(4)
    assert story.share("v2") == less < 50
    story.reaches(lambda one: one.share("v2") == 50, within=10)


def test_a_first_version_that_no_slice_lists_does_not_serve_and_has_not_failed() -> None:
    story = Story(slice_seconds=inf)
    watched(story)
    story.edit(serving={"replicas": 2, "startup": {"timeout": "20s"}})
    story.rests(100)
    assert story.plan is not None
    assert (story.route, story.plan.situation.standing) == (None, Standing.IN_PROGRESS)
    assert said(story) == "WaitingForGateway: v1: 0 of 2 pods ready; 2 more ready, but in no EndpointSlice yet"


def test_a_service_of_an_adopted_route_that_was_pointed_anew_gets_nothing_before_it_lists_them() -> None:
    """By the version's own Service they are listed long since: that is how it came to be pointed at them."""
    story = serving(Adopted, 0.0)
    assert isinstance(story, Adopted)
    story.asks("v2", weight(20))
    story.reaches(lambda one: bool(one.plan and one.plan.situation.reason == "Starting"))
    story.rests(2)
    pointed = story._store

    def then_away(action: Action) -> None:
        pointed(action)
        if isinstance(action, Apply) and action.target is Target.SERVICE:
            story.happens("the controller of EndpointSlices is away", slice_seconds=inf)

    story._store = then_away  # type: ignore[method-assign]
    story.rests(30)
    assert story.revision("v2") in story.slots.values()
    assert (story.share("v2"), said(story)[:40]) == (0, "WaitingForGateway: v2: 0 of 1 pods ready")
    story.happens("it is back", slice_seconds=0.0)
    story._store = pointed  # type: ignore[method-assign]
    story.reaches(promoted, within=60)
    assert story.failed_by_route == 0.0


def test_who_was_ready_all_the_time_is_not_late_because_slices_are() -> None:
    """Its deadline does not run while its pod is ready: it is not for one second, long after."""
    story = serving(Story, 0.0)
    story.edit(serving={"replicas": 2, "startup": {"timeout": "20s"}})
    story.happens("the controller of EndpointSlices is away", slice_seconds=inf)
    story.asks("v2", weight(20))
    story.rests(60)
    story.happens("its pod is not ready for a moment", room={"v2": 0})
    story.rests(1)
    story.happens("it is again", room={})
    story.rests(3)
    assert story.status.candidate is not None, story.transcript()


def test_a_way_back_goes_with_the_pods_that_are_listed_when_only_slices_are_missing() -> None:
    """There is no deadline for them, and whoever takes it has reasons to leave what serves."""
    story = serving(Story, 0.0)
    story.edit(serving={"replicas": 2})
    story.asks("v2", weight(50), rollbackWindow={"revisions": 1})
    story.reaches(promoted).rests(20)
    story.happens("v1 is to have a pod that no slice lists")
    story.late = lambda end: inf if end[1].endswith("-1") else 0.0  # type: ignore[method-assign]
    story.ask("v1")
    story.rests(10)
    assert (story.share("v1"), story.failed_by_route) == (50, 0.0), story.transcript()
    story.late = lambda end: 0.0  # type: ignore[method-assign]
    story.reaches(promoted, within=10)


def test_an_edit_gives_a_candidate_that_was_listed_nowhere_nothing_while_metrics_are_silent() -> None:
    """Nor does what is on record say that it has what is still to be given to it."""
    story = serving(Story, 0.0)
    story.asks("v2", weight(25, minDuration="3s"), weight(50, **HALF))
    story.reaches(at("w50")).rests(10)
    unlist(story, "v2", 20.0)
    story.rests(5)
    assert story.share("v2") == 0
    story.happens("Prometheus is away", prometheus_up=False)
    story.rests(40)
    assert story.share("v2") == 0
    story.edit(strategy=ladder(weight(25, **HALF)))
    story.rests(10)
    assert story.share("v2") == 0, story.transcript()
    traffic = sure(story.status.traffic)
    assert (traffic.desired, traffic.reduced) == (25, 0)
    story.happens("Prometheus is back", prometheus_up=True)
    story.reaches(lambda one: one.share("v2") == 25, within=10.0).rests(5)
    assert sure(story.status.traffic).reduced is None
