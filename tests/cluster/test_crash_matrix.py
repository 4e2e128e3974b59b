"""Catches a rollout that fails a request or ends elsewhere when the operator is killed between any two writes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import NewEndpoint
from tests.support import objects
from tests.support.endpoint import Endpoint, failed_by_route, rolled_back, serves, settled, weights
from tests.support.gateways import on_both_gateways
from tests.support.operator_process import Installation, OperatorProcess

pytestmark = pytest.mark.cluster

RATE = 25.0
SECONDS = 240.0
ROUTES_OF_A_GOOD = {"route none -> 100", "route 100 -> 70/30", "route 70/30 -> 40/60", "route 40/60 -> 100"}
ROUTES_OF_A_BAD = {"route none -> 100", "route 100 -> 70/30", "route 70/30 -> 100"}


async def roll_out(endpoint: Endpoint, operator: OperatorProcess, *, bad: bool) -> None:
    """From nothing to the end of the second version, with an operator that dies at each of its writes once."""
    await endpoint.model(1)
    await endpoint.model(2, errorRate=0.5 if bad else 0.0)
    spec: dict[str, Any] = {"strategy": objects.stages(30, 60)}
    with operator.spawned():
        first = (await endpoint.serve(1, within=SECONDS, **spec))["status"]["stable"]["revision"]
        async with endpoint.load(RATE) as load:
            await endpoint.ask(2)
            done = await endpoint.until(rolled_back if bad else lambda found: serves(found, 2), SECONDS)
            last = first if bad else done["status"]["stable"]["revision"]
            await settled(endpoint, last, SECONDS)
            await endpoint.until(lambda found: not found["metadata"].get("finalizers"), SECONDS)
    assert failed_by_route(load.samples) == {}
    assert done["status"]["outcome"]["result"] == ("RolledBack" if bad else "Promoted")
    assert [deployment["metadata"]["name"] for deployment in await endpoint.items("Deployment")] == [last]
    assert [weights(route) for route in await endpoint.items("HTTPRoute")] == [{last: 100}]


@pytest.mark.slow
@on_both_gateways
async def test_an_operator_killed_at_every_write_ends_where_one_that_lives_ends(
    new_endpoint: NewEndpoint, installation: Installation, tmp_path: Path
) -> None:
    """Four rollouts side by side: a good and a bad version, killed before and after each write. Case F1."""
    journals: dict[tuple[str, bool], Path] = {}
    async with asyncio.TaskGroup() as chains:
        for moment in ("before", "after"):
            for bad in (False, True):
                endpoint, stem = await new_endpoint(), f"{moment}-{'bad' if bad else 'good'}"
                journal = journals[moment, bad] = tmp_path / f"{stem}.journal"
                entry = ("-m", "tests.support.killed_operator", str(journal), moment)
                operator = OperatorProcess(installation, tmp_path / f"{stem}.log", [endpoint.namespace], entry)
                chains.create_task(roll_out(endpoint, operator, bad=bad))
    for (_, bad), journal in journals.items():
        deaths, routes = journal.read_text().splitlines(), ROUTES_OF_A_BAD if bad else ROUTES_OF_A_GOOD
        assert {death for death in deaths if death.startswith("route")} == routes
        assert len(deaths) > 15
        print(f"{len(deaths)} deaths: {', '.join(deaths)}")
