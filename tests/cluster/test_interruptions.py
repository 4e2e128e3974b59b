"""Catches a change of mind that fails a request, comes late, or gives the next version what the last one had."""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from testbed.load import LoadGenerator
from tests.cluster.conftest import NewEndpoint
from tests.support import objects
from tests.support.endpoint import (
    NAME,
    Endpoint,
    at_least,
    at_stage,
    failed_by_route,
    ready,
    serves,
    settled,
    weights,
)
from tests.support.gateways import on_both_gateways, on_envoy_and_both_at_length
from tests.support.operator_process import Installation, OperatorProcess
from tests.support.pair import Pair
from tests.support.recorder import Object
from tests.support.reweighing import plain_delay
from tests.support.taken_back import taken_back_by_order

pytestmark = pytest.mark.cluster

RATE = 100.0
LONG_AFTER = round(RATE * 5)
"""Requests in which any gateway has followed: whether at once, the time of the last one says."""

StartOperator = Callable[..., OperatorProcess]


@pytest.fixture
async def serving(endpoint: Endpoint, start_operator: StartOperator) -> Endpoint:
    """Version 1 serves; versions 2 and 3 are registered."""
    start_operator(endpoint.namespace)
    for number in (1, 2, 3):
        await endpoint.model(number)
    await endpoint.serve(1)
    return endpoint


@asynccontextmanager
async def rolling_out(
    endpoint: Endpoint, *stages: Object, until: str, rate: float = RATE, **more: Any
) -> AsyncIterator[LoadGenerator]:
    """Version 2 is asked for and reaches the stage `until`, under load; no request fails by the route."""
    strategy = {"stages": [{"minDuration": "1s", **stage} for stage in stages], **more}
    await endpoint.patch("Rollout", NAME, {"spec": {"strategy": strategy}})
    async with endpoint.load(rate) as load:
        await at_least(load, 100)
        await endpoint.ask(2)
        await endpoint.until(at_stage(until))
        yield load
        await at_least(load, 100)
    assert failed_by_route(load.samples) == {}


async def order(endpoint: Endpoint, verb: str, reason: str) -> None:
    notes = {f"crossfade.dev/{verb}": "t1", f"crossfade.dev/{verb}-by": "ann", f"crossfade.dev/{verb}-reason": reason}
    await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": notes}})


def routes(endpoint: Endpoint) -> list[dict[str, int]]:
    """What the route said, one after the other."""
    said = (weights(route) for route in endpoint.recorder.of("HTTPRoute", NAME))
    return [split for split, _ in itertools.groupby(said)]


async def delay(endpoint: Endpoint) -> float:
    """What the gateway takes for a plain change under the same load."""
    return await plain_delay(Pair(endpoint), endpoint.load(RATE))


HELD = {"name": "held", "weight": 40, "minDuration": "10m"}


@on_envoy_and_both_at_length
async def test_an_abort_reaches_users_at_once_although_the_rollout_is_suspended(
    serving: Endpoint,
    new_endpoint: NewEndpoint,
    installation: Installation,
    record_property: Callable[[str, object], None],
) -> None:
    """Case B1."""
    async with rolling_out(serving, HELD, until="held") as load:
        now = await serving.until(lambda _: True)
        candidate, stable = (now["status"][arm]["revision"] for arm in ("candidate", "stable"))
        await serving.patch("Rollout", NAME, {"spec": {"suspend": True}})
        await serving.until(lambda found: ready(found)[1] == "Suspended")
        await order(serving, "abort", "the features are late")
        ended = await serving.until(lambda found: ready(found) == ("False", "Aborted"))
        await serving.until_served_by(stable)
        await at_least(load, LONG_AFTER)
    assert ended["status"]["outcome"]["message"] == "fraud-2 was aborted by ann: the features are late"
    assert [one["effect"] for one in ended["status"]["handled"]] == ["Obeyed"]
    away = taken_back_by_order(serving, installation, candidate, load.samples)
    record_property("seconds from the order to the candidate's last request", round(away.after, 2))
    away.is_at_once(await delay(await new_endpoint()))


