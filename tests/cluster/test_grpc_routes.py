"""Catches a GRPCRoute that does something else than it says, gateway by gateway: marks, matches, mirrors, counts."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from testbed import oip
from testbed.bed import Bed
from tests.support.calls import CALL, FAILING_CALL, Heard, call
from tests.support.endpoint import NAME, Endpoint
from tests.support.gateways import ENVOY, TRAEFIK, on_both_gateways
from tests.support.pair import NEW, OLD, GrpcPair
from tests.support.queries import asked
from tests.support.recorder import Object

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ARM = "x-crossfade-revision"
MODEL = "x-model-version"
BETA: dict[str, Any] = {"matches": [{"headers": [{"name": "x-beta", "value": "1"}]}]}
COUNTED = 20
_SECONDS = 120.0
_PAUSE = 0.05


@pytest.fixture
async def pair(endpoint: Endpoint) -> GrpcPair:
    """Two servers; all calls go to the old one."""
    pair = GrpcPair(endpoint, {"failsWhen": [{"index": 0, "equals": 13}]})
    await pair.start(old=100)
    return pair


async def route(pair: GrpcPair, *rules: Object) -> dict[str, str]:
    """Write other rules; returns what the gateway says of them, condition by condition."""
    written = await pair.endpoint.patch("GRPCRoute", NAME, {"spec": {"rules": list(rules)}})
    generation = written["metadata"]["generation"]

    def said(found: Object) -> list[Object]:
        conditions = [one for parent in found.get("status", {}).get("parents", ()) for one in parent["conditions"]]
        return conditions if all(one["observedGeneration"] >= generation for one in conditions) else []

    found = await pair.endpoint.recorder.until("GRPCRoute", NAME, lambda one: bool(said(one)), _SECONDS)
    return {one["type"]: one["status"] for one in said(found)}


async def until(check: Callable[[Heard], bool], pair: GrpcPair, *arguments: Any, **metadata: str) -> Heard:
    """Call until an answer is as wanted: a gateway tells nobody when it serves."""
    heard = None
    try:
        async with asyncio.timeout(_SECONDS):
            while not check(heard := await call(pair.endpoint, *arguments, **metadata)):  # noqa: ASYNC110
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise AssertionError(f"the last answer was {heard}") from None
    return heard


def marked(pair: GrpcPair, arm: str) -> Object:
    """A rule for the header x-beta, as a rehearsal has it: a filter of the backend marks the answers."""
    header = {"set": [{"name": ARM, "value": arm}]}
    filters = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": header}]
    (backend,) = pair.rule(**{arm: 1})["backendRefs"]
    return BETA | {"backendRefs": [backend | {"filters": filters}]}


@on_both_gateways
async def test_a_backends_filter_marks_answers_and_errors_on_envoy_and_is_left_out_by_traefik(
    pair: GrpcPair, gateway: str
) -> None:
    """Both say Accepted."""
    mark = {ENVOY: NEW, TRAEFIK: None}[gateway]
    assert set((await route(pair, pair.rule(old=1), marked(pair, NEW))).values()) == {"True"}
    good = await until(lambda heard: heard.headers.get(MODEL) == NEW, pair, x_beta="1")
    assert (good.code, good.headers.get(ARM)) == ("OK", mark)
    bad = await call(pair.endpoint, oip.INFER, FAILING_CALL, x_beta="1")
    assert (bad.code, bad.headers[MODEL], bad.headers.get(ARM)) == ("INTERNAL", NEW, mark)
    unknown = await call(pair.endpoint, "/crossfade.Rehearsal/Rehearse", x_beta="1")
    assert (unknown.code, unknown.headers.get(ARM)) == ("UNIMPLEMENTED", mark)


@on_both_gateways
async def test_a_filter_of_a_rule_fails_its_calls_on_traefik(pair: GrpcPair, gateway: str) -> None:
    """It says Accepted, and ResolvedRefs."""
    header = {"set": [{"name": ARM, "value": OLD}]}
    filters = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": header}]
    assert set((await route(pair, pair.rule(old=1) | {"filters": filters})).values()) == {"True"}
    if gateway == TRAEFIK:
        await until(lambda heard: heard.code != "OK", pair)
    else:
        await until(lambda heard: heard.code == "OK" and heard.headers.get(ARM) == OLD, pair)


@on_both_gateways
async def test_a_header_finds_its_rule_behind_the_users_rule(pair: GrpcPair) -> None:
    assert set((await route(pair, pair.rule(old=1), BETA | pair.rule(new=1))).values()) == {"True"}
    await until(lambda heard: heard.headers.get(MODEL) == NEW, pair, x_beta="1")
    assert (await call(pair.endpoint)).headers[MODEL] == OLD
    assert (await call(pair.endpoint, x_beta="2")).headers[MODEL] == OLD


@on_both_gateways
async def test_a_method_finds_its_rule_and_another_none(pair: GrpcPair) -> None:
    match = {"matches": [{"method": {"type": "Exact", "service": oip.SERVICE, "method": "ModelInfer"}}]}
    assert set((await route(pair, match | pair.rule(new=1))).values()) == {"True"}
    await until(lambda heard: heard.headers.get(MODEL) == NEW, pair)
    assert (await call(pair.endpoint, oip.STREAM)).headers.get(MODEL) is None


def mirrored(pair: GrpcPair, **more: Any) -> Object:
    mirror = {"backendRef": {"name": NEW, "port": 80}, **more}
    return pair.rule(old=1) | {"filters": [{"type": "RequestMirror", "requestMirror": mirror}]}


@on_both_gateways
async def test_a_mirror_alone_fails_every_call_and_only_envoy_says_so(pair: GrpcPair, gateway: str) -> None:
    """Envoy Gateway looks for a mirror's Service only among those that some backendRef names."""
    said = await route(pair, mirrored(pair))
    assert said == {"Accepted": "True", "ResolvedRefs": "True" if gateway == TRAEFIK else "False"}
    await until(lambda heard: heard.code != "OK", pair)
    assert MODEL not in (await call(pair.endpoint)).headers


