"""Catches a gateway that fails gRPC calls while a GRPCRoute's weights change, splits otherwise, or cuts off streams."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from testbed.load import Sample
from tests.support.calls import calls, streams
from tests.support.endpoint import Endpoint, at_least
from tests.support.gateways import on_both_gateways
from tests.support.pair import NEW, OLD, GrpcPair
from tests.support.reweighing import (
    CHANGES,
    MANY,
    TENTHS,
    TOLERANCE,
    Report,
    come_and_go,
    swap_arms,
    while_a_tenth_goes_to_the_new_one,
)

pytestmark = pytest.mark.cluster

RATE = 200.0
STREAMS = 4000
MODEL = {"latencyMs": {"p50": 20, "p99": 40}}


@pytest.fixture
async def pair(endpoint: Endpoint) -> GrpcPair:
    """Two servers; all calls go to the old one."""
    pair = GrpcPair(endpoint, MODEL)
    await pair.start(old=100)
    return pair


def failures(samples: Sequence[Sample]) -> dict[str, int]:
    """The calls that failed, whoever is to blame: how, in whose name, and how many."""
    return dict(Counter(f"{one.error} by {one.arm}" for one in samples if one.blame is not None))


@pytest.mark.slow
@on_both_gateways
async def test_sixty_changes_under_load_fail_no_call_and_cut_off_no_stream(pair: GrpcPair, report: Report) -> None:
    """Calls on kept connections and on new ones, and streams of 5 s."""
    kept, new = calls(pair.endpoint, RATE), calls(pair.endpoint, RATE / 4, keep=False)
    async with kept, new, streams(pair.endpoint, 5.0) as streamed:
        await swap_arms(pair, kept)
        await asyncio.gather(kept.stop(), new.stop(), streamed.stop())
    for load in (kept, new, streamed):
        assert failures(load.samples) == {}
        assert {one.arm for one in load.samples} == {OLD, NEW}
    assert min(one.latency for one in streamed.samples) > 4.5, "streams that ended early were no streams"
    report.changes(pair, kept.samples, "call")
    counts = [len(load.samples) for load in (kept, new, streamed)]
    of_all = f"{counts} calls, calls on new connections and streams, none failed, during {CHANGES} changes"
    print(f"{report.gateway}: {of_all}")


@pytest.mark.slow
@on_both_gateways
async def test_how_long_three_hundred_changes_take(pair: GrpcPair, report: Report) -> None:
    """The slowest of a hundred is what a rollback may have to wait for."""
    async with calls(pair.endpoint, RATE) as load:
        await swap_arms(pair, load, MANY)
    assert failures(load.samples) == {}
    report.changes(pair, load.samples, "call")


@pytest.mark.slow
@on_both_gateways
async def test_an_arm_that_is_new_to_a_route_costs_no_call(pair: GrpcPair, report: Report) -> None:
    """With a filter on each backend it did on Envoy (docs/gateways.md)."""
    async with calls(pair.endpoint, 2 * RATE) as load:
        times = await come_and_go(pair, load)
    failed = failures(load.samples)
    report.value("failed", failed, f"{failed} of {len(load.samples)} calls failed while an arm came {times} times")
    assert failed == {}


@pytest.mark.slow
@on_both_gateways
async def test_a_tenth_is_a_tenth(pair: GrpcPair, report: Report) -> None:
    async with calls(pair.endpoint, 2 * RATE) as load:
        found = await while_a_tenth_goes_to_the_new_one(pair, load)
    assert report.tenth(found) == pytest.approx(TENTHS / 10, abs=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("patience", [0, 20])
@on_both_gateways
async def test_no_stream_is_cut_off(endpoint: Endpoint, patience: int, report: Report) -> None:
    """`patience` are the milliseconds that the model takes before its stream begins."""
    latency = {"latencyMs": {"p50": patience, "p99": patience}} if patience else {}
    pair = GrpcPair(endpoint, {"stream": {"seconds": 0.2, "events": 5}, **latency})
    await pair.start(old=100)
    async with streams(endpoint, RATE) as load:
        await at_least(load, STREAMS, 180)
    failed, number = failures(load.samples), len(load.samples)
    report.value("streams", number, f"begun after {patience} ms, {failed} of {number} streams were cut off")
    assert failed == {}


@pytest.mark.slow
@pytest.mark.parametrize("drain", [0, 5])
@on_both_gateways
async def test_pods_that_are_replaced_fail_no_call_when_they_drain(
    endpoint: Endpoint, drain: int, report: Report
) -> None:
    """A gateway keeps its connections to a pod; `drain` are the seconds for which a pod that shall end still serves."""
    pair = GrpcPair(endpoint, MODEL, drain=drain)
    await pair.start(old=100)
    kept, new = calls(endpoint, RATE), calls(endpoint, RATE / 4, keep=False)
    async with kept, new, streams(endpoint, 5.0) as streamed:
        await at_least(kept, 100)
        for _ in range(3):
            await pair.replace_pods(OLD)
        await at_least(kept, 100)
        await asyncio.gather(kept.stop(), new.stop(), streamed.stop())
    everything = [one for load in (kept, new, streamed) for one in load.samples]
    failed = failures(everything)
    of_all = f"drained for {drain} s, {failed} of {len(everything)} calls failed while 3 pods were replaced"
    report.value("failed", failed, of_all)
    assert not drain or failed == {}
