"""Catches a shadow or cohort that costs users a request, or reaches others than asked for, on a real gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from testbed import gateway_api
from testbed.cluster import ClusterClient
from testbed.load import LoadGenerator
from tests.support import objects
from tests.support.endpoint import (
    BODY,
    NAME,
    REQUEST_SECONDS,
    Endpoint,
    answered_alone,
    answered_by,
    at_least,
    at_stage,
    failed_by_model,
    failed_by_route,
    ready,
    serves,
)
from tests.support.gateways import ENVOY, on_both_gateways, on_both_gateways_at_length, on_envoy_and_both_at_length
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import Object
from tests.support.statuses import conditions

pytestmark = pytest.mark.cluster

RATE = 200.0
TEAM = {"name": "x-team", "value": "risk"}
SHADOW = {"name": "copy", "shadow": 50, "minDuration": "2s"}
COHORT = {"name": "team", "match": {"headers": [TEAM]}, "minDuration": "2s"}
TEN = {"name": "ten", "weight": 10, "minDuration": "1s"}
PREVIEW = {"name": "preview", "match": {"headers": [TEAM]}, "gate": "Manual"}
GO = {"metadata": {"annotations": {"crossfade.dev/advance": "go", "crossfade.dev/advance-by": "ann"}}}
_CLASS = f"/apis/gateway.networking.k8s.io/v1/gatewayclasses/{gateway_api.CLASS}"
_MIRRORS = ("HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror")

StartOperator = Callable[..., OperatorProcess]


@asynccontextmanager
async def asked(endpoint: Endpoint, *stages: Object) -> AsyncIterator[LoadGenerator]:
    """Version 2 is asked for by these stages, under load, and no request fails."""
    async with endpoint.load(RATE) as load:
        await at_least(load, 200)
        await endpoint.patch("Rollout", NAME, {"spec": {"strategy": {"stages": list(stages)}}})
        await endpoint.ask(2)
        yield load
        await at_least(load, 200)
    assert (failed_by_route(load.samples), failed_by_model(load.samples)) == ({}, {})


def team(endpoint: Endpoint) -> LoadGenerator:
    """The cohort's requests."""
    headers = {"host": endpoint.host, TEAM["name"]: TEAM["value"]}
    load = LoadGenerator(endpoint.gateway + objects.INFER, RATE / 4, [BODY], headers, timeout=REQUEST_SECONDS)
    return endpoint.counted("a cohort", load)


def said(found: Object) -> str:
    return str(conditions(found)["Ready"]["message"])


def users_rules(endpoint: Endpoint) -> list[Any]:
    """Every rule that users ever had in front of them."""
    return [rule for route in endpoint.recorder.of("HTTPRoute", NAME) for rule in route["spec"]["rules"]]


async def test_a_shadow_that_the_gateway_does_not_list_starts_nothing_and_says_why(serving: Endpoint) -> None:
    async with asked(serving, SHADOW, TEN) as load:
        refused = await serving.until(lambda found: ready(found) == ("False", "FeatureMissing"))
        await at_least(load, 400)
        pods = await serving.items("Pod")
    assert "1/2 copy needs HTTPRouteRequestMirror and HTTPRouteRequestPercentageMirror" in said(refused)
    assert f"the class {gateway_api.CLASS} of Gateway {gateway_api.NAMESPACE}/{gateway_api.GATEWAY}" in said(refused)
    assert "candidate" not in refused["status"]
    assert len({pod["metadata"]["labels"]["crossfade.dev/revision"] for pod in pods}) == 1
    assert [rule for rule in users_rules(serving) if rule.get("filters")] == []


async def test_a_shadow_that_the_gateway_lists_and_answers_with_500_is_met_by_no_user(
    serving: Endpoint, admin: ClusterClient
) -> None:
    """Traefik says Accepted and ResolvedRefs of the rule. Case E3."""
    async with promising(admin, *_MIRRORS), asked(serving, SHADOW, TEN) as load:
        refused = await serving.until(lambda found: ready(found) == ("False", "RehearsalFailed"))
        candidate = refused["status"]["candidate"]["revision"]
        await serving.recorder.until_gone("HTTPRoute", f"{NAME}.rehearsal")
        await at_least(load, 400)
    assert "a request through the rule was answered with 500" in said(refused)
    assert answered_by(load.samples, candidate) == []
    assert [rule for rule in users_rules(serving) if rule.get("filters")] == []
    (tried,) = {str(one["spec"]["rules"]) for one in serving.recorder.of("HTTPRoute", f"{NAME}.rehearsal")}
    assert "RequestMirror" in tried


@asynccontextmanager
async def promising(admin: ClusterClient, *features: str) -> AsyncIterator[None]:
    """While this lasts, the class lists these features as well, whatever its gateway can do."""
    before = (await admin.http.get(_CLASS)).json()["status"]["supportedFeatures"]
    await _list(admin, [*before, *({"name": one} for one in features)])
    try:
        yield
    finally:
        await _list(admin, before)


