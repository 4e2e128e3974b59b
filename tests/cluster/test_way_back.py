"""Catches a way back that is slow, loads a model again that is there, moves traffic before pods, or drops a request."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.conftest import NewEndpoint
from tests.cluster.test_capacity import ready_pods, version
from tests.support import objects
from tests.support.endpoint import (
    NAME,
    Endpoint,
    at_least,
    failed_by_route,
    serves,
    settled,
    started,
    weights,
)
from tests.support.gateways import on_both_gateways
from tests.support.operator_process import Installation, OperatorProcess
from tests.support.pair import Pair
from tests.support.reweighing import plain_delay
from tests.support.taken_back import taken_back_by_order

pytestmark = pytest.mark.cluster

RATE = 100.0
LONG_AFTER = round(RATE * 5)
"""Requests in which any gateway has followed: whether at once, the time of the last one says."""

StartOperator = Callable[..., OperatorProcess]


def back(**more: Any) -> dict[str, Any]:
    """Half, then everything; back by one version without stages."""
    return {**objects.stages(50), "rollbackWindow": {"revisions": 1}, **more}


@pytest.mark.slow
@on_both_gateways
async def test_back_to_a_version_that_was_kept_loads_nothing_and_fails_nobody(
    new_endpoint: NewEndpoint,
    installation: Installation,
    start_operator: StartOperator,
    record_property: Callable[[str, object], None],
) -> None:
    """Case F8."""
    endpoint = await new_endpoint()
    operator = start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    first = (await endpoint.serve(1, strategy=back(keepPrevious="10m")))["status"]["stable"]["revision"]
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        await endpoint.ask(2)
        second = (await endpoint.until(lambda found: serves(found, 2)))["status"]["stable"]["revision"]
        await at_least(load, round(RATE * 12))  # long after those of a version that is not kept would have gone
        kept = await started(endpoint, first)
        await endpoint.ask(1)
        await endpoint.until_served_by(first)
        done = await endpoint.until(lambda found: serves(found, 1))
        await at_least(load, LONG_AFTER)
    away = taken_back_by_order(endpoint, installation, second, load.samples)
    record_property("seconds from the wish to the last request of the version that was left", round(away.after, 2))
    assert len(kept) == 2
    assert await started(endpoint, first) == kept
    assert done["status"]["outcome"]["result"] == "FastRolledBack"
    assert done["status"]["previous"]["revision"] == second
    assert failed_by_route(load.samples) == {}
    assert operator.metric("crossfade_rollout_seconds_count") == 3
    await endpoint.patch("Rollout", NAME, {"spec": {"strategy": {"keepPrevious": None}}})
    await settled(endpoint, first)
    await endpoint.until(lambda found: not found["metadata"].get("finalizers"))
    pair = Pair(await new_endpoint())
    away.is_at_once(await plain_delay(pair, pair.endpoint.load(RATE)))


@pytest.mark.slow
@on_both_gateways
async def test_back_to_a_version_that_is_gone_waits_for_its_pods(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    """Case B11."""
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    first = (await endpoint.serve(1, strategy=back(), serving=objects.serving(3)))["status"]["stable"]["revision"]
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        await endpoint.ask(2)
        second = (await endpoint.until(lambda found: serves(found, 2)))["status"]["stable"]["revision"]
        await settled(endpoint, second)
        gone = version((await endpoint.items("HTTPRoute"))[0])
        await endpoint.ask(1)
        await endpoint.until(lambda found: serves(found, 1))
        await at_least(load, 100)
    later = (one for one in endpoint.recorder.of("HTTPRoute", NAME) if version(one) > gone)
    moved = next(one for one in later if first in weights(one))
    assert weights(moved) == {first: 100}
    assert ready_pods(endpoint, first, version(moved)) == 3
    assert failed_by_route(load.samples) == {}
