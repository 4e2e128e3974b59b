"""Catches an upgrade, rollback or removal of the chart that a rollout under way or a user's request would notice."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from crossfade.model.manifest import File, mvd1

from testbed.bed import Bed
from tests.support import objects
from tests.support.audit import writes
from tests.support.endpoint import (
    NAME,
    Endpoint,
    at_least,
    at_rest,
    at_stage,
    failed_by_route,
    serves,
    started,
    weights,
)
from tests.support.networks import BED
from tests.support.operator_process import metric

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

CHART = Path(__file__).parents[2] / "charts" / "crossfade"
PREVIOUS = Path(__file__).with_name("charts") / "crossfade-0.0.9.tgz"
"""The chart before the present one, packaged; a release takes its place with the chart that it replaces."""
RATE = 50.0
_OWN = "deployments,services,configmaps,serviceaccounts,roles,rolebindings,poddisruptionbudgets,networkpolicies"
_OF_THE_CLUSTER = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"


def values_for(bed: Bed, serves: str) -> dict[str, object]:
    """The chart's values on a bed, for one namespace of models."""
    return {
        "prometheus": {"address": bed.prometheus},
        "metrics": {"interval": 1},
        "namespaces": [serves],
        "registries": {"allowedNetworks": BED.split(",")},
    }


class Operator:
    """The chart, for one namespace of models, in a namespace of its own."""

    def __init__(self, bed: Bed, namespace: str, serves: str) -> None:
        self.bed, self.namespace = bed, namespace
        self._place = [f"--namespace={namespace}", "--force-conflicts", "--wait", "--timeout=90s"]
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
        self.bed.helm("uninstall", name, f"--namespace={self.namespace}", "--wait", "--timeout=90s")
        self.bed.kubectl("wait", "pods", "--all", f"--namespace={self.namespace}", "--for=delete", "--timeout=60s")

    def pods(self) -> dict[str, str]:
        """Name -> address of the operator's pods that are not on their way out."""
        found = json.loads(self.bed.kubectl("get", "pods", f"--namespace={self.namespace}", "--output=json"))
        staying = [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]
        return {pod["metadata"]["name"]: pod["status"].get("podIP", "") for pod in staying}

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
        status = ("rollout", "status", f"deployment/{name}", f"--namespace={self.namespace}", "--timeout=90s")
        self.bed.kubectl(*status)


@pytest.fixture
def operator(bed: Bed, endpoint: Endpoint) -> Iterator[Operator]:
    """The chart's place; what is installed there goes with the test."""
    namespace = f"helm-{uuid.uuid4().hex[:6]}"
    bed.kubectl("create", "namespace", namespace)
    bed.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    made = Operator(bed, namespace, endpoint.namespace)
    yield made
    for release in json.loads(bed.helm("list", f"--namespace={namespace}", "--output=json")):
        made.uninstall(release["name"])
    bed.kubectl("delete", "namespace", namespace, "--wait=false")


async def model(endpoint: Endpoint, store: str, number: int) -> None:
    """Store version `number` and register it as ModelVersion `fraud-<number>`."""
    folder = endpoint.files / endpoint.namespace / str(number)
    objects.write_model(folder, f"{number}.0.0")
    content = (folder / "model.json").read_bytes()
    source = {"uri": {"uri": f"{store}/{endpoint.namespace}/{number}/model.json"}}
    made = objects.model_version(f"{NAME}-{number}", f"{number}.0.0", source)
    digest = mvd1([File("model.json", len(content), hashlib.sha256(content).hexdigest())])
    made["spec"]["artifact"] = {"digest": digest}
    await endpoint.create(made)


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
    first = await endpoint.serve(1, strategy=objects.stages(30, 60, seconds=30))
    async with endpoint.load(RATE) as load:
        await at_least(load, 50)
        await endpoint.ask(2)
        under_way = await endpoint.until(at_stage("at-30"))
        stable, candidate = first["status"]["stable"]["revision"], under_way["status"]["candidate"]["revision"]
        before = {**await started(endpoint, stable), **await started(endpoint, candidate)}
        old = operator.pods()
        await in_the_background(operator.upgrade, "crossfade")
        new = operator.pods()
        assert not old.keys() & new.keys(), "the upgrade replaced no operator"
        await endpoint.until(at_stage("at-60"), 120)
        assert before.items() <= {**await started(endpoint, stable), **await started(endpoint, candidate)}.items()
        await in_the_background(operator.rollback, "crossfade")
        assert not new.keys() & operator.pods().keys(), "the rollback replaced no operator"
        done = await endpoint.until(lambda found: serves(found, 2), 120)
        await at_least(load, 50)
    assert done["status"]["stable"]["revision"] == candidate
    assert failed_by_route(load.samples) == {}
    routes = endpoint.recorder.of("HTTPRoute", NAME)
    given = [weights(route).get(candidate, 0) for route in routes if "rules" in route["spec"]]
    assert given == sorted(given), "it went back on the way"


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
        await endpoint.until(lambda found: serves(found, 2), 90)
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
