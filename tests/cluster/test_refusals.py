"""Catches what is wrong in a Rollout or in its world and costs users a request, starts a pod, or is never said."""

import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from testbed import gateway_api
from testbed.cluster import ClusterClient
from testbed.load import LoadGenerator
from tests.support import objects
from tests.support.endpoint import NAME, Endpoint, at_least, at_rest, at_stage, failed_by_route, ready, serves, weights
from tests.support.gateways import on_both_gateways, on_both_gateways_at_length, on_envoy_and_both_at_length
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import PATIENCE_SECONDS, Object, collection
from tests.support.statuses import conditions

pytestmark = pytest.mark.cluster

RATE = 100.0
MERGE = {"Content-Type": "application/merge-patch+json"}
HELD = {"name": "held", "weight": 40, "minDuration": "10m"}
EDITS: dict[str, tuple[Object, str]] = {
    "weights that fall": (objects.stages(50, 20), "must rise: each stage's"),
    "a name twice": ({"stages": [{"name": "five", "weight": 5}, {"name": "five", "weight": 50}]}, "Duplicate value"),
    "a weight beyond the scale": (objects.stages(50, 100), "must have weights that are less than `weightScale`"),
    "a weight beyond what the hold-back leaves": (
        {**objects.stages(50, 96), "bake": {"duration": "9m", "holdback": 4}},
        "must have weights that are less than `weightScale` minus `bake.holdback`",
    ),
    "a gate that ends before anybody may pass it": (
        {"stages": [{"name": "five", "weight": 5, "gate": "Manual", "minDuration": "2m", "maxDuration": "90s"}]},
        "must have a `maxDuration` that is not less than `minDuration`",
    ),
    "a gate that no people pass": ({"stages": [{"name": "five", "weight": 5, "gate": "Auto"}]}, "Unsupported value"),
    "no pod": ({}, "spec.serving.replicas in body should be greater than or equal to 1"),
}
"""What an edit makes of the strategy, and the answer to it; without a strategy the pods are taken away."""
NOT_TAKEN = "Gateway gateways/next has not accepted generation"
CLASSES = "/apis/gateway.networking.k8s.io/v1/gatewayclasses"

StartOperator = Callable[..., OperatorProcess]
NewEndpoint = Callable[[], Any]


@asynccontextmanager
async def untouched(endpoint: Endpoint) -> AsyncIterator[LoadGenerator]:
    """Under load, no request fails, and the route stays what it was."""
    (before,) = [one["spec"] for one in await endpoint.items("HTTPRoute")]
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        yield load
        await at_least(load, 300)
        assert [one["spec"] for one in await endpoint.items("HTTPRoute")] == [before]
        pods = await endpoint.items("Pod")
    assert failed_by_route(load.samples) == {}
    assert len({pod["metadata"]["labels"]["crossfade.dev/revision"] for pod in pods}) == 1


def said(found: Object) -> str:
    return str(conditions(found)["Ready"]["message"])


def says(reason: str) -> Callable[[Object], bool]:
    return lambda found: ready(found)[1] == reason


@asynccontextmanager
async def another_gateway(admin: ClusterClient, name: str, namespaces: Object) -> AsyncIterator[None]:
    """While this lasts there is one more Gateway of Traefik, for routes of these namespaces."""
    manifest = gateway_api.gateway_manifest(name, gateway_api.CLASS)
    manifest["spec"]["listeners"][0]["allowedRoutes"] = {"namespaces": namespaces}
    url = collection("Gateway", gateway_api.NAMESPACE)
    answer = await admin.http.post(url, json=manifest)
    assert answer.is_success, answer.text
    try:
        yield
    finally:
        await admin.http.delete(f"{url}/{name}")


def parents(*names: str, **more: Any) -> Object:
    refs = [{"name": name, "namespace": gateway_api.NAMESPACE, **more} for name in names]
    return {"traffic": {"gatewayAPI": {"parentRefs": refs}}}


