"""Catches weight before pods, requests lost beyond a dying pod's own, autoscalers and budgets wrong or left over."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import compress, groupby
from typing import Any

import pytest

from testbed.bed import Bed
from tests.cluster.test_quiet import writes_of_a_restart
from tests.support import objects
from tests.support.endpoint import (
    NAME,
    NOTICED_SECONDS,
    Endpoint,
    at_least,
    at_rest,
    at_stage,
    failed_by_route,
    ready,
    serves,
    settled,
    weights,
)
from tests.support.gateways import on_both_gateways
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import Object, collection

pytestmark = pytest.mark.cluster

RATE = 100.0

StartOperator = Callable[..., OperatorProcess]


def version(found: Object) -> int:
    return int(found["metadata"]["resourceVersion"])


def is_ready(pod: Object) -> bool:
    said = pod.get("status", {}).get("conditions", ())
    fine = any(one["type"] == "Ready" and one["status"] == "True" for one in said)
    return fine and "deletionTimestamp" not in pod["metadata"]


def ready_pods(endpoint: Endpoint, revision: str, at: int) -> int:
    """Pods of a revision that were ready when the API server had come to version `at`, which rises over all kinds."""
    newest: dict[str, Object] = {}
    for one in endpoint.recorder.history:
        if one["kind"] == "Pod" and version(one) < at and revision in one["metadata"]["name"]:
            newest[one["metadata"]["name"]] = one
    return sum(map(is_ready, newest.values()))


def first_routes(endpoint: Endpoint, revision: str) -> Iterator[tuple[int, Object]]:
    """The first route that gave it each weight."""
    seen = set[int]()
    for route in endpoint.recorder.of("HTTPRoute", NAME):
        weight = weights(route).get(revision, 0)
        if weight and weight not in seen:
            seen.add(weight)
            yield weight, route


@pytest.mark.slow
@on_both_gateways
async def test_a_promotion_makes_the_pods_before_each_weight(endpoint: Endpoint, start_operator: StartOperator) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    stable = (await endpoint.serve(1, serving=objects.serving(4)))["status"]["stable"]["revision"]
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        await endpoint.ask(2)
        done = await endpoint.until(lambda found: serves(found, 2))
        candidate = done["status"]["stable"]["revision"]
        await settled(endpoint, candidate)
        await at_least(load, 100)
    routes = first_routes(endpoint, candidate)
    assert {weight: ready_pods(endpoint, candidate, version(route)) for weight, route in routes} == {
        10: 1,
        50: 2,
        100: 4,
    }
    sizes = [one["spec"]["replicas"] for one in endpoint.recorder.of("Deployment", candidate)]
    assert sorted(set(sizes)) == [1, 2, 4]
    assert sizes == sorted(sizes)
    assert {one["spec"]["replicas"] for one in endpoint.recorder.of("Deployment", stable)} == {4}
    assert failed_by_route(load.samples) == {}


@pytest.mark.slow
@on_both_gateways
async def test_a_smaller_stable_version_is_handed_back_what_its_pods_carry(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    """Case B5: no request fails on the way there and back, and no weight is given to pods that are not ready."""
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    strategy = {**objects.stages(75, seconds=600), "stableCapacity": "MatchTraffic"}
    found = await endpoint.serve(1, serving=objects.serving(4), strategy=strategy)
    stable = found["status"]["stable"]["revision"]
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        await endpoint.ask(2)
        small = await endpoint.until(lambda one: one["status"]["stable"].get("reduced") == 1)
        candidate = small["status"]["candidate"]["revision"]
        await endpoint.until(lambda one: one["status"]["stable"]["replicas"] == one["status"]["stable"]["ready"] == 1)
        at = version((await endpoint.items("HTTPRoute"))[0])
        await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": {"crossfade.dev/abort": "1"}}})
        await endpoint.until_served_by(stable)
        await settled(endpoint, stable)
        await at_least(load, 100)
    assert failed_by_route(load.samples) == {}
    for route in endpoint.recorder.of("HTTPRoute", NAME):
        if version(route) > at:
            part = weights(route).get(stable, 0)
            assert part <= 25 * ready_pods(endpoint, stable, version(route)), part
    sizes = [one["spec"]["replicas"] for one in endpoint.recorder.of("Deployment", stable)]
    assert [size for size, _ in groupby(sizes)] == [4, 1, 4]
    assert await endpoint.pods(candidate) == []


@pytest.mark.slow
@on_both_gateways
async def test_weight_follows_a_pod_that_dies_and_comes_back_with_it(
    endpoint: Endpoint, start_operator: StartOperator, record_property: Callable[[str, object], None]
) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    await endpoint.serve(1, serving=objects.serving(4), strategy=objects.stages(50, seconds=600))
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        await endpoint.ask(2)
        candidate = (await endpoint.until(at_stage("at-50")))["status"]["candidate"]["revision"]
        one, _ = await endpoint.pods(candidate)
        died, at = load.samples[-1].wall, version((await endpoint.items("HTTPRoute"))[0])
        missed = await endpoint.kill(one)
        less = await endpoint.until(lambda found: ready(found) == ("Unknown", "WaitingForCapacity"))
        await endpoint.until(at_stage("at-50"))
        await at_least(load, round(3 * RATE))
    assert less["status"]["traffic"]["reduced"] == 25
    assert "provenAt" not in less["status"]["stage"]
    routes = [weights(r)[candidate] for r in endpoint.recorder.of("HTTPRoute", NAME) if version(r) > at]
    assert [weight for weight, _ in groupby(routes)] == [25, 50]
    gap = endpoint.nobody_answers(died, missed + NOTICED_SECONDS)
    assert failed_by_route([one for one in load.samples if not gap.has(one)]) == {}
    dropped = sum(failed_by_route(load.samples).values())
    record_property("requests that the dying pod dropped", dropped)
    print(f"{dropped} requests dropped by the pod that died, of {RATE / 4:g} a second that it had")
    assert dropped <= (missed - died + NOTICED_SECONDS) * RATE / 4


def autoscaled(**bounds: Any) -> Object:
    """The programmable server, as many as an autoscaler wants; the API server rewrites the amount in its metric."""
    rps = {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "1000m"}}
    serving = objects.serving(autoscaling={**bounds, "metrics": [{"type": "Pods", "pods": rps}]})
    del serving["replicas"]
    return serving


async def scaler(endpoint: Endpoint, revision: str) -> Object:
    (found,) = await endpoint.items("HorizontalPodAutoscaler", f"crossfade.dev/revision={revision}")
    return dict(found["spec"])


@pytest.mark.slow
@on_both_gateways
async def test_each_version_has_an_autoscaler_and_a_budget_of_its_own(
    endpoint: Endpoint, start_operator: StartOperator, bed: Bed
) -> None:
    operator = start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    strategy = objects.stages(50, seconds=600)
    found = await endpoint.serve(1, serving=autoscaled(min=1, max=4), strategy=strategy)
    stable = found["status"]["stable"]["revision"]
    assert (await scaler(endpoint, stable))["minReplicas"] == 1
    await endpoint.patch("Deployment", stable, {"spec": {"replicas": 3}})  # as an autoscaler does
    await endpoint.until(lambda one: one["status"]["stable"]["ready"] == 3)
    async with endpoint.load(RATE):
        await endpoint.ask(2)
        split = await endpoint.until(at_stage("at-50"))
        candidate = split["status"]["candidate"]["revision"]
        for revision, least in ((stable, 3), (candidate, 2)):
            assert await scaler(endpoint, revision) == {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": revision},
                "minReplicas": least,
                "maxReplicas": 4,
                "metrics": [
                    {
                        "type": "Pods",
                        "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "1"}},
                    }
                ],
            }
            (budget,) = await endpoint.items("PodDisruptionBudget", f"crossfade.dev/revision={revision}")
            assert budget["spec"]["maxUnavailable"] == 1
            assert budget["spec"]["selector"] == {"matchLabels": {"crossfade.dev/revision": revision}}
        assert len(await endpoint.pods(candidate)) == 2
        await endpoint.patch("HorizontalPodAutoscaler", candidate, {"spec": {"maxReplicas": 9}})
        await endpoint.recorder.until("HorizontalPodAutoscaler", candidate, lambda one: one["spec"]["maxReplicas"] == 4)
        await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": {"crossfade.dev/abort": "1"}}})
        await endpoint.until_served_by(stable)
        await settled(endpoint, stable)
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget"):
        assert [one["metadata"]["name"] for one in await endpoint.items(kind)] == [stable]
    assert await endpoint.pods(candidate) == []
    assert (await scaler(endpoint, stable))["minReplicas"] == 3, "its autoscaler has not seen all the load yet"
    await endpoint.until(lambda one: not one["metadata"].get("finalizers"))
    assert writes_of_a_restart(operator, bed, 3) == []


@pytest.mark.slow
async def test_a_budget_is_for_more_than_one_pod(endpoint: Endpoint, start_operator: StartOperator) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    stable = (await endpoint.serve(1, serving=objects.serving(1)))["status"]["stable"]["revision"]
    assert await endpoint.items("PodDisruptionBudget") == []
    await endpoint.patch("Rollout", NAME, {"spec": {"serving": {"replicas": 2}}})
    await endpoint.recorder.until("PodDisruptionBudget", stable, lambda _: True)
    await endpoint.until(lambda found: found["status"]["stable"]["ready"] == 2)
    await endpoint.patch("Rollout", NAME, {"spec": {"serving": {"replicas": 1}}})
    await endpoint.recorder.until_gone("PodDisruptionBudget", stable)
    await endpoint.until(lambda found: at_rest(found, 1))


@pytest.mark.slow
@on_both_gateways
async def test_of_pods_that_are_evicted_together_one_goes_and_no_request_fails(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    """As drains of all their nodes would; of a version at rest, and of a candidate under way."""
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    strategy = objects.stages(50, seconds=600)
    found = await endpoint.serve(1, serving=objects.serving(4), strategy=strategy)
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        assert await evicted(endpoint, found["status"]["stable"]["revision"]) == (1, 3)
        await endpoint.ask(2)
        candidate = (await endpoint.until(at_stage("at-50")))["status"]["candidate"]["revision"]
        assert await evicted(endpoint, candidate) == (1, 1)
        await endpoint.until(at_stage("at-50"))
        await at_least(load, 300)
    assert failed_by_route(load.samples) == {}
    routes = [weights(route).get(candidate, 0) for route in endpoint.recorder.of("HTTPRoute", NAME)]
    assert [weight for weight, _ in groupby(routes)] == [0, 50, 25, 50]


async def evicted(endpoint: Endpoint, revision: str) -> tuple[int, int]:
    """Ask at once for the eviction of all pods of a revision: how many went, and how many its budget kept. The former
    are replaced when this returns."""

    async def until_one_may_go() -> None:
        def may(budget: Object) -> bool:
            return bool(budget.get("status", {}).get("disruptionsAllowed") == 1)

        await endpoint.recorder.until("PodDisruptionBudget", revision, may)

    await until_one_may_go()
    names = [pod["metadata"]["name"] for pod in await endpoint.pods(revision)]
    went = await asyncio.gather(*(evict(endpoint, name) for name in names))
    for name in compress(names, went):
        await endpoint.recorder.until_gone("Pod", name)
    await until_one_may_go()
    there = {pod["metadata"]["name"] for pod in await endpoint.pods(revision)}
    assert len(there) == len(names)
    assert len(there & {*names}) == went.count(False)
    return went.count(True), went.count(False)


async def evict(endpoint: Endpoint, pod: str) -> bool:
    """Whether it goes; nothing but its budget may be against that."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    answer = await endpoint.http.post(f"{collection('Pod', endpoint.namespace)}/{pod}/eviction", json=eviction)
    if answer.is_success:
        return True
    assert answer.status_code == 429, answer.text
    assert [one["reason"] for one in answer.json()["details"]["causes"]] == ["DisruptionBudget"], answer.text
    return False
