"""Catches a version that Kubernetes' own autoscaler and Crossfade size against each other, or that loses requests."""

from collections.abc import AsyncIterator, Callable
from itertools import groupby
from pathlib import Path

import pytest

from testbed.bed import Bed
from testbed.cluster import ClusterClient
from testbed.pod_metrics import PodMetrics
from tests.cluster.test_capacity import autoscaled, first_routes, ready_pods, version
from tests.support import objects
from tests.support.audit import writes
from tests.support.endpoint import NAME, Endpoint, at_least, at_stage, failed_by_route, serves, settled, started
from tests.support.gateways import on_both_gateways
from tests.support.operator_process import ACCOUNT, OperatorProcess
from tests.support.recorder import Object

pytestmark = pytest.mark.cluster

RATE = 100.0
SCALED_SECONDS = 120.0

StartOperator = Callable[..., OperatorProcess]


class Scale:
    """What the HPA controller is told of an endpoint's versions, and what it makes of it."""

    def __init__(self, endpoint: Endpoint, metrics: PodMetrics) -> None:
        self._endpoint = endpoint
        self._metrics = metrics

    def asks(self, revision: str, pods: float) -> None:
        """From now on the revision has so much to do that it needs so many pods; one takes 1 by `autoscaled`."""
        self._metrics.totals[f"crossfade.dev/revision={revision}"] = pods

    async def until(self, arm: str, pods: int) -> Object:
        """Wait until `stable` or `candidate` has so many ready pods."""
        return await self._endpoint.until(lambda found: found["status"][arm]["ready"] == pods, SCALED_SECONDS)

    async def until_held(self, revision: str, least: int) -> None:
        """Wait until its autoscaler would have fewer pods, and has as many as it may not go below."""

        def held(found: Object) -> bool:
            said = {one["type"]: one["reason"] for one in found["status"].get("conditions", ())}
            sizes = (found["spec"]["minReplicas"], found["status"]["currentReplicas"])
            return said.get("ScalingLimited") == "TooFewReplicas" and sizes == (least, least)

        await self._endpoint.recorder.until("HorizontalPodAutoscaler", revision, held, SCALED_SECONDS)

    def sizes(self, revision: str) -> list[int]:
        """How many pods its Deployment asked for, one after the other."""
        found = (one["spec"]["replicas"] for one in self._endpoint.recorder.of("Deployment", revision))
        return [size for size, _ in groupby(found)]


@pytest.fixture
async def scale(endpoint: Endpoint, admin: ClusterClient, tmp_path: Path) -> AsyncIterator[Scale]:
    metrics = PodMetrics(admin)
    async with metrics.served(tmp_path / "pki"):
        yield Scale(endpoint, metrics)


def owners_of_size(deployment: Object) -> set[str]:
    """Who wrote its number of pods."""
    fields = deployment["metadata"]["managedFields"]
    return {one["manager"] for one in fields if "f:replicas" in one["fieldsV1"].get("f:spec", {})}


async def skip_stage(endpoint: Endpoint, token: str) -> None:
    await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": {"crossfade.dev/skip-stage": token}}})


@pytest.mark.slow
@on_both_gateways
async def test_kubernetes_scales_each_version_by_its_own_load_and_nobody_writes_against_it(
    endpoint: Endpoint, start_operator: StartOperator, scale: Scale, bed: Bed
) -> None:
    """The controller is the real one; what pods have to do is what the test says. Case S25."""
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    strategy = objects.stages(25, 50, seconds=600)
    found = await endpoint.serve(1, serving=autoscaled(min=1, max=6), strategy=strategy)
    stable = found["status"]["stable"]["revision"]
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        scale.asks(stable, 4)
        await scale.until("stable", 4)
        await endpoint.ask(2)
        candidate = (await endpoint.until(at_stage("at-25")))["status"]["candidate"]["revision"]
        scale.asks(stable, 1)
        await scale.until_held(stable, 4)
        await skip_stage(endpoint, "to half")
        await endpoint.until(at_stage("at-50"))
        scale.asks(candidate, 5)
        await scale.until("candidate", 5)
        loaded = await started(endpoint, candidate)
        await skip_stage(endpoint, "to all")
        await endpoint.until(lambda found: serves(found, 2))
        await settled(endpoint, candidate)
        assert await started(endpoint, candidate) == loaded
        scale.asks(candidate, 1)
        await scale.until_held(candidate, 4)
        await at_least(load, 300)
    assert failed_by_route(load.samples) == {}
    routes = first_routes(endpoint, candidate)
    assert {weight: ready_pods(endpoint, candidate, version(route)) for weight, route in routes} == {
        25: 1,
        50: 2,
        100: 5,
    }
    doubled = [1, 2, 4, 5, 4]  # the controller no more than doubles what is there, or makes it four, at a time
    assert (scale.sizes(stable), scale.sizes(candidate)) == ([1, 4], doubled)
    newest = [[*endpoint.recorder.of("Deployment", one)][-1] for one in (stable, candidate)]
    assert [owners_of_size(one) for one in newest] == [{"kube-controller-manager"}] * 2
    made = [(one.verb, one.resource, one.name) for one in writes(bed.audit, ACCOUNT, endpoint.namespace)]
    sizing = [one for one in made if one[1].startswith("deployments") and one[0] != "delete"]
    assert sizing == [("patch", "deployments", stable), ("patch", "deployments", candidate)], "when they were made"
