"""Would catch two routes for the same requests that nobody notices, a refusal of the wrong one, and one that stays."""

import sys
from collections import Counter
from typing import Any

import pytest
from crossfade.observe.cache import Cache
from crossfade.observe.claims import Claims

from tests.unit.fakes.cluster import FakeCluster

ROUTES = "gateway.networking.k8s.io/v1"
PUBLIC = {"name": "public", "namespace": "gateways"}

Object = dict[str, Any]


class Seen:
    """What is claimed, fed as the watch does."""

    def __init__(self) -> None:
        self.cluster, self.cache, self.claims = FakeCluster(), Cache(), Claims()

    def put(self, body: Object) -> set[tuple[str, str]]:
        """An object is created or changed; the Rollouts for which that matters."""
        change = self.cache.put(self.cluster.create(body))
        assert change is not None
        return self.claims.take(change)

    def drop(self, body: Object) -> set[tuple[str, str]]:
        """An object is deleted; the Rollouts for which that matters."""
        metadata = body["metadata"]
        stored = self.cluster.objects.pop((body["kind"], metadata["namespace"], metadata["name"]))
        change = self.cache.remove(stored)
        assert change is not None
        return self.claims.take(change)

    def rivals(self, body: Object) -> list[str]:
        """Who comes before this Rollout."""
        metadata = body["metadata"]
        stored = self.cluster.objects[body["kind"], metadata["namespace"], metadata["name"]]
        return [f"{one}: {one.wanted}" for one in self.claims.before(stored)]


def paths(*values: str, **more: Any) -> list[Object]:
    return [{"matches": [{"path": {"type": "PathPrefix", "value": value}, **more}]} for value in values]


def rollout(name: str, at: int, *hosts: str, parent: Object = PUBLIC, namespace: str = "ml", **more: Any) -> Object:
    """A Rollout created at this second."""
    api = {"parentRefs": [parent], "hostnames": list(hosts), **more}
    return {
        "apiVersion": "crossfade.dev/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": f"2026-01-01T00:00:{at:02}Z"},
        "spec": {"modelVersion": "v1", "traffic": {"gatewayAPI": api}},
    }


def route(name: str, at: int, *hosts: str, parent: Object = PUBLIC, namespace: str = "web", **more: Any) -> Object:
    """A route created at this second."""
    return {
        "apiVersion": ROUTES,
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": f"2026-01-01T00:00:{at:02}Z"},
        "spec": {"parentRefs": [parent], "hostnames": list(hosts), "rules": [{}], **more},
    }


def test_the_route_that_is_there_comes_before_a_rollout_and_is_named_with_host_and_path() -> None:
    seen, mine = Seen(), rollout("fraud", 1, "a.test", "b.test")
    seen.put(mine)
    assert seen.put(route("shop", 9, "b.test")) == {("ml", "fraud")}
    assert seen.rivals(mine) == ["HTTPRoute web/shop: b.test with PathPrefix /"]
    assert seen.drop(route("shop", 9, "b.test")) == {("ml", "fraud")}
    assert seen.rivals(mine) == []


def test_of_two_rollouts_the_elder_is_untouched() -> None:
    seen, elder, younger = Seen(), rollout("zebra", 1, "a.test"), rollout("ape", 2, "a.test")
    seen.put(younger)
    assert seen.put(elder) == {("ml", "ape")}
    assert seen.rivals(elder) == []
    assert seen.rivals(younger) == ["Rollout ml/zebra: a.test with PathPrefix /"]


def test_of_two_of_one_age_the_name_decides_as_in_the_gateway_api() -> None:
    seen, one, other = Seen(), rollout("fraud", 1, "a.test", namespace="a"), rollout("fraud", 1, "a.test")
    seen.put(one)
    seen.put(other)
    assert (seen.rivals(one), len(seen.rivals(other))) == ([], 1)


def test_what_serves_comes_before_an_elder_that_only_asks_for_it() -> None:
    """The elder Rollout is edited to a host that a younger one has: its route, the elder one, would take it away."""
    seen, elder, younger = Seen(), rollout("fraud", 1, "a.test"), rollout("other", 5, "b.test")
    for one in (
        elder,
        younger,
        route("fraud", 1, "a.test", namespace="ml"),
        route("other", 5, "b.test", namespace="ml"),
    ):
        seen.put(one)
    edited = rollout("fraud", 1, "b.test")
    assert seen.put(edited) == {("ml", "other")}
    assert seen.rivals(edited) == ["HTTPRoute ml/other: b.test with PathPrefix /"]
    assert seen.rivals(younger) == []


def test_a_younger_route_for_what_is_served_takes_nothing_away() -> None:
    seen, mine = Seen(), rollout("fraud", 1, "a.test")
    seen.put(mine)
    seen.put(route("fraud", 2, "a.test", namespace="ml"))
    seen.put(route("late", 3, "a.test"))
    assert seen.rivals(mine) == []


