"""Catches a user who meets a cold model server, and a candidate that cannot start and does not say why."""

from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import pytest

from testbed.load import Sample
from tests.support import objects
from tests.support.endpoint import (
    BODY,
    NAME,
    Endpoint,
    answered_by,
    at_least,
    failed_by_model,
    failed_by_route,
    ready,
    rolled_back,
    serves,
    settled,
    weights,
)
from tests.support.gateways import on_both_gateways, on_both_gateways_at_length
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import Object
from tests.support.statuses import conditions

pytestmark = pytest.mark.cluster

RATE = 50.0
SLOW_SECONDS = 1.5
COLD: dict[str, Any] = {"coldRequests": {"count": 3, "ms": 2 * SLOW_SECONDS * 1000}}
QUICK: dict[str, Any] = {"strategy": objects.stages(30, 60)}

StartOperator = Callable[..., OperatorProcess]


def warmup(**body: Any) -> Object:
    """Three warm-up requests with this body."""
    return {"requests": 3, "path": objects.INFER, "body": body or {"inline": BODY.decode()}}


def serving(replicas: int = 2, **more: Any) -> Object:
    return objects.serving(replicas, warmup=warmup(), **more)


def slow(samples: Sequence[Sample]) -> list[Sample]:
    """The requests of users that a cold server answered."""
    return [one for one in samples if one.latency > SLOW_SECONDS]


def told(found: Object) -> str:
    return str(conditions(found).get("Ready", {}).get("message", ""))


@pytest.mark.slow
@on_both_gateways
async def test_no_user_meets_a_cold_server_at_any_stage(endpoint: Endpoint, start_operator: StartOperator) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2, **COLD)
    await endpoint.serve(1, **QUICK, serving=serving())
    async with endpoint.load(RATE) as load:
        await at_least(load, 50)
        await endpoint.ask(2)
        await endpoint.until(lambda found: ready(found)[1] == "WarmingUp" and "Warming up: 0 of 1 pods" in told(found))
        done = await endpoint.until(lambda found: serves(found, 2))
        await settled(endpoint, done["status"]["stable"]["revision"])
        await at_least(load, 100)
    assert (failed_by_route(load.samples), failed_by_model(load.samples)) == ({}, {})
    assert len(answered_by(load.samples, done["status"]["stable"]["revision"])) > 100
    assert slow(load.samples) == []
    assert done["status"]["stable"]["warm"] == 2


@pytest.mark.slow
async def test_without_a_warm_up_users_do_meet_it(endpoint: Endpoint, start_operator: StartOperator) -> None:
    """The witness that the test above can fail."""
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2, **COLD)
    await endpoint.serve(1, **QUICK)
    async with endpoint.load(RATE) as load:
        await endpoint.ask(2)
        await endpoint.until(lambda found: serves(found, 2))
        await at_least(load, 100)
    assert slow(load.samples) != []


@pytest.mark.slow
@on_both_gateways
async def test_a_pod_that_starts_while_no_operator_runs_is_warmed_up_too(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    operator = start_operator(endpoint.namespace)
    await endpoint.model(1, **COLD)
    stable = (await endpoint.serve(1, **QUICK, serving=serving()))["status"]["stable"]["revision"]
    operator.kill()
    async with endpoint.load(RATE) as load:
        await at_least(load, 50)
        first, _ = await endpoint.pods(stable)
        await endpoint.delete("Pod", first["metadata"]["name"])
        await endpoint.recorder.until("Deployment", stable, lambda one: one["status"].get("readyReplicas") == 1)
        await endpoint.recorder.until("Deployment", stable, lambda one: one["status"].get("readyReplicas") == 2)
        await at_least(load, 200)
    assert failed_by_route(load.samples) == {}
    assert slow(load.samples) == []


async def test_a_kubelet_that_asks_again_is_told_at_once_that_a_server_is_warm_still(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    """As one before Kubernetes 1.35 does of every container when it is restarted itself."""
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    stable = (await endpoint.serve(1, **QUICK, serving=serving(1)))["status"]["stable"]["revision"]
    (pod,) = await endpoint.pods(stable)
    async with aiohttp.ClientSession() as kubelet:
        for _ in range(3):
            async with kubelet.get(f"http://{pod['status']['podIP']}:8089/warm") as answer:
                assert answer.status == 200


@pytest.mark.slow
async def test_a_body_that_is_not_there_is_named_and_waited_for(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    ref = {"name": "fraud-body", "key": "one.json"}
    wanted = objects.serving(1, warmup=warmup(configMapKeyRef=ref))
    await endpoint.create(objects.rollout(NAME, f"{NAME}-1", endpoint.host, endpoint.parent, serving=wanted))
    await endpoint.until(lambda found: "the body of the warm-up requests cannot be read" in told(found))
    entry = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": ref["name"]},
        "data": {ref["key"]: BODY.decode()},
    }
    await endpoint.create(entry)
    await endpoint.until(lambda found: serves(found, 1))


@on_both_gateways_at_length
@pytest.mark.parametrize(
    ("behaviour", "changes", "cause", "says"),
    [
        pytest.param(
            {"errorRate": 1.0},
            {"startup": {"timeout": "5m", "warmUp": "25s"}},
            "WarmUpTimeout",
            "is not warm: the model server answered 500 to warm-up request 1 of 3",
            marks=pytest.mark.slow,
        ),
        ({"loadSeconds": 3600}, {"startup": {"timeout": "5m", "load": "10s"}}, "LoadTimeout", "is not ready yet"),
        pytest.param(
            {},
            {"startup": {"timeout": "5s"}, "spec": {"nodeSelector": {"no": "such"}}},
            "NoRoom",
            "finds no node: 0/1",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {},
            {"startup": {"timeout": "5m", "prefetch": "5s"}, "image": "registry.example/none:1"},
            "ImagePullTimeout",
            "does not get the image registry.example/none:1",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["warm-up fails", "never loads", "no node", "no image"],
)
async def test_a_candidate_that_cannot_start_is_taken_back_for_its_own_cause(
    endpoint: Endpoint,
    start_operator: StartOperator,
    behaviour: dict[str, Any],
    changes: dict[str, Any],
    cause: str,
    says: str,
) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2, **behaviour)
    stable = (await endpoint.serve(1, **QUICK, serving=serving(1)))["status"]["stable"]["revision"]
    before = {pod["metadata"]["uid"] for pod in await endpoint.pods(stable)}
    other = serving(1, startup=changes["startup"])
    other["template"]["spec"] |= changes.get("spec", {})
    other["template"]["spec"]["containers"][0] |= {"image": changes["image"]} if "image" in changes else {}
    async with endpoint.load(RATE) as load:
        await endpoint.patch("Rollout", NAME, {"spec": {"serving": other, "modelVersion": f"{NAME}-2"}})
        meanwhile = await endpoint.until(lambda found: says in told(found) and not rolled_back(found))
        ended = await endpoint.until(rolled_back)
        await at_least(load, 50)
    assert "it has until " in told(meanwhile)
    assert ended["status"]["outcome"]["cause"] == cause
    assert says in ended["status"]["outcome"]["message"]
    assert all(weights(route) == {stable: 100} for route in endpoint.recorder.of("HTTPRoute", NAME))
    assert {pod["metadata"]["uid"] for pod in await endpoint.pods(stable)} == before
    assert (failed_by_route(load.samples), failed_by_model(load.samples)) == ({}, {})
