"""Catches a gateway that fails requests while weights change, never takes them, splits otherwise or cuts streams."""

from collections import Counter

import pytest

from testbed.bed import Bed
from tests.support.endpoint import Endpoint, answered_by, at_least, failed_by_route
from tests.support.gateways import (
    ENVOY,
    TRAEFIK,
    on_both_gateways,
    on_both_gateways_at_length,
    on_envoy_and_both_at_length,
)
from tests.support.pair import NEW, OLD, Pair
from tests.support.queries import asked
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


@pytest.fixture
async def pair(endpoint: Endpoint) -> Pair:
    """Two servers; all requests go to the old one."""
    pair = Pair(endpoint)
    await pair.start(old=100)
    return pair


@on_both_gateways
async def test_sixty_changes_under_load_fail_no_request_and_all_are_live(pair: Pair, report: Report) -> None:
    async with pair.endpoint.load(2 * RATE) as load:
        await swap_arms(pair, load)
    assert failed_by_route(load.samples) == {}
    report.changes(pair, load.samples, "request")
    print(f"{report.gateway}: {len(load.samples)} requests, none failed, during {CHANGES} changes")


@pytest.mark.slow
@on_both_gateways
async def test_how_long_three_hundred_changes_take(pair: Pair, report: Report) -> None:
    """The slowest of a hundred is what a rollback may have to wait for."""
    async with pair.endpoint.load(RATE) as load:
        await swap_arms(pair, load, MANY)
    assert failed_by_route(load.samples) == {}
    report.changes(pair, load.samples, "request")


@on_envoy_and_both_at_length
async def test_an_arm_that_is_new_to_a_route_costs_no_request(pair: Pair, report: Report) -> None:
    """With a filter on each backend it did on Envoy (docs/gateways.md)."""
    async with pair.endpoint.load(2 * RATE) as load:
        times = await come_and_go(pair, load)
    failed = dict(Counter(str(one.status or one.error) for one in load.samples if one.blame is not None))
    report.value("failed", failed, f"{failed} of {len(load.samples)} requests failed while an arm came {times} times")
    assert not failed


@pytest.mark.slow
@on_both_gateways
async def test_a_tenth_is_a_tenth(pair: Pair, report: Report) -> None:
    async with pair.endpoint.load(2 * RATE) as load:
        found = await while_a_tenth_goes_to_the_new_one(pair, load)
    assert report.tenth(found) == pytest.approx(TENTHS / 10, abs=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("patience", [0, 20])
@on_both_gateways_at_length
async def test_no_stream_is_cut_off_but_by_traefik_when_a_model_answers_at_once(
    endpoint: Endpoint, patience: int, report: Report
) -> None:
    """`patience` are the milliseconds that the model takes before its stream begins."""
    latency = {"latencyMs": {"p50": patience, "p99": patience}} if patience else {}
    pair = Pair(endpoint, {"stream": {"seconds": 0.2, "events": 5}, **latency})
    await pair.start(old=100)
    async with endpoint.streams(RATE) as load:
        await at_least(load, STREAMS, 180)
    cut = [one for one in load.samples if one.blame is not None]
    of_all = f"begun after {patience} ms, {len(cut)} of {len(load.samples)} streams were cut off"
    report.value("streams cut off", len(cut), of_all)
    assert {one.error for one in cut} <= {"cut off"}
    assert len(cut) <= (0.01 * STREAMS if report.gateway == TRAEFIK and not patience else 0)


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
