"""Whole rollouts without a gateway, where pods behind one Service are the weights."""

from typing import Any

from tests.simulation.cases.story import Story, at, case, gate, promoted, says, taken_back, weight
from tests.simulation.world import spec


def of(replicas: int) -> dict[str, Any]:
    """A spec of v1 with so many pods behind a Service."""
    return spec("v1", traffic={"replicas": {}}, serving={"replicas": replicas})


@case("A11", begins=True, spec=of(2))
def the_first_version_is_behind_the_service_as_it_is(story: Story) -> None:
    """Pods, then the Service that selects them by their revision; no pod needs a label of its own."""
    story.reaches(promoted).rests(5)
    assert not story.members.labelled


@case("A10", "A11", spec=of(10))
def weights_are_given_to_the_nearest_pod(story: Story) -> None:
    """Of ten pods 5 % is one, 14 % one, 15 % two, 50 % five and 99 % nine: never none, never all before the end."""
    story.asks("v2", weight(5), weight(14), weight(15), weight(50), weight(99))
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 1, 2, 5, 9, 100]


@case("A11", spec=of(1))
def of_a_single_pod_every_weight_is_one_of_two(story: Story) -> None:
    """One pod of each is behind the Service, so ten percent is half; it is said so."""
    story.asks("v2", weight(10))
    story.reaches(at("w10"))
    assert story.status.traffic is not None
    assert story.status.traffic.given is not None
    assert (story.status.traffic.given.pods, story.status.traffic.given.of) == (1, 2)
    story.reaches(promoted).rests(15)


@case("A11", spec=of(4))
def a_regression_is_taken_back_by_one_write_of_the_service(story: Story) -> None:
    """Stable has kept its pods warm beside the Service: all of them take everything at once, and the bad pods go."""
    story.happens("a third of what v2 answers is wrong", error_rate={"v2": 0.3})
    story.asks("v2", weight(50))
    story.reaches(taken_back).rests(15)


@case("A11", spec=of(4))
def an_abort_in_the_bake_is_taken_back_likewise(story: Story) -> None:
    """Stable's hold-back of 2 % is one pod of four, and three more wait for this."""
    story.asks("v2", weight(50), bake={"duration": "10m", "holdback": 2})
    story.reaches(at("bake")).rests(5)
    assert story.served_by() == {story.revision("v1"): 1, story.revision("v2"): 3}
    story.order("abort")
    story.reaches(taken_back).rests(15)


@case("A11", spec=of(4))
def a_third_version_takes_the_place_of_the_second_behind_the_service(story: Story) -> None:
    """All pods of stable come back first, the second version's drain and go, and the third starts."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.asks("v3", weight(50))
    story.reaches(promoted).rests(15)


@case("A11", spec=of(4))
def the_stable_version_is_asked_for_again_behind_the_service(story: Story) -> None:
    """Returning is one write as well."""
    story.asks("v2", weight(25), gate())
    story.reaches(at("sign-off"))
    story.ask("v1")
    story.reaches(promoted).rests(20)


@case("A11", spec=of(4))
def lost_pods_of_the_candidate_are_replaced_by_warm_ones_of_stable(story: Story) -> None:
    """Two of four with one ready becomes one of four, and two again when it is back and metrics answer."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.happens("one pod of v2 is ready", room={"v2": 1})
    story.rests(10)
    assert story.served_by() == {story.revision("v1"): 3, story.revision("v2"): 1}
    story.happens("its pods are back", room={})
    story.reaches(at("sign-off")).rests(10)


@case("A11", spec=of(4))
def nothing_goes_on_while_stable_has_lost_pods_behind_the_service(story: Story) -> None:
    """Three of four serve beside the candidate: the fourth is not missed; of the third the share tells."""
    story.asks("v2", weight(25), gate())
    story.reaches(at("sign-off"))
    story.happens("three pods of v1 are ready", room={"v1": 3})
    story.rests(10)
    story.happens("two are", room={"v1": 2})
    story.rests(10)
    story.happens("all are", room={})
    story.rests(10)


@case("A11", "A12", spec=of(4))
def more_pods_and_fewer_while_a_gate_holds_behind_the_service(story: Story) -> None:
    """A quarter of four is one, of eight two, of four one again: the weight stays, and pods follow it."""
    story.asks("v2", weight(25), gate())
    story.reaches(at("sign-off"))
    story.edit(serving={"replicas": 8})
    story.rests(15)
    assert story.served_by() == {story.revision("v1"): 6, story.revision("v2"): 2}
    story.edit(serving={"replicas": 4})
    story.rests(15)
    assert story.served_by() == {story.revision("v1"): 3, story.revision("v2"): 1}


@case("A11", "A12", spec=of(10))
def fewer_pods_and_a_step_in_one_moment_behind_the_service(story: Story) -> None:
    """At half of ten somebody skips the stage and asks for four pods in all: the step takes four, and those stay."""
    story.asks("v2", weight(50, minDuration="10m"))
    story.reaches(at("w50")).rests(5)
    story.edit(serving={"replicas": 4})
    story.order("skip-stage")
    story.reaches(promoted).rests(15)


@case("A11", spec=of(4))
def no_pod_comes_in_while_metrics_are_silent(story: Story) -> None:
    """The next stage waits for Prometheus, and the pods behind the Service stay who they are."""
    story.asks("v2", weight(25, minDuration="10s"), weight(50))
    story.reaches(at("w25"))
    story.happens("Prometheus does not answer", prometheus_up=False)
    story.rests(60)
    assert story.served_by() == {story.revision("v1"): 3, story.revision("v2"): 1}
    story.happens("it answers again", prometheus_up=True)
    story.reaches(promoted).rests(15)


@case("A11", spec=of(4))
def deleted_in_a_split_the_service_leads_to_stable(story: Story) -> None:
    """The Rollout is let go when the Service selects the stable version alone and the candidate's pods have gone."""
    story.asks("v2", weight(25), gate())
    story.reaches(at("sign-off"))
    story.delete()
    story.reaches(lambda world: not world.finalizer).rests(5)


@case("A11", spec=of(4))
def endpoints_that_do_not_follow_start_no_clock(story: Story) -> None:
    """The EndpointSlices keep to what was: the stage waits, as it does for a gateway."""
    story.happens("the EndpointSlices do not follow", ack_seconds=1e9)
    story.asks("v2", weight(25))
    story.reaches(says("WaitingForGateway")).rests(60)
    story.happens("they follow", ack_seconds=0.1)
    story.reaches(promoted).rests(15)
