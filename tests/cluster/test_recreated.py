"""Catches a Rollout that cannot go with its namespace, or one made again that does not take over what serves."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from testbed.load.verdict import Blame
from tests.support import objects
from tests.support.audit import writes
from tests.support.endpoint import NAME, Endpoint, at_least, at_stage, failed_by_route, ready, serves, settled
from tests.support.gateways import on_both_gateways, on_both_gateways_at_length
from tests.support.operator_process import ACCOUNT, Installation, OperatorProcess
from tests.support.recorder import Object

pytestmark = pytest.mark.cluster

RATE = 100.0
HELD = {"name": "held", "weight": 40, "minDuration": "10m"}
GATED = {"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}, "gate": "Manual"}
StartOperator = Callable[..., OperatorProcess]


@pytest.fixture
async def serving(three_versions: Endpoint) -> Endpoint:
    """Version 1 of them serves."""
    await three_versions.serve(1)
    return three_versions


async def pods(endpoint: Endpoint) -> dict[str, str]:
    """Name and uid of each pod that stays."""
    found = await endpoint.items("Pod")
    return {p["metadata"]["name"]: p["metadata"]["uid"] for p in found if "deletionTimestamp" not in p["metadata"]}


async def asks(endpoint: Endpoint, number: int, *stages: Object, **more: Any) -> None:
    strategy = {"stages": list(stages), **more}
    await endpoint.patch("Rollout", NAME, {"spec": {"modelVersion": f"{NAME}-{number}", "strategy": strategy}})


async def at_rest(endpoint: Endpoint) -> None:
    await endpoint.until(lambda found: serves(found, 1))


async def split(endpoint: Endpoint) -> None:
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        await asks(endpoint, 2, HELD)
        await endpoint.until(at_stage("held"))


async def starting(endpoint: Endpoint) -> None:
    await asks(endpoint, 3, HELD)
    await endpoint.until(lambda found: ready(found)[1] == "Starting")


async def gated(endpoint: Endpoint) -> None:
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        await asks(endpoint, 2, GATED)
        await endpoint.until(at_stage("team", proven=False))


async def aborted(endpoint: Endpoint) -> None:
    await asks(endpoint, 3, HELD, onRollback={"keepCandidate": "1h"})
    await endpoint.until(lambda found: ready(found)[1] == "Starting")
    await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": {"crossfade.dev/abort": "t"}}})
    await endpoint.until(lambda found: ready(found)[1] == "Aborted")


async def refused(endpoint: Endpoint) -> None:
    await asks(endpoint, 2, HELD)
    parents = [{"name": "nowhere", "namespace": "gateways"}]
    await endpoint.patch("Rollout", NAME, {"spec": {"traffic": {"gatewayAPI": {"parentRefs": parents}}}})
    await endpoint.until(lambda found: ready(found)[1] == "WaitingForGateway")


@on_both_gateways_at_length
@pytest.mark.parametrize(
    "begun",
    [split, *(pytest.param(begun, marks=pytest.mark.slow) for begun in (at_rest, starting, aborted))],
    ids=lambda begun: begun.__name__,
)
async def test_deleted_and_made_again_it_takes_over_the_pods_that_serve_without_a_gap(
    serving: Endpoint, begun: Callable[[Endpoint], Any]
) -> None:
    before = await pods(serving)
    await begun(serving)
    async with serving.load(RATE) as load:
        await at_least(load, 200)
        await serving.delete("Rollout", NAME)
        await serving.recorder.until_gone("Rollout", NAME)
        await at_least(load, 200)
        await serving.create(objects.rollout(NAME, f"{NAME}-1", serving.host, serving.parent))
        await serving.until(lambda found: serves(found, 1))
        await at_least(load, 200)
    assert failed_by_route(load.samples) == {}
    assert before.items() <= (await pods(serving)).items(), "a pod of what serves was made again"


@pytest.mark.slow
@on_both_gateways
async def test_under_delete_all_goes_with_it_and_until_then_everybody_is_answered(
    endpoint: Endpoint, installation: Installation, start_operator: StartOperator
) -> None:
    """In the middle of a split. What fails afterwards has no model any more, as was asked for."""
    operator = start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    await endpoint.serve(1, deletionPolicy="Delete")
    await split(endpoint)
    revisions = {one["metadata"]["name"] for one in await endpoint.items("Deployment")}
    async with endpoint.load(RATE) as load:
        await at_least(load, 200)
        await endpoint.delete("Rollout", NAME)
        await endpoint.recorder.until_gone("Rollout", NAME)
    await asyncio.to_thread(operator.until_audited)
    written = writes(installation.bed.audit, ACCOUNT, endpoint.namespace)
    gone = max(one.at for one in written if one.resource == "rollouts" and one.code < 300)  # when it was let go
    after = endpoint.nobody_answers(gone)
    assert [one for one in load.samples if one.blame is Blame.ROUTE and not after.has(one)] == []
    assert len(revisions) == 2
    for kind, names in (("HTTPRoute", {NAME}), ("Service", revisions), ("Deployment", revisions)):
        for name in names:
            await endpoint.recorder.until_gone(kind, name)
    assert await endpoint.items("PodDisruptionBudget") == []


@pytest.mark.slow
async def test_the_route_of_a_rollout_that_had_a_gateway_keeps_its_pods_until_somebody_deletes_it(
    serving: Endpoint,
) -> None:
    """Made again without a gateway, and with another version: nothing that the old route leads to may go."""
    async with serving.load(RATE) as load:
        await at_least(load, 100)
        await serving.delete("Rollout", NAME)
        await serving.recorder.until_gone("Rollout", NAME)
        await serving.create(objects.rollout(NAME, f"{NAME}-2", serving.host, traffic={"replicas": {}}))
        named = await serving.until(lambda found: ready(found) == ("False", "HostTaken"))
        await at_least(load, round(RATE * 15))  # long after pods that nobody needs would have gone
    assert failed_by_route(load.samples) == {}
    assert named["status"]["stable"]["modelVersion"] == f"{NAME}-2"
    assert f"Delete HTTPRoute {NAME} when its clients are served by the Service {NAME}" in str(named["status"])
    await serving.delete("HTTPRoute", NAME)
    await serving.until(lambda found: serves(found, 2))
    await settled(serving, named["status"]["stable"]["revision"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "begun",
    [starting, *(pytest.param(begun, marks=pytest.mark.slow) for begun in (at_rest, gated, aborted, refused))],
    ids=lambda begun: begun.__name__,
)
async def test_a_namespace_goes_whatever_its_rollout_is_doing(
    serving: Endpoint, begun: Callable[[Endpoint], Any]
) -> None:
    """In the middle of a split: tests/cluster/test_interruptions.py."""
    await begun(serving)
    answer = await serving.http.delete(f"/api/v1/namespaces/{serving.namespace}")
    assert answer.is_success
    await serving.recorder.until_gone("Rollout", NAME)