@pytest.mark.parametrize(
    "other",
    [
        route("o", 1, "b.test"),
        route("o", 1, "*.test"),
        route("o", 1),
        route("o", 1, "a.test", rules=paths("/api")),
        route("o", 1, "a.test", rules=paths("/", headers=[{"name": "x", "value": "y"}])),
        route("o", 1, "a.test", rules=paths("/", method="GET")),
        route("o", 1, "a.test", rules=[{"matches": [{"path": {"type": "Exact", "value": "/"}}]}]),
        route("o", 1, "a.test", parent={"name": "public"}),
        route("o", 1, "a.test", parent={**PUBLIC, "kind": "Service"}),
        route("o", 1, "a.test", parent={**PUBLIC, "sectionName": "http"}),
        route("o", 1, "a.test", parent={**PUBLIC, "port": 80}),
    ],
)
def test_requests_that_another_match_wins_or_another_listener_gets_are_no_clash(other: Object) -> None:
    """More special hosts, paths and conditions win whatever the age."""
    seen, mine = Seen(), rollout("fraud", 2, "a.test", parent={**PUBLIC, "sectionName": "https", "port": 443})
    seen.put(mine)
    seen.put(other)
    assert seen.rivals(mine) == []


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (rollout("fraud", 2), route("o", 1)),
        (rollout("fraud", 2, rules=paths("/a", "/b")), route("o", 1, rules=paths("/b"))),
        (rollout("fraud", 2, "a.test", parent={**PUBLIC, "sectionName": "http"}), route("o", 1, "a.test")),
        (
            rollout("fraud", 2, "a.test", parent={"name": "g"}),
            route("o", 1, "a.test", parent={**PUBLIC, "name": "g", "namespace": "ml"}),
        ),
    ],
)
def test_the_same_requests_by_other_words_are_a_clash(mine: Object, other: Object) -> None:
    seen = Seen()
    seen.put(mine)
    seen.put(other)
    assert len(seen.rivals(mine)) == 1


AWAY = [{"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}]
ELSEWHERE = [{"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "hostname": "b.test"}}]}]
PLAIN, SECURE = {**PUBLIC, "sectionName": "http"}, {**PUBLIC, "sectionName": "https"}


@pytest.mark.parametrize(
    ("mine", "away"),
    [
        ([PUBLIC], PLAIN),
        ([PUBLIC], {**PUBLIC, "port": 80}),
        ([PLAIN, SECURE], PLAIN),
        ([{**PUBLIC, "port": 80}, {**PUBLIC, "port": 443}], {**PUBLIC, "port": 80}),
        ([SECURE], PLAIN),
    ],
)
def test_a_redirect_from_one_listener_of_several_takes_nothing_for_good(mine: list[Object], away: Object) -> None:
    """From http to https, the usual way: what comes to the other listener is ours, and in the end what is led there."""
    seen, asks = Seen(), rollout("fraud", 2, "a.test", parentRefs=mine)
    seen.put(asks)
    seen.put(route("o", 1, "a.test", parent=away, rules=AWAY))
    assert seen.rivals(asks) == []


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (PLAIN, route("o", 1, "a.test", parent=PLAIN, rules=AWAY)),
        (PLAIN, route("o", 1, "a.test", rules=AWAY)),
        (PUBLIC, route("o", 1, "a.test", rules=AWAY)),
        (PUBLIC, route("o", 1, "a.test", parent=PLAIN)),
        (PUBLIC, route("o", 1, "a.test", parent=PLAIN, rules=ELSEWHERE)),
    ],
    ids=["the only one that is asked for", "by a redirect from all", "all of all", "by an answer", "to another host"],
)
def test_listeners_that_are_taken_are_a_clash(mine: Object, other: Object) -> None:
    seen, asks = Seen(), rollout("fraud", 2, "a.test", parent=mine)
    seen.put(asks)
    seen.put(other)
    assert len(seen.rivals(asks)) == 1


def calls(**method: str) -> list[Object]:
    return [{"matches": [{"method": method}]}]


BOTH = {"service": "inference.GRPCInferenceService", "method": "ModelInfer"}


def grpc_route(rules: list[Object], at: int = 1) -> Object:
    return {**route("o", at, "a.test", rules=rules), "kind": "GRPCRoute"}


def grpc_rollout(rules: list[Object], at: int = 2) -> Object:
    return rollout("fraud", at, "a.test", kind="GRPCRoute", rules=rules)


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (calls(**BOTH), "Exact /inference.GRPCInferenceService/ModelInfer"),
        (calls(service=BOTH["service"]), "PathPrefix /inference.GRPCInferenceService"),
        (calls(method="ModelInfer"), "Exact /*/ModelInfer"),
        (calls(type="RegularExpression", service="inf.*"), "RegularExpression /inf.*/*"),
        ([{}], "PathPrefix /"),
        ([*calls(service="other"), *calls(type="Exact", **BOTH)], "Exact /inference.GRPCInferenceService/ModelInfer"),
    ],
)
def test_the_same_calls_of_a_host_are_a_clash(rules: list[Object], told: str) -> None:
    seen, mine, younger = Seen(), grpc_rollout(rules), rollout("z", 3, "a.test", kind="GRPCRoute", rules=rules)
    seen.put(mine)
    seen.put(younger)
    seen.put(grpc_route(rules[-1:]))
    assert seen.rivals(mine) == [f"GRPCRoute web/o: a.test with {told}"]
    assert f"Rollout ml/fraud: a.test with {told}" in seen.rivals(younger)


