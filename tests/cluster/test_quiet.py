"""Catches an operator that writes although nothing is to be done: at every restart, for every Rollout."""

import difflib
import json
from collections.abc import Callable
from typing import Any

import pytest

from testbed.bed import Bed
from tests.cluster.conftest import NewEndpoint
from tests.support import objects
from tests.support.audit import Write, writes
from tests.support.crowd import played_pods, settle
from tests.support.endpoint import Endpoint, rolled_back, serves, settled
from tests.support.operator_process import ACCOUNT, OperatorProcess

pytestmark = pytest.mark.cluster

MANY = 100
LOOKS = "crossfade_reconciles_total"


def writes_of_a_restart(operator: OperatorProcess, bed: Bed, objects_to_look_at: int) -> list[Write]:
    """What the operator writes from its end to the end of its first comparison with the API server."""
    before = len(writes(bed.audit, ACCOUNT))
    operator.stop()
    operator.start()
    operator.until_audited()
    assert operator.metric(LOOKS) >= objects_to_look_at, "it did not look at everything"
    return writes(bed.audit, ACCOUNT)[before:]


def changes(endpoint: Endpoint, made: list[Write]) -> str:
    """What the last write of each object that was written changed, for whoever must find out why."""
    told = []
    for name in sorted({one.name for one in made}):
        found = (one.get("status") for one in endpoint.recorder.of("Rollout", name))
        before, after = [{}, {}, *found][-2:]
        lines = (json.dumps(status, indent=1, sort_keys=True).splitlines() for status in (before, after))
        told.append("\n".join([name, *difflib.unified_diff(*lines, lineterm="", n=0)]))
    return "\n".join(told)


@pytest.mark.slow
async def test_a_restart_writes_nothing_for_a_promoted_and_a_rolled_back_rollout(
    new_endpoint: NewEndpoint, start_operator: Callable[..., OperatorProcess], bed: Bed
) -> None:
    """GitOps property 9."""
    good, bad = await new_endpoint(), await new_endpoint()
    operator = start_operator(good.namespace, bad.namespace)
    spec: dict[str, Any] = {
        "serving": objects.serving(1, startup={"timeout": "6s"}),
        "strategy": objects.stages(50),
    }
    for endpoint in (good, bad):
        await endpoint.model(1)
        await endpoint.model(2, loadSeconds=3600 if endpoint is bad else 0)
        await endpoint.serve(1, **spec)
        await endpoint.ask(2)
    async with good.load(50.0):
        promoted = await good.until(lambda found: serves(found, 2))
    returned = await bad.until(rolled_back)
    await settled(good, promoted["status"]["stable"]["revision"])
    await settled(bad, returned["status"]["stable"]["revision"])
    for endpoint in (good, bad):
        await endpoint.until(lambda found: not found["metadata"].get("finalizers"))
    assert writes_of_a_restart(operator, bed, 6) == []


@pytest.mark.slow
async def test_a_restart_writes_nothing_for_a_hundred_rollouts(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], bed: Bed
) -> None:
    """Cases F11 and S30."""
    operator = start_operator(endpoint.namespace)
    async with played_pods(endpoint, bed):
        await endpoint.model(1)
        await settle(endpoint, range(MANY), 120)
        made = writes_of_a_restart(operator, bed, MANY)
        assert made == [], changes(endpoint, made)
