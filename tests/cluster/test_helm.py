"""Catches an upgrade, rollback or removal of the chart that a rollout under way or a user's request would notice."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from testbed.bed import Bed
from tests.support.audit import writes
from tests.support.chart import CHART, model, pods_of, restricted, values_for
from tests.support.endpoint import Endpoint, at_least, at_rest, failed_by_route, serves
from tests.support.operator_process import metric
from tests.support.under_way import RATE, under_way

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

PREVIOUS = Path(__file__).with_name("charts") / "crossfade-0.0.9.tgz"
"""The chart before the present one, packaged; a release takes its place with the chart that it replaces."""
_OWN = "deployments,services,configmaps,serviceaccounts,roles,rolebindings,poddisruptionbudgets,networkpolicies"
_OF_THE_CLUSTER = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"


class Operator:
    """The chart, for one namespace of models, in a namespace of its own."""

    def __init__(self, bed: Bed, namespace: str, serves: str) -> None:
        self.bed, self.namespace = bed, namespace
        self._place = [f"--namespace={namespace}", "--force-conflicts", "--wait", "--timeout=180s"]
        self._values = [f"--set-json={key}={json.dumps(value)}" for key, value in values_for(bed, serves).items()]

    def install(self, name: str, chart: Path = CHART) -> None:
        """As a release `name`; CRDs that other tests applied become its own.

        Whatever image a chart names, a bed runs the operator of this tree, which needs CRDs of this tree: the chart of
        before leaves them as they are.
        """
        crds = f"--set-json=crds.enabled={json.dumps(chart == CHART)}"
        self.bed.helm("install", name, str(chart), *self._place, "--take-ownership", *self._values, crds)

    def upgrade(self, name: str) -> None:
        """To the present chart, CRDs and all."""
        self.bed.helm("upgrade", name, str(CHART), *self._place, "--take-ownership", *self._values)
        self._until_rolled_out(name)

    def rollback(self, name: str) -> None:
        """To the first revision of the release, which had no CRDs: they must stay, or every Rollout goes with them."""
        self.bed.helm("rollback", name, "1", *self._place)
        self._until_rolled_out(name)

    def uninstall(self, name: str) -> None:
        """Until its pods are gone."""
        self.bed.helm("uninstall", name, f"--namespace={self.namespace}", "--wait", "--timeout=180s")
        self.bed.kubectl("wait", "pods", "--all", f"--namespace={self.namespace}", "--for=delete", "--timeout=180s")

    def pods(self) -> dict[str, str]:
        """Name -> address of the operator's pods that are not on their way out."""
        return pods_of(self.bed, self.namespace)

    def left(self, name: str) -> list[str]:
        """What carries the release's label."""
        label = f"--selector=app.kubernetes.io/instance={name}"
        here = self.bed.kubectl("get", _OWN, label, f"--namespace={self.namespace}", "--output=name")
        roles = self.bed.kubectl("get", "roles,rolebindings", label, "--all-namespaces", "--output=name")
        return [
            *here.split(),
            *roles.split(),
            *self.bed.kubectl("get", _OF_THE_CLUSTER, label, "--output=name").split(),
        ]

    def _until_rolled_out(self, name: str) -> None:
        status = ("rollout", "status", f"deployment/{name}", f"--namespace={self.namespace}", "--timeout=180s")
        self.bed.kubectl(*status)


@pytest.fixture
def operator(bed: Bed, endpoint: Endpoint) -> Iterator[Operator]:
    """The chart's place; what is installed there goes with the test."""
    with restricted(bed, "helm") as namespace:
        made = Operator(bed, namespace, endpoint.namespace)
        yield made
        for release in json.loads(bed.helm("list", f"--namespace={namespace}", "--output=json")):
            made.uninstall(release["name"])


async def in_the_background(step: Callable[..., None], *arguments: str | Path) -> None:
    """Requests go on meanwhile."""
    await asyncio.to_thread(step, *arguments)


async def test_a_rollout_goes_on_over_an_upgrade_and_a_rollback_of_the_chart(
    endpoint: Endpoint, operator: Operator, store: str
) -> None:
    """No pod that serves is started again, no weight falls, and no request is lost."""
    operator.install("crossfade", PREVIOUS)
    await model(endpoint, store, 1)
    await model(endpoint, store, 2)
    async with under_way(endpoint, seconds=30) as rollout:
        old = operator.pods()
        await in_the_background(operator.upgrade, "crossfade")
        new = operator.pods()
        assert not old.keys() & new.keys(), "the upgrade replaced no operator"
        await rollout.goes_on()
        await in_the_background(operator.rollback, "crossfade")
        assert not new.keys() & operator.pods().keys(), "the rollback replaced no operator"


async def test_without_the_operator_stable_serves_and_a_new_one_writes_nothing_to_routes(
    endpoint: Endpoint, operator: Operator, store: str, bed: Bed
) -> None:
    name = f"crossfade-{endpoint.namespace}"  # no other release has left anything of this name
    operator.install(name)
    await model(endpoint, store, 1)
    await model(endpoint, store, 2)
    await endpoint.serve(1)
    await endpoint.until(lambda found: at_rest(found, 1))
    (served,) = await endpoint.items("HTTPRoute")
    async with endpoint.load(RATE) as load:
        await at_least(load, 50)
        await in_the_background(operator.uninstall, name)
        await at_least(load, 100)
        assert operator.left(name) == []
        leases = bed.kubectl("get", "leases", f"--namespace={operator.namespace}", "--output=name").split()
        assert leases == [f"lease.coordination.k8s.io/{name}"], "what docs/installing.md says stays"
        assert len(await endpoint.items("Rollout")) == 1
        await in_the_background(operator.install, "again")
        account = f"system:serviceaccount:{operator.namespace}:again-crossfade"
        await looked(operator)
        assert writes(bed.audit, account, endpoint.namespace) == []
        assert await endpoint.items("HTTPRoute") == [served]
        await endpoint.ask(2)
        await endpoint.until(lambda found: serves(found, 2))
    assert failed_by_route(load.samples) == {}


async def looked(operator: Operator, seconds: float = 60.0) -> None:
    """Wait until a replica that leads has looked at the Rollout and its two versions."""
    async with asyncio.timeout(seconds):
        while True:
            for address in operator.pods().values():
                url = f"http://{address}:8080"
                try:
                    if metric(url, "crossfade_leading") and metric(url, "crossfade_reconciles_total") >= 3:
                        return
                except httpx.TransportError:
                    pass
            await asyncio.sleep(0.1)
