"""Catches a gateway that fails gRPC calls while a GRPCRoute's weights change, splits otherwise, or cuts off streams."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import pytest

from testbed.load import Sample
from testbed.load.samples import percentile
from tests.support.calls import calls, streams
from tests.support.endpoint import Endpoint, answered_by, at_least
from tests.support.gateways import on_both_gateways
from tests.support.pair import NEW, OLD, GrpcPair, after_each

pytestmark = pytest.mark.cluster

RATE = 200.0
CHANGES = 60
CALLS = 5000
STREAMS = 4000
QUIET = 50
"""So many answers of one arm in a row: the other gets nothing any more."""
LATE = 5.0
"""Seconds after which new weights must be live, whatever else the machine does."""
MODEL = {"latencyMs": {"p50": 20, "p99": 40}}

Property = Callable[[str, object], None]


@pytest.fixture
async def pair(endpoint: Endpoint) -> GrpcPair:
    """Two servers; all calls go to the old one."""
    pair = GrpcPair(endpoint, MODEL)
    await pair.start(old=100)
    return pair


def answers_alone(arm: str, samples: Sequence[Sample]) -> bool:
    return {one.arm for one in samples[-QUIET:]} == {arm}


def failures(samples: Sequence[Sample]) -> dict[str, int]:
    """The calls that failed, whoever is to blame: how, in whose name, and how many."""
    return dict(Counter(f"{one.error} by {one.arm}" for one in samples if one.blame is not None))


def tell(record: Property, gateway: str, what: str, values: list[float]) -> None:
    last = percentile(values, 0.95)
    said = f"{median(values) * 1000:.0f} ms, 95 of 100 within {last * 1000:.0f} ms, all within {max(values) * 1000:.0f}"
    record(what, said)
    print(f"{gateway}: {what}: {said}")


@on_both_gateways
async def test_sixty_changes_under_load_fail_no_call_and_cut_off_no_stream(
    pair: GrpcPair, gateway: str, record_property: Property
) -> None:
    """Calls on kept connections and on new ones, and streams of 5 s."""
    kept, new = calls(pair.endpoint, RATE), calls(pair.endpoint, RATE / 4, keep=False)
    async with kept, new, streams(pair.endpoint, 5.0) as streamed:
        await at_least(kept, 100)
        for arm in itertools.islice(itertools.cycle([NEW, OLD]), CHANGES):
            await pair.weigh(**{arm: 100})
            await kept.wait_until(partial(answers_alone, arm), LATE)
        await asyncio.gather(kept.stop(), new.stop(), streamed.stop())
    for load in (kept, new, streamed):
        assert failures(load.samples) == {}
        assert {one.arm for one in load.samples} == {OLD, NEW}
    assert min(one.latency for one in streamed.samples) > 4.5, "streams that ended early were no streams"
    acknowledged = [one.acknowledged - one.written for one in pair.changes]
    live = after_each(pair.changes, kept.samples)
    tell(record_property, gateway, "written to acknowledged", acknowledged)
    tell(record_property, gateway, "written to the last call on the old way", live)
    early = sum(last > known for last, known in zip(live, acknowledged, strict=True))
    record_property("acknowledged before it was live", early)
    print(f"{gateway}: {early} of {CHANGES} changes were acknowledged before the last call on the old way")
    counts = [len(load.samples) for load in (kept, new, streamed)]
    print(f"{gateway}: {counts} calls, calls on new connections and streams, none failed, during {CHANGES} changes")


@pytest.mark.slow
@on_both_gateways
async def test_an_arm_that_is_new_to_a_route_costs_no_call(
    pair: GrpcPair, gateway: str, record_property: Property
) -> None:
    """With a filter on each backend it did on Envoy: 11 of 2,833 calls in 30 changes (docs/gateways.md)."""
    async with calls(pair.endpoint, 2 * RATE) as load:
        await at_least(load, 100)
        for _ in range(CHANGES // 2):
            begun = len(load.samples)
            await pair.weigh(old=90, new=10)
            await load.wait_until(lambda samples, begun=begun: bool(answered_by(samples[begun:], NEW)), LATE)
            await pair.weigh(old=100)
            await load.wait_until(partial(answers_alone, OLD), LATE)
    failed = failures(load.samples)
    record_property("failed", failed)
    print(f"{gateway}: {failed} of {len(load.samples)} calls failed while an arm came {CHANGES // 2} times")
    assert failed == {}


def by_hundreds(samples: list[Sample]) -> list[int]:
    """How many of each hundred the new one answered, in the order of the answers."""
    rows = [samples[at : at + 100] for at in range(0, len(samples), 100)]
    return [len(answered_by(row, NEW)) for row in rows if len(row) == 100]


@pytest.mark.slow
@on_both_gateways
async def test_a_tenth_is_a_tenth(pair: GrpcPair, gateway: str, record_property: Property) -> None:
    async with calls(pair.endpoint, 2 * RATE) as load:
        await pair.weigh(old=90, new=10)
        await load.wait_until(lambda samples: bool(answered_by(samples, NEW)), LATE)
        begun = len(load.samples)
        await at_least(load, CALLS, 60)
    found = load.samples[begun : begun + CALLS]
    share, hundreds = len(answered_by(found, NEW)), by_hundreds(found)
    record_property("answered by the new one", share)
    print(f"{gateway}: the tenth answered {share} of {len(found)}, of each hundred {min(hundreds)} to {max(hundreds)}")
    assert share == pytest.approx(CALLS / 10, abs=5 * (CALLS * 0.09) ** 0.5), "five standard deviations"


@pytest.mark.slow
@pytest.mark.parametrize("patience", [0, 20])
@on_both_gateways
async def test_no_stream_is_cut_off(endpoint: Endpoint, gateway: str, patience: int, record_property: Property) -> None:
    """`patience` are the milliseconds that the model takes before its stream begins."""
    latency = {"latencyMs": {"p50": patience, "p99": patience}} if patience else {}
    pair = GrpcPair(endpoint, {"stream": {"seconds": 0.2, "events": 5}, **latency})
    await pair.start(old=100)
    async with streams(endpoint, RATE) as load:
        await at_least(load, STREAMS, 60)
    record_property("streams", len(load.samples))
    print(f"{gateway}: begun after {patience} ms, none of {len(load.samples)} streams was cut off")
    assert failures(load.samples) == {}


@pytest.mark.slow
@pytest.mark.parametrize("drain", [0, 5])
@on_both_gateways
async def test_pods_that_are_replaced_fail_no_call_when_they_drain(
    endpoint: Endpoint, gateway: str, drain: int, record_property: Property
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
    record_property("failed", failed)
    print(f"{gateway}: drained for {drain} s, {failed} of {len(everything)} calls failed while 3 pods were replaced")
    assert not drain or failed == {}