@on_both_gateways_at_length
async def test_an_edit_that_makes_no_sense_is_refused_with_a_sentence_and_reaches_no_user(serving: Endpoint) -> None:
    """Of a Rollout that serves, with another version asked for in the same edit."""
    before = await serving.until(lambda found: at_rest(found, 1))
    url = f"{collection('Rollout', serving.namespace)}/{NAME}"
    async with untouched(serving) as load:
        for what, (strategy, sentence) in EDITS.items():
            wrong = {"strategy": strategy} if strategy else {"serving": {"replicas": 0}}
            change = {"spec": {"modelVersion": f"{NAME}-2", **wrong}}
            answer = await serving.http.patch(url, json=change, headers=MERGE)
            assert answer.status_code == 422, f"{what}: {answer.text}"
            assert sentence in answer.json()["message"], what
            await at_least(load, 100)
        (after,) = await serving.items("Rollout")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


@pytest.mark.slow
async def test_stages_that_change_places_are_refused_by_the_operator(serving: Endpoint) -> None:
    """The API server does not look at their order again, for their list is a map to it."""
    async with untouched(serving):
        change = {"modelVersion": f"{NAME}-2", "strategy": objects.stages(50, 10)}
        await serving.patch("Rollout", NAME, {"spec": change})
        refused = await serving.until(says("InvalidSpec"))
    assert "must rise: each stage's `weight`" in said(refused)
    await serving.patch("Rollout", NAME, {"spec": {"strategy": objects.stages(10, 50)}})
    async with serving.load(RATE):
        await serving.until(lambda found: serves(found, 2))


@on_both_gateways_at_length
async def test_what_no_gateway_would_take_starts_nothing_and_leaves_users_what_they_had(
    serving: Endpoint, admin: ClusterClient
) -> None:
    """Case E9."""
    async with another_gateway(admin, "private", {"from": "Same"}), untouched(serving):
        await serving.patch("Rollout", NAME, {"spec": {"modelVersion": f"{NAME}-2", **parents("private")}})
        refused = await serving.until(says("NotAdmitted"))
        assert f"takes no route of the namespace {serving.namespace}" in said(refused)
        await serving.patch("Rollout", NAME, {"spec": parents(serving.parent, sectionName="nope")})
        refused = await serving.until(lambda found: "`sectionName: nope`" in said(found))
        assert f"Gateway gateways/{serving.parent} has only: http" in said(refused)
        await serving.patch("Rollout", NAME, {"spec": parents("nowhere")})
        missing = "names Gateway gateways/nowhere: it does not exist. Create it, or name another Gateway"
        await serving.until(lambda found: says("WaitingForGateway")(found) and missing in said(found))
    await serving.patch("Rollout", NAME, {"spec": parents(serving.parent)})
    async with serving.load(RATE):
        await serving.until(lambda found: serves(found, 2))


@pytest.mark.slow
async def test_a_first_version_without_a_gateway_waits_without_a_pod_until_it_is_there(
    endpoint: Endpoint, start_operator: StartOperator, admin: ClusterClient
) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.create(objects.rollout(NAME, f"{NAME}-1", endpoint.host, "later"))
    await endpoint.until(says("WaitingForGateway"))
    assert [await endpoint.items(kind) for kind in ("Pod", "Deployment", "HTTPRoute")] == [[], [], []]
    async with another_gateway(admin, "later", {"from": "All"}):
        await endpoint.until(lambda found: serves(found, 1))
        await endpoint.until_answered()


