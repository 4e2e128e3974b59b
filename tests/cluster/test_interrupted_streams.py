"""Catches a change of mind that cuts off an answer under way: another version, an abort, the Rollout's deletion."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from testbed.load import LoadGenerator
from tests.cluster.test_grpc import RATE, STREAM, serve
from tests.support.calls import calls, streams
from tests.support.endpoint import (
    NAME,
    Endpoint,
    at_least,
    at_stage,
    failed_by_model,
    failed_by_route,
    ready,
    settled,
    weights,
)
from tests.support.gateways import on_both_gateways
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import Object

pytestmark = pytest.mark.cluster

HELD = {"stages": [{"name": "held", "weight": 40, "minDuration": "10m"}]}
STREAMS = 4.0
"""Begun a second; each takes five."""

StartOperator = Callable[..., OperatorProcess]


async def held(endpoint: Endpoint, number: int) -> str:
    """Ask for a version and wait until it has forty percent; returns its revision."""
    await endpoint.patch("Rollout", NAME, {"spec": {"modelVersion": f"{NAME}-{number}", "strategy": HELD}})

    def there(found: Object) -> bool:
        candidate = found["status"].get("candidate") or {}
        return candidate.get("modelVersion") == f"{NAME}-{number}" and at_stage("held")(found)

    return str((await endpoint.until(there))["status"]["candidate"]["revision"])


async def interrupt(endpoint: Endpoint, stable: str, kind: str) -> list[str]:
    """B in place of A, C in place of B, C's abort, B again, and the Rollout's deletion. Returns what was in a split."""
    second, third = await held(endpoint, 2), await held(endpoint, 3)
    await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": {"crossfade.dev/abort": "t1"}}})
    await endpoint.until(lambda found: ready(found) == ("False", "Aborted"))
    again = await held(endpoint, 2)
    await endpoint.delete("Rollout", NAME)
    await endpoint.recorder.until(kind, NAME, lambda route: weights(route) == {stable: 100})
    await endpoint.recorder.until_gone("Rollout", NAME)
    await settled(endpoint, stable)
    return [second, third, again]


async def interrupted(endpoint: Endpoint, stable: str, kind: str, *loads: LoadGenerator) -> None:
    """No request of these fails meanwhile; the last of them are streams, and each came whole."""
    async with asyncio.TaskGroup() as starting:
        for load in loads:
            starting.create_task(load.start())
    try:
        await at_least(loads[-1], 5)
        seen = await interrupt(endpoint, stable, kind)
        await asyncio.gather(*(at_least(load, 20) for load in loads))
    finally:
        await asyncio.gather(*(load.stop() for load in loads))
    for load in loads:
        assert (failed_by_route(load.samples), failed_by_model(load.samples)) == ({}, {})
        assert {stable} < {one.arm for one in load.samples} <= {stable, *seen}
        assert {one.arm for one in load.samples[-10:]} == {stable}
    assert {one.arm for one in loads[0].samples} == {stable, *seen}
    assert min(one.latency for one in loads[-1].samples) > 4.5, "streams that ended early were no streams"
    print(f"{kind}: {[len(load.samples) for load in loads]} on kept connections, on new ones and as streams")


async def versions(endpoint: Endpoint, **behaviour: Any) -> None:
    for number in (1, 2, 3):
        await endpoint.model(number, **behaviour)


@pytest.mark.slow
@on_both_gateways
async def test_no_request_and_no_stream_is_lost_to_another_version_an_abort_and_a_deletion(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    start_operator(endpoint.namespace)
    await versions(endpoint, latencyMs=STREAM["latencyMs"])
    stable = (await endpoint.serve(1))["status"]["stable"]["revision"]
    loads = endpoint.load(RATE / 2), endpoint.load(RATE / 4, keep=False), endpoint.streams(STREAMS)
    await interrupted(endpoint, stable, "HTTPRoute", *loads)


@pytest.mark.slow
@on_both_gateways
async def test_no_call_and_no_stream_of_calls_is_either(endpoint: Endpoint, start_operator: StartOperator) -> None:
    start_operator(endpoint.namespace)
    await versions(endpoint, **STREAM)
    stable = await serve(endpoint, 1)
    loads = calls(endpoint, RATE / 2), calls(endpoint, RATE / 4, keep=False), streams(endpoint, STREAMS)
    await interrupted(endpoint, stable, "GRPCRoute", *loads)
