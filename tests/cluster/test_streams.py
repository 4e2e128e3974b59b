"""Catches a rollout that cuts off answers under way, or fails requests that come on connections of their own."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from testbed.load import LoadGenerator
from tests.support import objects
from tests.support.endpoint import FAILING, NAME, Endpoint, at_least, failed_by_route, rolled_back, serves, settled
from tests.support.gateways import on_both_gateways, on_both_gateways_at_length
from tests.support.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

RATE = 100.0
STREAMS = 5.0
"""Streams begun a second; each takes five."""
MODEL: dict[str, Any] = {"latencyMs": {"p50": 20, "p99": 40}}
"""Traefik cuts off one stream in five hundred of a model that answers at once, rollout or not (docs/gateways.md)."""

StartOperator = Callable[..., OperatorProcess]


@pytest.fixture
async def serving(endpoint: Endpoint, start_operator: StartOperator) -> Endpoint:
    """An endpoint that serves its version 1."""
    start_operator(endpoint.namespace)
    await endpoint.model(1, **MODEL)
    await endpoint.serve(1)
    return endpoint


def assert_each_came_whole(streams: LoadGenerator) -> None:
    assert failed_by_route(streams.samples) == {}
    assert min(one.latency for one in streams.samples) > 4.5, "streams that ended early were no streams"


@on_both_gateways_at_length
async def test_a_promotion_cuts_off_no_stream_and_fails_no_new_connection(serving: Endpoint) -> None:
    first = (await serving.until(lambda _: True))["status"]["stable"]["revision"]
    await serving.model(2, **MODEL)
    async with serving.streams(STREAMS) as streams, serving.load(RATE, keep=False) as load:
        await at_least(streams, 5)
        await serving.ask(2)
        done = await serving.until(lambda found: serves(found, 2))
        candidate = done["status"]["stable"]["revision"]
        await settled(serving, candidate)
        await asyncio.gather(streams.stop(), load.stop())
    assert_each_came_whole(streams)
    assert failed_by_route(load.samples) == {}
    assert {one.arm for one in streams.samples} == {first, candidate}
    print(f"{len(streams.samples)} streams, {len(load.samples)} requests on new connections, none failed")


@pytest.mark.slow
@on_both_gateways
async def test_a_rollback_cuts_off_no_stream_of_either_version(serving: Endpoint) -> None:
    stable = (await serving.until(lambda _: True))["status"]["stable"]["revision"]
    await serving.model(2, **MODEL, failsWhen=[{"index": 0, "equals": 13}])
    # in the seconds until it is found out, a tenth of the streams may be none
    await serving.patch("Rollout", NAME, {"spec": {"strategy": objects.stages(50)}})
    async with serving.streams(STREAMS) as streams, serving.load(RATE, keep=False, body=FAILING) as load:
        await at_least(streams, 5)
        await serving.ask(2)
        ended = await serving.until(rolled_back)
        await settled(serving, stable)
        await asyncio.gather(streams.stop(), load.stop())
    assert_each_came_whole(streams)
    assert failed_by_route(load.samples) == {}
    assert {one.arm for one in streams.samples} == {stable, ended["status"]["outcome"]["revision"]}
    print(f"{len(streams.samples)} streams, {len(load.samples)} requests on new connections, none failed")
