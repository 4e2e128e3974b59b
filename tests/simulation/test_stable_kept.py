"""Would catch: a stable version that lost its Service, its pods or its size in mid-rollout and is left so."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.simulation.cases.story import Story, at, gate, promoted, says, weight
from tests.simulation.cases.ways_back import KEEPING
from tests.simulation.invariants import watched
from tests.simulation.routes import weights
from tests.simulation.specs import spec


def half_way(**knobs: object) -> Story:
    """v2 has half of the requests of v1."""
    story = Story(spec=spec(serving={"replicas": 3}), **knobs)  # type: ignore[arg-type]
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(50), gate())
    return story.reaches(at("sign-off"))


def superseding() -> Story:
    """v3 is asked for, and the gateway does not take the route without v2."""
    story = half_way()
    story.happens("the gateway is away", gateway_up=False)
    story.ask("v3")
    return story.rests(2)


def clearing() -> Story:
    """v3 waits until the pods of v2 have drained."""
    story = half_way()
    story.ask("v3")
    return story.reaches(lambda one: one.plan.situation.message.startswith("v3 starts when the pods")).rests(1)


def taken_back() -> Story:
    """v2 was aborted."""
    story = half_way()
    story.order("abort")
    return story.rests(3)


def on_the_way_back() -> Story:
    """v1 is asked for again."""
    story = half_way()
    story.ask("v1")
    return story.rests(1)


def refused() -> Story:
    """v3 is asked for, and the Gateway is gone."""
    story = taken_back()
    story.rests(20)
    story.gateway.absent = "it does not exist"
    story.ask("v3")
    return story.rests(40)


def standing_in() -> Story:
    """v1 lost its pods, v3 was given v2's place, and one pod of v1 is back."""
    story = half_way()
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.ask("v3")
    story.reaches(lambda one: one.share("v3") == 50).rests(15)
    story.happens("one is", room={"v1": 1})
    return story.rests(1)


def alone() -> Story:
    """v1 lost its pods, and v2 keeps what it has while v1 is asked for."""
    story = half_way()
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.ask("v1")
    return story.rests(2)


MOMENTS = [half_way, superseding, clearing, taken_back, on_the_way_back, refused, standing_in, alone]


@pytest.mark.parametrize("moment", MOMENTS)
def test_its_service_is_made_again(moment: Callable[[], Story]) -> None:
    story = moment()
    stable = story.revisions[story.revision("v1")]
    stable.service = None
    story.rests(2)
    assert stable.service is not None


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    "edit", [{"selector": {"app": "other"}}, {"ports": [{"name": "http", "port": 80, "targetPort": 9999}]}], ids=str
)
def test_its_service_leads_to_its_pods_again(moment: Callable[[], Story], edit: dict[str, Any]) -> None:
    story = moment()
    stable = story.revisions[story.revision("v1")]
    before = stable.service
    assert before is not None
    stable.service = {**before, "spec": {**before["spec"], **edit}}
    story.rests(2)
    assert stable.service == before


def test_a_service_keeps_its_port_while_another_kind_of_route_is_asked_for() -> None:
    story = half_way()
    stable = story.revisions[story.revision("v1")]
    before = stable.service
    story.edit(traffic={"gatewayAPI": {**story.spec["traffic"]["gatewayAPI"], "kind": "GRPCRoute"}})
    story.rests(5)
    assert stable.service == before


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("pods", [0, 1, 5])
def test_it_gets_its_pods_again(moment: Callable[[], Story], pods: int) -> None:
    story = moment()
    story.revisions[story.revision("v1")].scale(pods, story.now)
    story.rests(2)
    assert story.pods("v1") == 3


@pytest.mark.parametrize("moment", MOMENTS)
def test_its_deployment_is_made_again(moment: Callable[[], Story]) -> None:
    story = moment()
    name = story.revision("v1")
    before = deepcopy(story.revisions.pop(name).deployment)
    story.rests(2)
    assert story.pods("v1") == 3
    assert story.revisions[name].deployment["spec"]["template"] == before["spec"]["template"]


def held() -> Story:
    """A version is asked for that nobody has registered."""
    story = half_way()
    story.ask("v9")
    return story.rests(2)


@pytest.mark.parametrize("moment", [half_way, superseding, held, standing_in, alone])
def test_a_split_holds_on_to_its_rollout_again(moment: Callable[[], Story]) -> None:
    story = moment()
    story.happens("somebody takes the finalizer away", finalizer=False)
    story.rests(2)
    assert story.finalizer


def test_pods_that_the_spec_would_not_make_the_same_are_not_made() -> None:
    story = half_way()
    stable = story.revision("v1")
    story.edit(serving={**story.spec["serving"], "implementation": "models.Fraud"})
    story.rests(2)
    del story.revisions[stable]
    story.rests(5)
    assert stable not in story.revisions


def test_a_kept_version_that_is_scaled_away_and_asked_for_again_is_scaled_once() -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(20), **KEEPING)
    story.reaches(promoted).rests(20)
    story.tell("somebody scales v1 away, and it is asked for")
    story.revisions[story.revision("v1")].scale(0, story.now)
    story.ask("v1")
    story.reaches(lambda one: one.share("v1") == 100)


def test_with_the_order_that_takes_it_back_the_service_comes_first() -> None:
    story = half_way()
    stable = story.revisions[story.revision("v1")]
    stable.service = None
    story.order("abort")
    story.reaches(lambda one: one.share("v1") == 100, within=2.0)
    assert stable.service is not None


def test_what_serves_after_a_deletion_has_its_service() -> None:
    story = half_way()
    stable = story.revisions[story.revision("v1")]
    stable.service = None
    story.delete()
    story.rests(60)
    assert stable.service is not None
    assert {*story.served_by()} == {story.revision("v1")}


@pytest.mark.parametrize("up", [True, False])
def test_more_pods_asked_for_with_the_next_version_are_started_at_once(up: bool) -> None:
    story = half_way()
    story.happens("a gateway", gateway_up=up)
    story.edit(modelVersion="v3", serving={"replicas": 5})
    story.rests(2)
    assert story.pods("v1") == 5


def test_a_gateway_that_does_not_let_the_last_one_go_is_named() -> None:
    story = superseding()
    story.reaches(says("NotAcknowledged"), within=180.0)
    assert story.plan is not None
    assert "gateways/public" in story.plan.situation.message
    story.happens("the gateway is back", gateway_up=True)
    story.reaches(at("w50"), within=120.0)


@pytest.mark.parametrize("moment", [half_way, superseding, clearing, taken_back, on_the_way_back])
def test_weights_written_by_others_are_put_right_before_anybody_goes(moment: Callable[[], Story]) -> None:
    story = moment()
    route, v1, v2 = deepcopy(story.route), story.revision("v1"), story.revision("v2")
    assert route is not None
    asked = weights(story.route)
    shares = {v1: 20, v2: 80}
    route["spec"]["rules"][0]["backendRefs"] = [{"name": n, "port": 80, "weight": w} for n, w in shares.items()]
    story.tell("somebody writes 80 % for v2")
    story.route, story.route_generation, story.route_written_at = route, story.route_generation + 1, story.now
    story.reaches(lambda one: weights(one.route) == asked, within=2.0)
    story.rests(60)
