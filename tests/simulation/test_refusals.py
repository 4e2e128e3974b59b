"""Catches a route that is taken away from users by an edit, a pod for what nobody could reach, a refusal for ever."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from crossfade.model.claim import Rival, Wanted
from crossfade.model.gateway import Listener
from crossfade.model.route import ParentFacts

from tests.simulation.gateway import Gateway
from tests.simulation.invariants import watched
from tests.simulation.test_rehearsals import refused, said, seen_after_a_restart
from tests.simulation.test_stages import asking, at, ladder, transcript
from tests.simulation.world import World, promoted, serving, spec

TEN = {"name": "ten", "weight": 10, "minDuration": "10m"}
SHOP = (Rival("HTTPRoute", "web", "shop", Wanted("gateways", "public", "", "PathPrefix", "/")),)
CLASH = (
    "`spec.traffic.gatewayAPI` asks for any host with PathPrefix / behind Gateway gateways/public,"
    " which HTTPRoute web/shop had before"
)


def behind(*parents: Any, **more: Any) -> dict[str, Any]:
    """Traffic by these Gateways of the namespace `gateways`, each a name or a reference."""
    refs = [{"name": one, "namespace": "gateways"} if isinstance(one, str) else one for one in parents]
    return {"gatewayAPI": {"parentRefs": refs, **more}}


def front(world: World) -> dict[str, Any]:
    """What users meet: all of the stored route but its weights."""
    stored = (world.route or {})["spec"]
    return {**stored, "rules": [rule.get("matches") for rule in stored["rules"]]}


def waits_for(reason: str) -> Any:
    return lambda world: world.plan is not None and world.plan.situation.reason == reason


WRONG = {
    "a Gateway that is not there": (
        behind("nowhere"),
        {},
        "WaitingForGateway",
        "`spec.traffic.gatewayAPI.parentRefs[0]` names Gateway gateways/nowhere: it does not exist",
    ),
    "a listener that is not there": (
        behind({"name": "public", "namespace": "gateways", "sectionName": "https", "port": 443}),
        {},
        "NotAdmitted",
        "a listener with `sectionName: https` and `port: 443`, and Gateway gateways/public has only: http (80)",
    ),
    "a Gateway for its own namespace": (
        behind("private"),
        {"others": {"private": "no"}, "others_closed": True},
        "NotAdmitted",
        "names Gateway gateways/private, and its listener http takes no route of the namespace ml",
    ),
    "a host that nobody serves": (
        behind("public", hostnames=["fraud.example.com"]),
        {"listeners": (Listener("http", 80, "HTTP", "*.test"),)},
        "NotAdmitted",
        "hostnames` are fraud.example.com, and no listener of Gateway gateways/public that this route may use serves",
    ),
    "a listener for other protocols": (
        behind("public"),
        {"listeners": (Listener("tcp", 80, "TCP"), Listener("grpc", 81, "HTTP", kinds=frozenset({"GRPCRoute"})))},
        "NotAdmitted",
        "its listeners tcp, grpc take no HTTPRoute",
    ),
}


@pytest.mark.parametrize(("traffic", "knobs", "reason", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_first_version_for_it_gets_neither_pods_nor_route_until_it_is_right(
    traffic: dict[str, Any], knobs: dict[str, Any], reason: str, sentence: str
) -> None:
    world = watched(World(spec=spec("v1", traffic=traffic), gateway=Gateway(**knobs)))
    world.run(60)
    assert (waits_for(reason)(world), sentence in said(world)) == (True, True), transcript(world)
    assert (world.revisions, world.route) == ({}, None)
    world.gateway.listeners = Gateway().listeners
    world.edit(traffic=behind("public"))
    world.run(60, until=promoted)
    assert promoted(world), transcript(world)


@pytest.mark.parametrize(("traffic", "knobs", "reason", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_an_edit_to_it_leaves_users_what_they_had(
    traffic: dict[str, Any], knobs: dict[str, Any], reason: str, sentence: str
) -> None:
    world = watched(serving("v1"))
    for knob, value in knobs.items():
        setattr(world.gateway, knob, value)
    before = front(world)
    world.edit(traffic=traffic, modelVersion="v2")
    world.run(60)
    assert (waits_for(reason)(world), sentence in said(world)) == (True, True), transcript(world)
    assert (front(world), len(world.revisions), world.failed_by_route) == (before, 1, 0)
    assert seen_after_a_restart(world, 20) == {reason}, transcript(world)


@pytest.mark.parametrize(("traffic", "knobs", "reason", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_an_edit_to_it_in_the_middle_holds_and_goes_on_when_it_is_taken_back(
    traffic: dict[str, Any], knobs: dict[str, Any], reason: str, sentence: str
) -> None:
    world = asking({**TEN, "minDuration": "5s"}, {"name": "half", "weight": 50})
    world.run(60, until=at("ten"))
    for knob, value in knobs.items():
        setattr(world.gateway, knob, value)
    before, right = front(world), world.spec["traffic"]
    world.edit(traffic=traffic)
    world.run(60)
    assert (waits_for(reason)(world), sentence in said(world)) == (True, True), transcript(world)
    assert (front(world), world.share("v2"), world.failed_by_route) == (before, 10, 0)
    world.gateway.listeners = Gateway().listeners
    world.edit(traffic=right)
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)


def test_a_rollback_does_not_wait_for_a_wrong_edit_to_be_taken_back() -> None:
    world = asking(TEN)
    world.run(60, until=at("ten"))
    world.edit(traffic=behind("nowhere"))
    world.run(20)
    world.order("abort")
    world.run(1)
    assert world.share("v2") == 0, transcript(world)
    assert front(world)["parentRefs"] == behind("public")["gatewayAPI"]["parentRefs"]


def test_users_keep_the_gateway_they_have_until_the_next_one_has_taken_the_route() -> None:
    world = watched(serving("v1"))
    world.gateway.others["next"] = "not yet"
    world.edit(traffic=behind("next"))
    world.run(60)
    assert [one["name"] for one in front(world)["parentRefs"]] == ["next", "public"], transcript(world)
    assert "Gateway gateways/next has not accepted generation 2 of the route: not yet" in said(world)
    writes = world.route_generation
    world.run(60)
    assert world.route_generation == writes, "it flaps"
    world.gateway.others["next"] = ""
    world.run(10)
    assert [one["name"] for one in front(world)["parentRefs"]] == ["next"], transcript(world)
    world.run(10)
    assert world.plan is not None
    assert world.plan.situation.reason == "Promoted"


def test_of_one_gateway_another_listener_comes_first_and_the_old_one_goes_then() -> None:
    def web(section: str) -> dict[str, Any]:
        return {"name": "public", "namespace": "gateways", "sectionName": section}

    doors = (Listener("a", 80, "HTTP"), Listener("b", 81, "HTTP"))
    world = watched(World(spec=spec("v1", traffic=behind(web("a"))), gateway=Gateway(listeners=doors)))
    world.run(30, until=promoted)
    seen = []
    world.checks.append(lambda one: seen.append([ref.get("sectionName") for ref in front(one)["parentRefs"]]))
    world.edit(traffic=behind(web("b")))
    world.run(20)
    assert ["b", "a"] in seen
    assert seen[-1] == ["b"]
    world.edit(traffic=behind("public"))  # of one Gateway, the whole and a listener cannot both be named
    world.run(20)
    assert seen[-1] == [None]
    assert world.failed_by_route == 0


def test_a_clash_starts_nothing_says_with_whom_and_heals() -> None:
    world = watched(World(spec=spec("v1"), rivals=SHOP))
    world.run(60)
    assert refused("HostTaken")(world), transcript(world)
    assert said(world).startswith(CLASH)
    assert (world.revisions, world.route) == ({}, None)
    world.rivals = ()
    world.run(60, until=promoted)
    assert promoted(world), transcript(world)


def test_a_clash_by_an_edit_leaves_users_what_they_had_and_no_candidate_starts() -> None:
    world = watched(serving("v1"))
    before = front(world)
    host = Wanted("gateways", "public", "shop.test", "PathPrefix", "/")
    world.rivals = (replace(SHOP[0], wanted=host),)
    world.edit(traffic=behind("public", hostnames=["shop.test"]), modelVersion="v2")
    world.run(60)
    assert refused("HostTaken")(world), transcript(world)
    assert "shop.test with PathPrefix /" in said(world)
    assert (front(world), len(world.revisions), world.failed_by_route) == (before, 1, 0)


def test_a_clash_in_the_middle_holds() -> None:
    world = asking({**TEN, "minDuration": "5s"}, {"name": "half", "weight": 50})
    world.run(60, until=at("ten"))
    world.rivals = SHOP
    world.run(60)
    assert (refused("HostTaken")(world), world.share("v2")) == (True, 10), transcript(world)
    world.rivals = ()
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)


@pytest.mark.parametrize("absent", ["it does not exist", "its GatewayClass acme does not exist"])
def test_a_gateway_that_goes_in_the_middle_holds_and_takes_nothing_back(absent: str) -> None:
    world = asking({**TEN, "minDuration": "15s", "maxDuration": "30s"}, {"name": "half", "weight": 50})
    world.run(60, until=at("ten"))
    world.gateway.absent, world.rate = absent, 0.0
    world.run(20)
    assert f"names Gateway gateways/public: {absent}" in said(world), transcript(world)
    world.run(300)
    assert world.share("v2") == 10, transcript(world)
    assert world.status.candidate is not None
    world.gateway.absent, world.rate = "", 200.0
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)


def test_a_gateway_that_is_away_starts_no_candidate_and_stops_no_serving() -> None:
    world = watched(serving("v1"))
    world.run(60)
    world.gateway.absent = "it does not exist"
    world.ask("v2")
    world.run(60)
    assert waits_for("WaitingForGateway")(world), transcript(world)
    assert len(world.revisions) == 1
    assert world.status.stable is not None
    world.gateway.absent = ""
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)


def test_a_template_without_a_port_for_requests_starts_nothing() -> None:
    world = watched(serving("v1"))
    before = world.route
    container = {"name": "model", "image": "m", "ports": [{"name": "rest", "containerPort": 8080}]}
    wrong = {"runtime": "custom", "replicas": 2, "template": {"spec": {"containers": [container]}}}
    world.edit(serving=wrong, modelVersion="v2")
    world.run(60)
    assert refused("InvalidSpec")(world), transcript(world)
    assert "must have a TCP port named `http`" in said(world)
    assert (world.route, len(world.revisions), world.failed_by_route) == (before, 1, 0)


def test_gateways_are_read_every_ten_seconds_while_a_candidate_is_under_way_and_not_at_rest() -> None:
    world = asking(TEN)
    world.run(60, until=at("ten"))
    reads = world.gateway.reads
    world.run(100)
    assert 9 <= world.gateway.reads - reads <= 11
    world.edit(strategy=ladder({"name": "ten", "weight": 10}))
    world.run(200, until=promoted)
    world.run(30)
    reads = world.gateway.reads
    world.run(100)
    assert world.gateway.reads == reads


@dataclass
class Unpermitting(Gateway):
    """It takes the users' route, and from some moment on says that a backend of it is not permitted."""

    words: str = ""

    def _said(self, ref: dict[str, Any], generation: int) -> ParentFacts:
        return replace(super()._said(ref, generation), resolved_refs=not self.words, message=self.words)


def test_a_route_whose_references_no_grant_permits_is_not_taken() -> None:
    """However it comes to that: no clock begins, the gateway's words are said, and an abort leaves stable alone.
    GitOps property 15."""
    gateway = Unpermitting()
    world = asking({"name": "ten", "weight": 10}, {"name": "half", "weight": 50}, gateway=gateway)
    gateway.words = "RefNotPermitted: no ReferenceGrant permits the backend"
    world.run(120)
    assert world.status.stage is not None
    assert (world.status.stage.name, world.status.stage.proven_at) == ("ten", None), transcript(world)
    assert waits_for("WaitingForGateway")(world)
    assert world.plan is not None
    assert world.plan.situation.message.endswith(gateway.words)
    world.order("abort")
    world.run(2)
    assert (world.share("v1"), world.share("v2")) == (100, 0)
    assert world.failed_by_route == 0