@on_envoy_and_both_at_length
async def test_users_keep_their_gateway_until_the_next_one_has_taken_the_route(
    serving: Endpoint, admin: ClusterClient
) -> None:
    """Whom a selector admits, only the gateway knows. Case S27."""
    allowed = {"from": "Selector", "selector": {"matchLabels": {"team": serving.namespace}}}
    async with another_gateway(admin, "next", allowed):
        async with serving.load(RATE) as load:
            await at_least(load, 100)
            await serving.patch("Rollout", NAME, {"spec": parents("next", serving.parent)})
            await serving.patch("Rollout", NAME, {"spec": parents("next")})
            held = await serving.until(lambda found: says("WaitingForGateway")(found) and NOT_TAKEN in said(found))
            await at_least(load, 500)
            assert both(await serving.items("HTTPRoute"), "next", serving.parent)
        assert failed_by_route(load.samples) == {}
        print(f"{serving.parent}: {said(held)}")
        label = {"metadata": {"labels": {"team": serving.namespace}}}
        url = f"/api/v1/namespaces/{serving.namespace}"
        assert (await admin.http.patch(url, json=label, headers=MERGE)).is_success
        await serving.recorder.until("HTTPRoute", NAME, lambda route: both([route], "next"))
        await serving.until(lambda found: serves(found, 1))
        await serving.patch("Rollout", NAME, {"spec": parents(serving.parent)})
        await serving.recorder.until("HTTPRoute", NAME, lambda route: both([route], serving.parent))


def both(routes: list[Object], *names: str) -> bool:
    """Whether the one route has exactly these parents."""
    return [[ref["name"] for ref in route["spec"]["parentRefs"]] for route in routes] == [list(names)]


@pytest.mark.slow
@on_both_gateways
async def test_the_younger_of_two_rollouts_for_one_host_is_refused_and_the_elder_untouched(
    new_endpoint: NewEndpoint, start_operator: StartOperator
) -> None:
    elder, younger = await new_endpoint(), await new_endpoint()
    start_operator(elder.namespace, younger.namespace)
    for one in (elder, younger):
        await one.model(1)
    await elder.serve(1)
    async with untouched(elder) as load:
        rival = objects.rollout(NAME, f"{NAME}-1", elder.host, elder.parent)
        await younger.create(rival)
        refused = await younger.until(says("HostTaken"))
        await at_least(load, 100)
        assert [await younger.items(kind) for kind in ("Pod", "HTTPRoute")] == [[], []]
    assert f"{elder.host} with PathPrefix / behind Gateway gateways/{elder.parent}" in said(refused)
    assert f"which HTTPRoute {elder.namespace}/{NAME} (1 more like it) had before" in said(refused)
    assert serves(await elder.until(lambda _: True), 1)
    await elder.delete("Rollout", NAME)
    await elder.delete("HTTPRoute", NAME)
    await younger.until(lambda found: serves(found, 1))


@pytest.mark.slow
@on_both_gateways
async def test_a_route_of_others_with_the_same_host_is_named_and_loses_nothing(serving: Endpoint) -> None:
    """The Rollout's own route is the elder one, and would take the other's requests without a word."""
    other = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop"},
        "spec": {
            "parentRefs": [{"name": serving.parent, "namespace": gateway_api.NAMESPACE}],
            "hostnames": [f"shop.{serving.host}"],
            "rules": [{"backendRefs": [{"name": "shop", "port": 80}]}],
        },
    }
    await serving.create(other)
    before = weights(next(one for one in await serving.items("HTTPRoute") if one["metadata"]["name"] == NAME))
    async with serving.load(RATE) as load:
        await at_least(load, 100)
        hosts = {"traffic": {"gatewayAPI": {"hostnames": [serving.host, f"shop.{serving.host}"]}}}
        await serving.patch("Rollout", NAME, {"spec": {"modelVersion": f"{NAME}-2", **hosts}})
        refused = await serving.until(says("HostTaken"))
        await at_least(load, 300)
        routes = {one["metadata"]["name"]: one for one in await serving.items("HTTPRoute")}
        await serving.delete("HTTPRoute", "shop")
        await serving.until(lambda found: serves(found, 2))
    assert f"HTTPRoute {serving.namespace}/shop" in said(refused)
    assert routes[NAME]["spec"]["hostnames"] == [serving.host]
    assert weights(routes[NAME]) == before
    assert failed_by_route(load.samples) == {}


