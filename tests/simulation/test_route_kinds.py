"""Catches a change of the kind of route that leaves users without a route, or takes away the pods that serve them."""

import copy
from typing import Any

import pytest

from tests.simulation.cases.calls import CALLS
from tests.simulation.gateway import Gateway
from tests.simulation.invariants import watched
from tests.simulation.test_stages import asking, at, transcript
from tests.simulation.world import World, serving, spec, weights

HTTP_TRAFFIC, GRPC_TRAFFIC = spec()["traffic"], CALLS["traffic"]


def said(world: World) -> str:
    assert world.plan is not None
    return f"{world.plan.situation.standing.value} {world.plan.situation.reason}: {world.plan.situation.message}"


def test_another_kind_is_refused_while_a_route_stands_and_users_keep_theirs() -> None:
    """The API server refuses the edit itself; taking `gatewayAPI` out and putting it back is two."""
    world = watched(serving())
    served = copy.deepcopy(world.route)
    world.edit(traffic=GRPC_TRAFFIC, modelVersion="v2")
    world.run(60)
    assert world.route == served
    assert [one.arm[0] for one in world.revisions.values()] == ["v1"]
    assert said(world).startswith("Failed InvalidSpec: spec.traffic.gatewayAPI.kind must be HTTPRoute"), said(world)
    assert "the HTTPRoute fraud still serves" in said(world)
    world.edit(traffic=HTTP_TRAFFIC)
    world.run(300, until=at("half"))
    assert at("half")(world), transcript(world)


def test_in_a_split_what_is_given_stays_given_and_is_repaired() -> None:
    world = asking({"name": "ten", "weight": 10}, {"name": "sign-off", "gate": "Manual"})
    world.run(60, until=at("sign-off"))
    split = weights(world.route)
    world.edit(traffic=GRPC_TRAFFIC)
    world.run(10)
    assert world.route is not None
    world.route["spec"]["rules"][0]["backendRefs"] = world.route["spec"]["rules"][0]["backendRefs"][:1]
    world.route_generation += 1
    world.run(10)
    assert (weights(world.route), world.route["kind"]) == (split, "HTTPRoute")
    world.order("abort")
    world.run(10)
    assert world.share("v1") == 100
    assert world.failed_by_route == 0


@pytest.mark.parametrize(("left", "asked"), [(spec(), GRPC_TRAFFIC), (CALLS, HTTP_TRAFFIC)])
def test_what_a_deleted_rollout_left_serving_is_not_cleared_away(left: dict[str, Any], asked: dict[str, Any]) -> None:
    world = serving(spec=left)
    before = set(world.revisions)
    world.status, world.uid = type(world.status)(), "u-2"
    world.edit(traffic=asked)
    world.run(90)
    assert set(world.revisions) == before
    assert world.failed_by_route == 0
    assert "InvalidSpec" in said(world)


def test_it_is_deleted_on_stable_whatever_kind_the_spec_asks_for() -> None:
    world = asking({"name": "ten", "weight": 10}, {"name": "sign-off", "gate": "Manual"})
    world.run(60, until=at("sign-off"))
    world.edit(traffic=GRPC_TRAFFIC)
    world.delete()
    world.run(60)
    assert world.share("v1") == 100
    assert not world.finalizer
    assert world.route is not None
    assert world.route["kind"] == "HTTPRoute"


def test_no_list_speaks_for_or_against_copies_of_calls() -> None:
    """The Gateway API has no name for them, so that they are tried whatever is published."""
    published = Gateway(features=frozenset({"GRPCRoute", "HTTPRoute"}))
    world = asking({"name": "copy", "shadow": 50}, spec=CALLS, gateway=published)
    world.run(60, until=at("copy"))
    assert at("copy")(world), transcript(world)
    assert len(world.gateway.routes_seen) == 1
