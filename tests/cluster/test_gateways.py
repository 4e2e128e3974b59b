"""Catches a gateway that fails requests while weights change, takes them late, splits otherwise or cuts streams."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import pytest

from testbed.bed import Bed
from testbed.load import Sample
from testbed.load.samples import percentile
from tests.support.endpoint import Endpoint, answered_by, at_least, failed_by_route
from tests.support.gateways import ENVOY, TRAEFIK, on_both_gateways, on_both_gateways_at_length
from tests.support.pair import NEW, OLD, Pair, after_each
from tests.support.queries import asked

pytestmark = pytest.mark.cluster

RATE = 200.0
CHANGES = 60
REQUESTS = 5000
STREAMS = 4000
QUIET = 50
"""So many answers of one arm in a row: the other gets nothing any more."""
LATE = 5.0
"""Seconds after which new weights must be live, whatever else the machine does."""

Property = Callable[[str, object], None]


@pytest.fixture
async def pair(endpoint: Endpoint) -> Pair:
    """Two servers; all requests go to the old one."""
    pair = Pair(endpoint)
    await pair.start(old=100)
    return pair


def answers_alone(arm: str, samples: Sequence[Sample]) -> bool:
    return {one.arm for one in samples[-QUIET:]} == {arm}


def tell(record: Property, gateway: str, what: str, values: list[float]) -> None:
    last = percentile(values, 0.95)
    said = f"{median(values) * 1000:.0f} ms, 95 of 100 within {last * 1000:.0f} ms, all within {max(values) * 1000:.0f}"
    record(what, said)
    print(f"{gateway}: {what}: {said}")


@on_both_gateways
async def test_sixty_changes_under_load_fail_no_request_and_are_live_soon(
    pair: Pair, gateway: str, record_property: Property
) -> None:
    async with pair.endpoint.load(2 * RATE) as load:
        await at_least(load, 100)
        for arm in itertools.islice(itertools.cycle([NEW, OLD]), CHANGES):
            await pair.weigh(**{arm: 100})
            await load.wait_until(partial(answers_alone, arm), LATE)
    assert failed_by_route(load.samples) == {}
    acknowledged = [one.acknowledged - one.written for one in pair.changes]
    live = after_each(pair.changes, load.samples)
    tell(record_property, gateway, "written to acknowledged", acknowledged)
    tell(record_property, gateway, "written to the last request on the old way", live)
    early = sum(last > known for last, known in zip(live, acknowledged, strict=True))
    record_property("acknowledged before it was live", early)
    print(f"{gateway}: {early} of {CHANGES} changes were acknowledged before the last request on the old way")
    print(f"{gateway}: {len(load.samples)} requests, none failed, during {CHANGES} changes")


@on_both_gateways
async def test_an_arm_that_is_new_to_a_route_costs_no_request(
    pair: Pair, gateway: str, record_property: Property
) -> None:
    """With a filter on each backend it did on Envoy: 31 of 11,650 requests in 150 changes (docs/gateways.md)."""
    async with pair.endpoint.load(2 * RATE) as load:
        await at_least(load, 100)
        for _ in range(CHANGES // 2):
            begun = len(load.samples)
            await pair.weigh(old=90, new=10)
            await load.wait_until(lambda samples, begun=begun: bool(answered_by(samples[begun:], NEW)), LATE)
            await pair.weigh(old=100)
            await load.wait_until(partial(answers_alone, OLD), LATE)
    failed = Counter(str(one.status or one.error) for one in load.samples if one.blame is not None)
    record_property("failed", dict(failed))
    print(f"{gateway}: {dict(failed)} of {len(load.samples)} requests failed while an arm came {CHANGES // 2} times")
    assert not failed


def by_hundreds(samples: list[Sample]) -> list[int]:
    """How many of each hundred the new one answered, in the order of the answers."""
    rows = [samples[at : at + 100] for at in range(0, len(samples), 100)]
    return [len(answered_by(row, NEW)) for row in rows if len(row) == 100]


@on_both_gateways_at_length
async def test_a_tenth_is_a_tenth(pair: Pair, gateway: str, record_property: Property) -> None:
    async with pair.endpoint.load(2 * RATE) as load:
        await pair.weigh(old=90, new=10)
        await load.wait_until(lambda samples: bool(answered_by(samples, NEW)), LATE)
        begun = len(load.samples)
        await at_least(load, REQUESTS, 60)
    found = load.samples[begun : begun + REQUESTS]
    share, hundreds = len(answered_by(found, NEW)), by_hundreds(found)
    record_property("answered by the new one", share)
    print(f"{gateway}: the tenth answered {share} of {len(found)}, of each hundred {min(hundreds)} to {max(hundreds)}")
    assert share == pytest.approx(REQUESTS / 10, abs=5 * (REQUESTS * 0.09) ** 0.5), "five standard deviations"


@pytest.mark.parametrize("patience", [0, 20])
@on_both_gateways_at_length
async def test_no_stream_is_cut_off_but_by_traefik_when_a_model_answers_at_once(
    endpoint: Endpoint, gateway: str, patience: int, record_property: Property
) -> None:
    """`patience` are the milliseconds that the model takes before its stream begins."""
    latency = {"latencyMs": {"p50": patience, "p99": patience}} if patience else {}
    pair = Pair(endpoint, {"stream": {"seconds": 0.2, "events": 5}, **latency})
    await pair.start(old=100)
    async with endpoint.streams(RATE) as load:
        await at_least(load, STREAMS, 60)
    cut = [one for one in load.samples if one.blame is not None]
    record_property("streams cut off", len(cut))
    print(f"{gateway}: begun after {patience} ms, {len(cut)} of {len(load.samples)} streams were cut off")
    assert {one.error for one in cut} <= {"cut off"}
    assert len(cut) <= (0.01 * STREAMS if gateway == TRAEFIK and not patience else 0)


PER_ARM = """
sum by (revision) (
  label_replace(envoy_cluster_endpoint_rq_total, "ip", "$1", "envoy_endpoint_address", "(.+):.+")
  * on (ip) group_left (revision)
  label_replace(up{job="pods", namespace="NAMESPACE", revision!=""}, "ip", "$1", "instance", "(.+):.+")
)
"""


@pytest.mark.parametrize("gateway", [ENVOY])
async def test_envoy_counts_each_revision_by_its_pods(pair: Pair, bed: Bed) -> None:
    await pair.weigh(old=50, new=50)
    async with pair.endpoint.load(RATE) as load:
        await at_least(load, 1000)
    truth = {arm: len(answered_by(load.samples, arm)) for arm in (OLD, NEW)}
    query = PER_ARM.replace("NAMESPACE", pair.endpoint.namespace)
    found = await asked(bed.prometheus, query, "revision", lambda found: found.get(NEW, 0) >= truth[NEW])
    assert found[NEW] == truth[NEW]
    assert 0 <= found[OLD] - truth[OLD] < 50, "those that the test sent until the route was served, and no others"