@pytest.mark.parametrize("gateway", [ENVOY])
async def test_a_mirror_of_an_arm_that_another_rule_names_works_on_envoy(pair: GrpcPair, bed: Bed) -> None:
    assert set((await route(pair, mirrored(pair), BETA | pair.rule(new=1))).values()) == {"True"}
    await until(lambda heard: heard.headers.get(MODEL) == NEW, pair, x_beta="1")
    for _ in range(COUNTED):
        assert (await call(pair.endpoint)).headers[MODEL] == OLD
    found = await inferences(pair, bed, lambda found: found.get(NEW, 0) >= COUNTED)
    assert found[NEW] >= COUNTED


async def inferences(pair: GrpcPair, bed: Bed, enough: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    where = f'namespace="{pair.endpoint.namespace}",version=""'
    query = f"sum by (revision) (model_infer_request_success_total{{{where}}})"
    return await asked(bed.prometheus, query, "revision", enough)


@on_both_gateways
async def test_a_models_errors_are_told_by_traefiks_code_and_by_envoys_endpoints_alone(
    pair: GrpcPair, gateway: str, bed: Bed
) -> None:
    """No series says 5xx. Traefik looks for a call's code in the headers, where only errors have it, else says "2"."""
    for failing in (True, False):
        for _ in range(COUNTED):
            await call(pair.endpoint, oip.INFER, FAILING_CALL if failing else CALL)
    space = pair.endpoint.namespace
    if gateway == TRAEFIK:
        query = f'sum by (code) (traefik_service_requests_total{{service=~".*{space}.*"}})'
        found = await asked(bed.prometheus, query, "code", lambda counts: counts.get("2", 0) > COUNTED)
        assert found == {"13": COUNTED, "2": COUNTED + 1}, "with the call that found the route served"
        return
    cluster = f'envoy_cluster_name=~"grpcroute/{space}/.*"'
    query = f"sum by (envoy_response_code_class) (envoy_cluster_upstream_rq_xx{{{cluster}}})"
    found = await asked(bed.prometheus, query, "envoy_response_code_class", lambda x: x.get("2", 0) > 2 * COUNTED)
    assert found == {"2": 2 * COUNTED + 1}
    query = f'label_replace(sum(envoy_cluster_endpoint_rq_error{{{cluster}}}), "of", "errors", "", "")'
    found = await asked(bed.prometheus, query, "of", lambda x: x.get("errors", 0) >= COUNTED)
    assert found == {"errors": COUNTED}
