"""Catches a judge that is right in simulations and wrong on real counters: one analysis, real traffic, six outcomes."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from testbed.bed import Bed
from testbed.load import LoadGenerator
from tests.support import objects
from tests.support.endpoint import (
    FAILING,
    NAME,
    Endpoint,
    at_least,
    at_stage,
    failed_by_route,
    rolled_back,
    serves,
    weights,
)
from tests.support.gateways import on_both_gateways, on_both_gateways_at_length
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import Object
from tests.support.statuses import conditions

pytestmark = pytest.mark.cluster

RATE = 120.0
STABLE = {"errorRate": 0.01, "latencyMs": {"p50": 20, "p99": 60}, "failsWhen": [{"index": 0, "equals": 13}]}
_INFER = 'path=~".*/infer"'
ANALYSIS: Object = {
    "trafficCheck": {"grace": "3s"},
    "metrics": [
        {
            "name": "errors",
            "ratio": {
                "bad": f'rest_server_requests_total{{{_INFER},status_code=~"5.."}}',
                "total": f"rest_server_requests_total{{{_INFER}}}",
            },
            "objective": {"relative": {"rollbackAbove": 10, "promoteWithin": 100}},
        },
        {
            "name": "latency",
            "latency": {"buckets": f"rest_server_request_duration_seconds_bucket{{{_INFER}}}"},
            "objective": {"relative": {"slowerBy": 10, "promoteWithin": 20}},
        },
    ],
}
"""The same for every case: nothing is tuned to what it is to find. What lies between a margin and `promoteWithin` may
be found to be either, so a latency that is 30 % worse must be beyond both."""
SPEC: dict[str, Any] = {"analysis": ANALYSIS, "strategy": objects.stages(20, 50, seconds=2)}

StartOperator = Callable[..., OperatorProcess]


@pytest.fixture
async def serving(endpoint: Endpoint, start_operator: StartOperator) -> Endpoint:
    """An endpoint whose version 1 answers 1 % of the requests with an error, in 20 ms at the median."""
    start_operator(endpoint.namespace)
    await endpoint.model(1, **STABLE)
    await endpoint.serve(1, **SPEC)
    return endpoint


@asynccontextmanager
async def judged(endpoint: Endpoint, **behaviour: Any) -> AsyncIterator[LoadGenerator]:
    """Version 2, which is version 1 but for `behaviour`, is rolled out under load; none fails by the route."""
    await endpoint.model(2, **{**STABLE, "seed": 2, **behaviour})
    async with endpoint.load(RATE) as load:
        await at_least(load, 300)
        await endpoint.ask(2)
        yield load
    assert failed_by_route(load.samples) == {}


def said(found: Object) -> str:
    return str(found["status"]["outcome"]["message"])


def verdict(found: Object) -> tuple[str, str]:
    analysis = found["status"].get("analysis") or {}
    return analysis.get("verdict", ""), analysis.get("explanation", "")


@pytest.mark.slow
@on_both_gateways
async def test_an_equal_version_is_promoted_on_proof(serving: Endpoint) -> None:
    async with judged(serving):
        # its plan says 88 s, and at most 4.8 min in 95 of 100
        done = await serving.until(lambda found: serves(found, 2), 600)
    assert done["status"]["outcome"]["result"] == "Promoted"
    passed = [one for one in serving.recorder.of("Rollout", NAME) if verdict(one)[0] == "Advance"]
    assert {m["state"] for one in passed for m in one["status"]["analysis"]["metrics"]} == {"NonInferior"}


@on_both_gateways_at_length
async def test_five_times_the_errors_are_rolled_back_with_the_counts_in_the_sentence(serving: Endpoint) -> None:
    async with judged(serving, errorRate=0.05) as load:
        ended = await serving.until(rolled_back, 180)
        candidate = ended["status"]["outcome"]["revision"]
        await serving.until_served_by(ended["status"]["stable"]["revision"])
        bad = [one for one in load.samples if one.arm == candidate and one.blame is not None]
    found = metric(ended, "errors")
    assert found["state"] == "Regressed"
    assert float(found["ratio"]) > 2
    assert float(found["low"]) > 1.1
    assert 0 < found["candidate"]["bad"] <= len(bad)
    assert f"{found['candidate']['bad']} of {found['candidate']['total']:,}" in said(ended)


@pytest.mark.slow
@on_both_gateways
async def test_thirty_percent_more_latency_is_rolled_back_for_its_latency(serving: Endpoint) -> None:
    """Case S09."""
    async with judged(serving, latencyMs={"p50": 26, "p99": 78}):
        ended = await serving.until(rolled_back, 240)
    assert metric(ended, "latency")["state"] == "Regressed"
    assert metric(ended, "errors")["state"] != "Regressed"
    assert said(ended).split(": ")[1].startswith("latency")


@on_both_gateways_at_length
async def test_a_candidate_that_the_gateway_sends_nothing_is_held_and_said_so(serving: Endpoint) -> None:
    stable = (await serving.until(lambda _: True))["status"]["stable"]["revision"]
    await serving.create(stolen(serving.host, serving.parent, stable))
    async with judged(serving):
        held = await serving.until(lambda found: verdict(found)[0] == "Hold" and "0 of " in verdict(found)[1])
        (route,) = [one for one in await serving.items("HTTPRoute") if one["metadata"]["name"] == NAME]
        proven = conditions(held)["TrafficProven"]
    assert sorted(weights(route).values()) == [20, 80]
    assert proven["status"] == "False"


@pytest.mark.slow
@on_both_gateways
async def test_without_prometheus_nothing_moves_and_the_sentence_says_why(serving: Endpoint, bed: Bed) -> None:
    async with judged(serving) as load:
        await serving.until(at_stage("at-20"))
        bed.stop_daemon("prometheus")
        try:
            held = await serving.until(lambda found: conditions(found)["Ready"]["reason"] == "MetricsUnavailable")
            await at_least(load, round(5 * RATE))
            (route,) = await serving.items("HTTPRoute")
        finally:
            bed.start_daemon("prometheus")
        assert sorted(weights(route).values()) == [20, 80]
        assert "metrics" in conditions(held)["Ready"]["message"]
        await serving.until(lambda found: conditions(found)["Ready"]["reason"] == "Analysing")


@pytest.mark.slow
@on_both_gateways
async def test_a_shock_in_both_arms_holds_and_does_not_roll_back(serving: Endpoint) -> None:
    async with judged(serving) as load:
        await serving.until(at_stage("at-20"))
        await at_least(load, round(8 * RATE))
        async with serving.load(RATE / 2, body=FAILING) as storm:
            held = await serving.until(lambda found: "both" in verdict(found)[1])
            await at_least(storm, round(2 * RATE))
        assert verdict(held)[0] == "Hold"
        await serving.until(lambda found: verdict(found)[0] in ("Continue", "Advance"))
        await at_least(load, round(8 * RATE))
    results = {one["status"].get("outcome", {}).get("result") for one in serving.recorder.of("Rollout", NAME)}
    assert "RolledBack" not in results


def metric(found: Object, name: str) -> Object:
    metrics: Sequence[Object] = found["status"]["analysis"]["metrics"]
    return next(one for one in metrics if one["name"] == name)


def stolen(host: str, parent: str, revision: str) -> Object:
    """A route that somebody else made: its longer path wins, and all its requests go to one revision."""
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/v2/models"}}],
        "backendRefs": [{"name": revision, "port": 80}],
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "older"},
        "spec": {"parentRefs": [{"name": parent, "namespace": "gateways"}], "hostnames": [host], "rules": [rule]},
    }
