"""Catches a rollout behind a GRPCRoute that fails a call, cuts off a stream, leaves a bad version late, or shows users
what was not tried."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from testbed import gateway_api, oip
from testbed.load import LoadGenerator
from tests.cluster.conftest import NewEndpoint
from tests.support import objects
from tests.support.calls import CALL, calls, served_over_grpc, streams, until_called
from tests.support.endpoint import (
    NAME,
    REQUEST_SECONDS,
    Endpoint,
    answered_alone,
    at_least,
    at_stage,
    bad_answers,
    failed_by_model,
    failed_by_route,
    ready,
    rolled_back,
    serves,
    settled,
    started,
    weights,
)
from tests.support.gateways import ENVOY, on_both_gateways, on_envoy_and_both_at_length
from tests.support.operator_process import Installation, OperatorProcess
from tests.support.pair import GrpcPair
from tests.support.recorder import Object
from tests.support.reweighing import plain_delay
from tests.support.statuses import conditions
from tests.support.taken_back import taken_back

pytestmark = pytest.mark.cluster

RATE = 100.0
STREAM = {"stream": {"seconds": 5, "events": 20}, "latencyMs": {"p50": 20, "p99": 40}}
"""A stream's first message does not come at once: a gateway must have read the call by then (docs/gateways.md)."""


def routed(endpoint: Endpoint, **gateway: Any) -> Object:
    """Behind a GRPCRoute."""
    parent = {"name": endpoint.parent, "namespace": gateway_api.NAMESPACE}
    return {"gatewayAPI": {"kind": "GRPCRoute", "parentRefs": [parent], "hostnames": [endpoint.host], **gateway}}


def serving(**more: Any) -> Object:
    """The programmable server, which serves calls too."""
    found = objects.serving(**more)
    (container,) = found["template"]["spec"]["containers"]
    found["template"]["spec"]["containers"] = [served_over_grpc(container)]
    return found


def errors() -> Object:
    """Of inferences, however they were asked for: this server counts failed calls nowhere else."""
    found = objects.errors()
    bad, all_of_them = (
        f'{{__name__=~"model_infer_request_{which}_total"}}' for which in ("failure", "(success|failure)")
    )
    found["metrics"][0]["ratio"] = {"bad": bad, "total": all_of_them}
    return found


async def serve(endpoint: Endpoint, number: int, **changes: Any) -> str:
    """Create the Rollout with a first version, and wait until it answers calls. Returns its revision."""
    spec = {"traffic": routed(endpoint), "serving": serving(), "analysis": errors(), **changes}
    await endpoint.create(objects.rollout(NAME, f"{NAME}-{number}", endpoint.host, endpoint.parent, **spec))
    found = await endpoint.until(lambda one: serves(one, number))
    await until_called(endpoint)
    return str(found["status"]["stable"]["revision"])


@on_envoy_and_both_at_length
async def test_a_good_version_is_promoted_under_calls_and_streams_and_none_fails(
    endpoint: Endpoint, gateway: str, start_operator: Callable[..., OperatorProcess]
) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1, **STREAM)
    await endpoint.model(2, **STREAM)
    first = await serve(endpoint, 1)
    kept, new = calls(endpoint, RATE), calls(endpoint, RATE / 4, keep=False)
    async with kept, new, streams(endpoint, 5.0) as streamed:
        await at_least(kept, 200)
        await endpoint.ask(2)
        tenth = await endpoint.until(at_stage("at-10"))
        candidate = tenth["status"]["candidate"]["revision"]
        loaded = await started(endpoint, candidate)
        await endpoint.until(lambda found: serves(found, 2))
        await settled(endpoint, candidate)
        await at_least(kept, 200)
        await asyncio.gather(kept.stop(), new.stop(), streamed.stop())
    assert loaded, "nothing was ready at a tenth"
    assert loaded.items() <= (await started(endpoint, candidate)).items(), "a pod was made or loaded again"
    for load in (kept, new, streamed):
        assert (failed_by_route(load.samples), failed_by_model(load.samples)) == ({}, {})
        assert {one.arm for one in load.samples} == {first, candidate}
    assert min(one.latency for one in streamed.samples) > 4.5, "streams that ended early were no streams"
    assert {one.arm for one in kept.samples[-100:]} == {candidate}
    assert await endpoint.items("HTTPRoute") == []
    counts = [len(load.samples) for load in (kept, new, streamed)]
    print(f"{gateway}: {counts} calls, calls on new connections and streams of 5 s: none failed in a promotion")