async def _list(admin: ClusterClient, features: list[Object]) -> None:
    features = sorted(features, key=lambda one: one["name"])
    headers = {"Content-Type": "application/merge-patch+json"}
    change = {"status": {"supportedFeatures": features}}
    answer = await admin.http.patch(f"{_CLASS}/status", json=change, headers=headers)
    assert answer.is_success, answer.text


@pytest.mark.slow
@pytest.mark.parametrize("gateway", [ENVOY])
async def test_a_shadow_that_works_is_proven_first_and_gives_users_nothing_of_the_candidate(serving: Endpoint) -> None:
    """Envoy Gateway publishes no list. Cases E3 and S19."""
    async with asked(serving, SHADOW, TEN) as load:
        staged = await serving.until(at_stage("copy"))
        candidate = staged["status"]["candidate"]["revision"]
        await at_least(load, 200)
        shadowed = len(load.samples)
        await serving.until(at_stage("ten", proven=False))
        assert answered_by(load.samples[:shadowed], candidate) == []
        await serving.until(lambda found: serves(found, 2))
    assert serving.recorder.gone >= {("HTTPRoute", f"{NAME}.rehearsal")}
    copied = [one for one in serving.recorder.of("Rollout", NAME) if "% observed" in str(one.get("status"))]
    print(sorted({str(one["status"]["traffic"]) for one in copied}))


@on_envoy_and_both_at_length
async def test_a_cohort_gets_the_candidate_and_nobody_else_does(serving: Endpoint) -> None:
    """No request of either fails, not even while the cohort's rule comes and goes. Case S21."""
    async with team(serving) as cohort, asked(serving, {**COHORT, "gate": "Manual"}, TEN) as load:
        staged = await serving.until(at_stage("team"))
        arms = {arm: staged["status"][arm]["revision"] for arm in ("stable", "candidate")}
        await cohort.wait_until(partial(answered_alone, arms["candidate"]))  # Traefik accepts before it serves
        begun = len(load.samples), len(cohort.samples)
        await at_least(load, 200)
        ended = len(load.samples), len(cohort.samples)
        passed = await serving.patch("Rollout", NAME, GO)
        await serving.until(at_stage("ten", proven=False), after=passed)
        await serving.until(lambda found: serves(found, 2))
    assert (failed_by_route(cohort.samples), failed_by_model(cohort.samples)) == ({}, {})
    assert {one.arm for one in load.samples[begun[0] : ended[0]]} == {arms["stable"]}
    assert {one.arm for one in cohort.samples[begun[1] : ended[1]]} == {arms["candidate"]}


@on_both_gateways_at_length
async def test_blue_green_is_passed_by_a_word_and_fails_no_request(serving: Endpoint) -> None:
    """Case S20."""
    async with team(serving) as previewed, asked(serving, PREVIEW) as load:
        waiting = await serving.until(lambda found: ready(found)[1] == "WaitingForPeople")
        candidate = waiting["status"]["candidate"]["revision"]
        await previewed.wait_until(partial(answered_alone, candidate))
        begun = len(previewed.samples)
        await at_least(previewed, 50)
        assert {one.arm for one in previewed.samples[begun:]} == {candidate}
        assert answered_by(load.samples, candidate) == []
        await serving.patch("Rollout", NAME, GO)
        done = await serving.until(lambda found: serves(found, 2))
        await load.wait_until(partial(answered_alone, candidate))  # Traefik accepts before it serves
    assert failed_by_route(previewed.samples) == {}
    assert done["status"]["outcome"]["result"] == "Promoted"
    assert {one.arm for one in load.samples[-100:]} == {candidate}


@pytest.mark.slow
@on_both_gateways
async def test_what_is_tried_is_out_of_reach_for_users(
    serving: Endpoint, record_property: Callable[[str, object], None]
) -> None:
    """The rehearsal is answered through the gateway as it serves, while users go on being answered by stable."""
    async with asked(serving, COHORT, TEN) as load:
        tried = await serving.recorder.until("HTTPRoute", f"{NAME}.rehearsal", lambda _: True)
        (rule,) = tried["spec"]["rules"]
        named = {one["name"] for one in rule["matches"][0]["headers"]}
        stable = (await serving.until(lambda found: "stable" in found["status"]))["status"]["stable"]["revision"]
        assert {one.arm for one in load.samples} == {stable}
        begun = asyncio.get_running_loop().time()
        await serving.recorder.until_gone("HTTPRoute", f"{NAME}.rehearsal")
        took = asyncio.get_running_loop().time() - begun
        await serving.until(at_stage("team"))
    record_property("seconds that the rehearsal took", round(took, 2))
    print(f"the rehearsal took {took:.2f} s, {len(load.samples)} requests meanwhile and after")
    assert named == {TEAM["name"], "x-crossfade-rehearsal"}