@on_envoy_and_both_at_length
async def test_the_next_version_never_gets_what_the_last_one_had(serving: Endpoint) -> None:
    """Cases C2 and S14: A, B at eighty percent, then C, under 200 requests/s."""
    async with rolling_out(serving, {**HELD, "weight": 80}, until="held", rate=200.0) as load:
        b = (await serving.until(lambda _: True))["status"]["candidate"]["revision"]
        strategy = objects.stages(20)
        await serving.patch("Rollout", NAME, {"spec": {"modelVersion": f"{NAME}-3", "strategy": strategy}})
        done = await serving.until(lambda found: serves(found, 3))
        c = done["status"]["stable"]["revision"]
        await settled(serving, c)
    seen = routes(serving)
    last_of_b = max(at for at, split in enumerate(seen) if b in split)
    assert len(seen[last_of_b + 1]) == 1, "between B and C all requests go to A"
    assert all(b not in split for split in seen if c in split)
    assert {one.arm for one in load.samples[-50:]} == {c}


@pytest.mark.slow
@on_both_gateways
async def test_going_back_to_stable_is_an_immediate_return_and_no_failure(
    serving: Endpoint, new_endpoint: NewEndpoint, installation: Installation
) -> None:
    """Case C4."""
    async with rolling_out(serving, HELD, until="held") as load:
        candidate = (await serving.until(lambda _: True))["status"]["candidate"]["revision"]
        await serving.ask(1)
        back = await serving.until(lambda found: serves(found, 1))
        await settled(serving, back["status"]["stable"]["revision"])
    said = {ready(found)[1] for found in serving.recorder.of("Rollout", NAME)}
    assert back["status"]["outcome"]["result"] == "Superseded"
    assert "RolledBack" not in said
    away = taken_back_by_order(serving, installation, candidate, load.samples)
    away.is_at_once(await delay(await new_endpoint()))


@pytest.mark.slow
@on_both_gateways
async def test_a_gate_waits_for_its_word_and_the_bake_ends_by_its_time(serving: Endpoint) -> None:
    gate, bake = {"name": "sign-off", "gate": "Manual"}, {"duration": "3s", "holdback": 100}
    stages = ({"name": "third", "weight": 300}, gate)
    async with rolling_out(serving, *stages, until="sign-off", weightScale=1000, bake=bake):
        await serving.until(lambda found: ready(found)[1] == "WaitingForPeople")
        await order(serving, "advance", "the answers look right")
        baked = await serving.until(at_stage("bake"))
        done = await serving.until(lambda found: serves(found, 2))
    assert [tuple(split.values()) for split in routes(serving)] == [(100,), (700, 300), (100, 900), (100,)]
    assert baked["status"]["handled"][0]["message"] == "2/3 sign-off was passed by ann: the answers look right"
    assert done["status"]["outcome"]["result"] == "Promoted"


@pytest.mark.slow
@on_both_gateways
async def test_an_edit_of_what_comes_later_restarts_no_stage_and_one_is_skipped_by_order(serving: Endpoint) -> None:
    """Cases A7 and C6."""
    async with rolling_out(serving, HELD, {"name": "half", "weight": 50}, until="held"):
        before = await serving.until(lambda found: found["status"]["stage"].get("provenAt"))
        most = {"name": "most", "weight": 80, "minDuration": "1s"}
        await serving.patch("Rollout", NAME, {"spec": {"strategy": {"stages": [HELD, most]}}})
        edited = await serving.until(lambda found: found["status"]["stage"]["summary"] == "1/2 held" and is_read(found))
        await order(serving, "skip-stage", "it was seen elsewhere")
        done = await serving.until(lambda found: serves(found, 2))
        await settled(serving, done["status"]["stable"]["revision"])
    assert edited["status"]["stage"]["provenAt"] == before["status"]["stage"]["provenAt"]
    assert [tuple(split.values()) for split in routes(serving)] == [(100,), (60, 40), (20, 80), (100,)]
    assert [one["effect"] for one in done["status"]["handled"]] == ["Obeyed"]
    assert done["status"]["outcome"]["result"] == "FastPromoted"


def is_read(found: Object) -> bool:
    """Whether the status is of the spec as it is by now."""
    return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])


@pytest.mark.slow
@on_both_gateways
async def test_a_namespace_can_be_deleted_in_the_middle_of_a_split(serving: Endpoint) -> None:
    """GitOps property 13."""
    await serving.patch("Rollout", NAME, {"spec": {"strategy": {"stages": [HELD]}}})
    async with serving.load(RATE) as load:
        await at_least(load, 100)
        await serving.ask(2)
        await serving.until(at_stage("held"))
    answer = await serving.http.delete(f"/api/v1/namespaces/{serving.namespace}")
    assert answer.is_success
    await serving.recorder.until_gone("Rollout", NAME)