@pytest.mark.slow
@on_both_gateways
async def test_a_bad_version_is_rolled_back_under_calls_and_the_route_fails_none(
    new_endpoint: NewEndpoint,
    installation: Installation,
    gateway: str,
    start_operator: Callable[..., OperatorProcess],
) -> None:
    endpoint = await new_endpoint()
    start_operator(endpoint.namespace)
    await endpoint.model(1, **STREAM)
    await endpoint.model(2, errorRate=0.2, **STREAM)
    stable = await serve(endpoint, 1)
    async with calls(endpoint, RATE) as load, streams(endpoint, 5.0) as streamed:
        await at_least(load, 200)
        await endpoint.ask(2)
        ended = await endpoint.until(rolled_back)
        candidate = ended["status"]["outcome"]["revision"]
        await endpoint.recorder.until("GRPCRoute", NAME, lambda route: weights(route) == {stable: 100})
        await settled(endpoint, stable)
        await asyncio.gather(load.stop(), streamed.stop())
    assert ended["status"]["outcome"]["cause"] == "MetricRegressed"
    assert (failed_by_route(load.samples), failed_by_route(streamed.samples)) == ({}, {})
    bad, exposure = bad_answers(load.samples, candidate)
    print(f"{gateway}: {len(load.samples)} calls, {len(bad)} of them bad, {exposure:.2f} s from the first to the last")
    assert {one.arm for one in load.samples[-100:]} == {stable}
    away = taken_back(endpoint, installation, ended, load.samples, "grpcroutes")
    pair = GrpcPair(await new_endpoint(), STREAM)
    away.is_at_once(await plain_delay(pair, calls(pair.endpoint, RATE)))


TEAM = {"name": "x-team", "value": "risk"}
COPY = {"name": "copy", "shadow": 50, "minDuration": "2s"}
COHORT = {"name": "team", "match": {"headers": [TEAM]}, "gate": "Manual"}
TEN = {"name": "ten", "weight": 10, "minDuration": "1s"}


async def asked(endpoint: Endpoint, *stages: Object) -> str:
    """Ask for version 2 by these stages; returns the first version's revision."""
    await endpoint.model(1)
    await endpoint.model(2)
    stable = await serve(endpoint, 1)
    spec = {"modelVersion": f"{NAME}-2", "strategy": {"stages": list(stages)}}
    await endpoint.patch("Rollout", NAME, {"spec": spec})
    return stable


@pytest.mark.slow
@on_both_gateways
async def test_calls_are_copied_where_that_is_proven_and_nowhere_else(
    endpoint: Endpoint, gateway: str, start_operator: Callable[..., OperatorProcess]
) -> None:
    """Traefik takes the rule and answers its calls with UNAVAILABLE, to everybody."""
    start_operator(endpoint.namespace)
    stable = await asked(endpoint, COPY, TEN)
    async with calls(endpoint, RATE) as load:
        if gateway == ENVOY:
            await endpoint.until(at_stage("copy"))
            done = await endpoint.until(lambda found: serves(found, 2))
            assert done["status"]["outcome"]["result"] == "Promoted"
        else:
            refused = await endpoint.until(lambda found: ready(found) == ("False", "RehearsalFailed"))
            print(conditions(refused)["Ready"]["message"])
            await at_least(load, 400)
            assert {one.arm for one in load.samples} == {stable}
        await load.stop()
    assert (failed_by_route(load.samples), failed_by_model(load.samples)) == ({}, {})
    rules = [rule for route in endpoint.recorder.of("GRPCRoute", NAME) for rule in route["spec"]["rules"]]
    assert any(rule.get("filters") for rule in rules) is (gateway == ENVOY)


@pytest.mark.slow
@on_both_gateways
async def test_the_calls_of_a_cohort_go_to_the_candidate_and_no_others(
    endpoint: Endpoint, gateway: str, start_operator: Callable[..., OperatorProcess]
) -> None:
    start_operator(endpoint.namespace)
    stable = await asked(endpoint, COHORT)
    headers = {"host": endpoint.host, TEAM["name"]: TEAM["value"]}
    url = endpoint.gateway.replace("http://", "grpc://") + oip.INFER
    asking = LoadGenerator(url, RATE / 4, [CALL], headers, timeout=REQUEST_SECONDS)
    cohort = endpoint.counted("a cohort's gRPC calls", asking)
    async with calls(endpoint, RATE) as load, cohort as team:
        found = await endpoint.until(at_stage("team"))
        candidate = found["status"]["candidate"]["revision"]
        await team.wait_until(partial(answered_alone, candidate))
        begun = len(team.samples), len(load.samples)
        await at_least(load, 400)
        await asyncio.gather(load.stop(), team.stop())
    assert (failed_by_route(load.samples), failed_by_route(team.samples)) == ({}, {})
    assert {one.arm for one in team.samples[begun[0] :]} == {candidate}
    assert {one.arm for one in load.samples[begun[1] :]} == {stable}
    seen = [conditions(one).get("Ready") for one in endpoint.recorder.of("Rollout", NAME)]
    told = " ".join(ready["message"] for ready in seen if ready)
    assert ("NOT rehearsed" in told) is (gateway != ENVOY)