@pytest.mark.slow
async def test_a_template_without_the_port_for_requests_starts_nothing(serving: Endpoint) -> None:
    (container,) = objects.serving()["template"]["spec"]["containers"]
    container["ports"] = [{"name": "rest", "containerPort": 8080}]
    container["readinessProbe"]["httpGet"]["port"] = "rest"
    async with untouched(serving):
        await serving.patch("Rollout", NAME, {"spec": {"serving": {"template": {"spec": {"containers": [container]}}}}})
        refused = await serving.until(says("InvalidSpec"))
    assert "spec.serving.template.spec.containers[0].ports must have a TCP port named `http`" in said(refused)


async def until_held(serving: Endpoint) -> None:
    """Version 2 is asked for, and is in a stage that lasts."""
    await serving.patch("Rollout", NAME, {"spec": {"strategy": {"stages": [HELD]}}})
    async with serving.load(RATE) as load:
        await at_least(load, 100)
        await serving.ask(2)
        await serving.until(at_stage("held"))


@pytest.mark.slow
@on_both_gateways
async def test_a_gateway_removed_and_returned_in_the_middle_holds_and_goes_on(
    serving: Endpoint, admin: ClusterClient
) -> None:
    """Case E9."""
    await until_held(serving)
    url = f"{collection('Gateway', gateway_api.NAMESPACE)}/{serving.parent}"
    gateway = (await admin.http.get(url)).json()
    async with away(admin, url, gateway):
        gone = time.time()
        held = await serving.until(says("WaitingForGateway"))
        print(f"{serving.parent}: {time.time() - gone:.1f} s from its deletion to the sentence")
        await serving.patch("Rollout", NAME, {"spec": {"strategy": objects.stages(40, 50, seconds=1)}})
        await serving.until(says("WaitingForGateway"))
    assert f"names Gateway gateways/{serving.parent}: it does not exist" in said(held)
    await admin.wait(collection("Gateway", gateway_api.NAMESPACE), serving.parent, programmed, PATIENCE_SECONDS)
    await serving.until_answered()
    async with serving.load(RATE) as load:
        await serving.until(lambda found: serves(found, 2))
    assert failed_by_route(load.samples) == {}
    seen = [tuple(weights(one).values()) for one in serving.recorder.of("HTTPRoute", NAME)]
    assert [split for split, _ in itertools.groupby(seen)] == [(100,), (60, 40), (50, 50), (100,)]


@pytest.mark.slow
async def test_a_class_removed_and_returned_in_the_middle_holds_and_goes_on(
    serving: Endpoint, admin: ClusterClient
) -> None:
    await until_held(serving)
    url = f"{CLASSES}/{gateway_api.CLASS}"
    async with away(admin, url, (await admin.http.get(url)).json()):
        held = await serving.until(says("WaitingForGateway"))
    assert f"its GatewayClass {gateway_api.CLASS} does not exist" in said(held)
    await serving.patch("Rollout", NAME, {"spec": {"strategy": objects.stages(40, seconds=1)}})
    await serving.until_answered()
    async with serving.load(RATE) as load:
        await serving.until(lambda found: serves(found, 2))
    assert failed_by_route(load.samples) == {}


@asynccontextmanager
async def away(admin: ClusterClient, url: str, found: Object) -> AsyncIterator[None]:
    """While this lasts the object is deleted; then it is made again as it was."""
    assert (await admin.http.delete(url)).is_success
    try:
        yield
    finally:
        kept = {"name": found["metadata"]["name"], "namespace": found["metadata"].get("namespace")}
        again = {**found, "metadata": {key: value for key, value in kept.items() if value}}
        again.pop("status", None)
        answer = await admin.http.post(url.rpartition("/")[0], json=again)
        assert answer.is_success, answer.text


def programmed(found: Object) -> bool:
    said = {one["type"]: one["status"] for one in found.get("status", {}).get("conditions", ())}
    return said.get("Programmed") == "True"
