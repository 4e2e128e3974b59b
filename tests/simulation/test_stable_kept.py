"""Would catch: a stable version whose children others changed or took in mid-rollout and that is left so, beside what
test_kept_whole.py takes at every place."""

from typing import Any

import pytest

from tests.simulation.cases.story import at, says
from tests.simulation.places import PLACES, at_place


@pytest.mark.parametrize("place", [place for place, found in PLACES.items() if found.stable == "v1"])
@pytest.mark.parametrize(
    "edit", [{"selector": {"app": "other"}}, {"ports": [{"name": "http", "port": 80, "targetPort": 9999}]}], ids=str
)
def test_its_service_leads_to_its_pods_again(place: str, edit: dict[str, Any]) -> None:
    story = at_place(place)
    stable = story.revisions[story.revision("v1")]
    before = stable.service
    assert before is not None
    stable.service = {**before, "spec": {**before["spec"], **edit}}
    story.rests(2)
    assert stable.service == before


def test_a_service_keeps_its_port_while_another_kind_of_route_is_asked_for() -> None:
    story = at_place("half-way")
    stable = story.revisions[story.revision("v1")]
    before = stable.service
    story.edit(traffic={"gatewayAPI": {**story.spec["traffic"]["gatewayAPI"], "kind": "GRPCRoute"}})
    story.rests(5)
    assert stable.service == before


@pytest.mark.parametrize(
    "place", ["half-way", "superseding", "holding", "stranded", "stranded on the way back", "standing in"]
)
def test_a_split_holds_on_to_its_rollout_again(place: str) -> None:
    story = at_place(place)
    story.happens("somebody takes the finalizer away", finalizer=False)
    story.rests(2)
    assert story.finalizer


def test_pods_that_the_spec_would_not_make_the_same_are_not_made() -> None:
    story = at_place("half-way")
    stable = story.revision("v1")
    story.edit(serving={**story.spec["serving"], "implementation": "models.Fraud"})
    story.rests(2)
    del story.revisions[stable]
    story.rests(5)
    assert stable not in story.revisions


def test_a_kept_version_that_is_scaled_away_and_asked_for_again_is_scaled_once() -> None:
    story = at_place("promoted")
    story.tell("somebody scales v1 away, and it is asked for")
    story.revisions[story.revision("v1")].scale(0, story.now)
    story.ask("v1")
    story.reaches(lambda one: one.share("v1") == 100)


def test_with_the_order_that_takes_it_back_the_service_comes_too() -> None:
    story = at_place("half-way")
    stable = story.revisions[story.revision("v1")]
    stable.service = None
    story.order("abort")
    story.reaches(lambda one: one.share("v1") == 100, within=2.0)
    assert stable.service is not None


def test_what_serves_after_a_deletion_has_its_service() -> None:
    story = at_place("half-way")
    stable = story.revisions[story.revision("v1")]
    stable.service = None
    story.delete()
    story.rests(60)
    assert stable.service is not None
    assert {*story.served_by()} == {story.revision("v1")}


def test_what_is_taken_from_a_rollout_that_only_others_hold_stays_away() -> None:
    """Its children are the garbage collector's then."""
    story = at_place("promoted")
    story.edit(strategy={"stages": story.spec["strategy"]["stages"]})
    story.rests(60)
    assert not story.finalizer
    story.delete()
    story.revisions[story.revision("v2")].service = None
    story.rests(10)
    assert story.revisions[story.revision("v2")].service is None


@pytest.mark.parametrize("up", [True, False])
def test_more_pods_asked_for_with_the_next_version_are_started_at_once(up: bool) -> None:
    story = at_place("half-way")
    story.happens("a gateway", gateway_up=up)
    story.edit(modelVersion="v3", serving={"replicas": 5})
    story.rests(2)
    assert story.pods("v1") == 5


def test_a_gateway_that_does_not_let_the_last_one_go_is_named() -> None:
    story = at_place("superseding")
    story.reaches(says("NotAcknowledged"), within=180.0)
    assert story.plan is not None
    assert "gateways/public" in story.plan.situation.message
    story.happens("it is", ack_seconds=0.0)
    story.reaches(at("w50"), within=120.0)
