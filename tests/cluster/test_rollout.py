"""Catches a rollout that fails a request, restarts what it promotes, leaves a bad version late, or says it wrongly."""

from collections.abc import Callable

import pytest

from tests.cluster.conftest import NewEndpoint
from tests.support.audit import writes
from tests.support.endpoint import (
    Endpoint,
    answered_by,
    at_least,
    at_stage,
    bad_answers,
    failed_by_model,
    failed_by_route,
    ready,
    rolled_back,
    sent_between,
    serves,
    settled,
    started,
    started_before,
    weights,
)
from tests.support.gateways import on_both_gateways_at_length, on_envoy_and_both_at_length
from tests.support.operator_process import ACCOUNT, Installation, OperatorProcess
from tests.support.pair import Pair
from tests.support.recorder import Object
from tests.support.reweighing import plain_delay
from tests.support.taken_back import taken_back

pytestmark = pytest.mark.cluster

RATE = 200.0


@on_both_gateways_at_length
async def test_a_good_version_is_promoted_under_load_and_no_request_fails(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess]
) -> None:
    """Case A3."""
    start_operator()
    await endpoint.model(1)
    await endpoint.model(2)
    first = (await endpoint.serve(1))["status"]["stable"]["revision"]
    async with endpoint.load(RATE) as load:
        await at_least(load, 200)
        await endpoint.ask(2)
        tenth = await endpoint.until(at_stage("at-10"))
        candidate = tenth["status"]["candidate"]["revision"]
        assert ready(tenth)[0] == "Unknown"
        half = await endpoint.until(at_stage("at-50"), after=tenth)
        done = await endpoint.until(lambda found: serves(found, 2))
        await settled(endpoint, candidate)
        await at_least(load, 200)
        summary = await load.stop()
    pods, loaded = await endpoint.pods(candidate), started_before(endpoint, candidate, version(half))
    assert loaded, "nothing was ready at half"
    assert loaded.items() < (await started(endpoint, candidate)).items(), "what carries half was made or loaded again"
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods] == [0, 0]
    assert done["status"]["outcome"]["result"] == "Promoted"
    assert (failed_by_route(load.samples), failed_by_model(load.samples)) == ({}, {})
    assert set(summary.arms) == {first, candidate}
    part = sent_between(load.samples, tenth, half)
    assert 0.05 < len(answered_by(part, candidate)) / len(part) < 0.55
    assert {one.arm for one in load.samples[-100:]} == {candidate}


@on_envoy_and_both_at_length
async def test_a_bad_version_is_rolled_back_under_load_and_no_request_fails_by_the_route(
    new_endpoint: NewEndpoint,
    installation: Installation,
    start_operator: Callable[..., OperatorProcess],
    record_property: Callable[[str, object], None],
) -> None:
    """Case S08."""
    endpoint = await new_endpoint()
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2, errorRate=0.2)
    stable = (await endpoint.serve(1))["status"]["stable"]["revision"]
    async with endpoint.load(RATE) as load:
        await at_least(load, 200)
        await endpoint.ask(2)
        ended = await endpoint.until(rolled_back)
        candidate = ended["status"]["outcome"]["revision"]
        await endpoint.until_served_by(stable)
        await settled(endpoint, stable)
        summary = await load.stop()
    assert (ended["status"]["outcome"]["result"], ended["status"]["outcome"]["cause"]) == (
        "RolledBack",
        "MetricRegressed",
    )
    assert "fraud-2 was rolled back: errors" in ended["status"]["outcome"]["message"]
    assert failed_by_route(load.samples) == {}
    assert summary.arms[stable].model_failures == 0
    bad, exposure = bad_answers(load.samples, candidate)
    record_property("seconds from the first bad answer to no traffic", round(exposure, 2))
    record_property("bad answers served", len(bad))
    print(f"{len(bad)} bad answers; {exposure:.2f} s from the first one to the candidate's last request")
    back = route_written_before_the_record(endpoint, stable)
    written = writes(installation.bed.audit, ACCOUNT, endpoint.namespace)
    assert {one.code for one in written} <= {200, 201}
    routes = [one.at for one in written if one.resource == "httproutes"]
    assert len(routes) == generation((await endpoint.items("HTTPRoute"))[0]), "not every write was a change"
    away = taken_back(endpoint, installation, ended, load.samples)
    assert away.written == routes[generation(back) - 1], "another write came between the decision and the way back"
    plain = await delay(await new_endpoint())
    record_property("seconds from the decision to the candidate's last request", round(away.after, 2))
    record_property("seconds that the gateway takes for a plain change", round(plain, 2))
    away.is_at_once(plain)


async def delay(endpoint: Endpoint) -> float:
    """Of the same gateway, under the same load."""
    return await plain_delay(Pair(endpoint), endpoint.load(RATE))


def generation(found: Object) -> int:
    """How many times its spec was written."""
    return int(found["metadata"]["generation"])


def route_written_before_the_record(endpoint: Endpoint, stable: str) -> Object:
    """The way back, by the versions that the API server gave them, which rise over all kinds."""
    split = [r for r in endpoint.recorder.of("HTTPRoute", "fraud") if len(weights(r)) == 2]
    back = next(
        r
        for r in endpoint.recorder.of("HTTPRoute", "fraud")
        if weights(r) == {stable: 100} and version(r) > version(split[-1])
    )
    record = next(r for r in endpoint.recorder.of("Rollout", "fraud") if rolled_back(r))
    assert version(back) < version(record)
    return back


def version(found: dict[str, dict[str, str]]) -> int:
    return int(found["metadata"]["resourceVersion"])