@pytest.mark.parametrize(
    "other",
    [
        grpc_route(calls(**{**BOTH, "method": "ModelReady"})),
        grpc_route(calls(**{**BOTH, "service": "other.Service"})),
        grpc_route(calls(service=BOTH["service"])),
        grpc_route(calls(method="ModelInfer")),
        grpc_route(calls(type="RegularExpression", **BOTH)),
        grpc_route([{"matches": [{"method": BOTH, "headers": [{"name": "x", "value": "y"}]}]}]),
        grpc_route([{}]),
        {**grpc_route(calls(**BOTH)), "spec": {**grpc_route(calls(**BOTH))["spec"], "hostnames": ["b.test"]}},
    ],
)
def test_calls_that_another_match_wins_are_no_clash(other: Object) -> None:
    seen, mine = Seen(), grpc_rollout(calls(**BOTH))
    seen.put(mine)
    seen.put(other)
    assert seen.rivals(mine) == []


def test_an_httproute_for_the_path_of_a_call_is_a_clash() -> None:
    """A call is a request of that path; a host of a listener has routes of one kind."""
    seen, mine = Seen(), grpc_rollout(calls(**BOTH))
    seen.put(mine)
    path = {"type": "Exact", "value": "/inference.GRPCInferenceService/ModelInfer"}
    seen.put(route("o", 1, "a.test", rules=[{"matches": [{"path": path}]}]))
    assert len(seen.rivals(mine)) == 1


def test_a_route_that_its_gateway_refuses_and_a_rollout_on_its_way_out_want_nothing() -> None:
    seen, mine, gone = Seen(), rollout("fraud", 5, "a.test"), rollout("gone", 1, "a.test")
    refused = {"parentRef": PUBLIC, "conditions": [{"type": "Accepted", "status": "False"}]}
    seen.put(mine)
    seen.put({**route("o", 1, "a.test"), "status": {"parents": [refused]}})
    seen.put({**gone, "metadata": {**gone["metadata"], "deletionTimestamp": "now"}})
    assert seen.rivals(mine) == []


@pytest.mark.parametrize(("left", "now", "rivals"), [("False", "True", 1), ("True", "False", 0)])
def test_what_a_controller_said_whose_the_gateway_is_no_more_counts_for_nothing(
    left: str, now: str, rivals: int
) -> None:
    """Its words stay in the status, of the generation that it saw last."""
    seen, mine = Seen(), rollout("fraud", 5, "a.test")
    said = [
        {"parentRef": PUBLIC, "conditions": [{"type": "Accepted", "status": word, "observedGeneration": generation}]}
        for word, generation in ((now, 2), (left, 1))
    ]
    seen.put(mine)
    seen.put({**route("o", 1, "a.test"), "status": {"parents": said}})
    assert len(seen.rivals(mine)) == rivals


def test_weights_wake_nobody() -> None:
    seen, other = Seen(), route("shop", 1, "a.test")
    seen.put(rollout("fraud", 2, "a.test"))
    seen.put(other)
    weighed = {**other["spec"], "rules": [{"backendRefs": [{"name": "x", "weight": 3}]}]}
    assert seen.put({**other, "spec": weighed}) == set()


def test_ten_times_the_rollouts_cost_each_no_more() -> None:
    def cost(count: int) -> int:
        seen = Seen()
        for at in range(count):
            seen.put(rollout(f"r{at}", 1, f"{at}.test"))
            seen.put(route(f"r{at}", 1, f"{at}.test", namespace="ml"))
        mine = seen.cluster.objects["Rollout", "ml", "r7"]
        calls = Counter[str]()
        sys.setprofile(lambda frame, event, _: calls.update([event]))
        try:
            found = seen.claims.before(mine)
        finally:
            sys.setprofile(None)
        assert found == ()
        return calls.total()

    assert cost(1000) == cost(100) > 0
