"""Would catch a HelmRelease that waits for a Rollout too long or not long enough, or that fights with the operator; and
an upgrade or a rollback of the operator's own chart that users notice. Flux's helm-controller judges."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.bed import Bed
from testbed.binaries.catalogue import FLUX_HELM
from tests.support import objects
from tests.support.chart import CHART, model, pods_of, restricted, values_for
from tests.support.endpoint import NAME, Endpoint, at_least, at_rest, failed_by_route, rolled_back, serves
from tests.support.flux import Served, controller
from tests.support.flux_helm import Release
from tests.support.under_way import RATE, under_way

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

Object = dict[str, Any]

REMEDIATED = {"upgrade": {"remediation": {"remediateLastFailure": True}}}
"""An upgrade that fails is rolled back."""


@pytest.fixture(scope="module")
def flux_helm(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The controller of HelmReleases runs, and can fetch what is served."""
    with controller(bed, FLUX_HELM, tmp_path_factory.mktemp("flux")) as place:
        yield place


class Delivered(Release):
    """A user's own chart with nothing but a Rollout in it; which version it asks for is a value."""

    def __init__(self, served: Served, namespace: str, host: str, folder: Path) -> None:
        super().__init__(served, namespace, "models", folder)
        serving = objects.serving(startup={"timeout": "{{ .Values.startup }}"})
        one = objects.rollout(NAME, f"{NAME}-{{{{ .Values.version }}}}", host, serving=serving)
        (folder / "templates").mkdir(parents=True)
        (folder / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "models", "version": "1.0.0"}))
        (folder / "templates" / "rollout.yaml").write_text(yaml.safe_dump(one))

    def version(self, number: int, *, startup: str = "60s", **spec: Any) -> None:
        """Have this version; `spec` are further fields of the HelmRelease."""
        self.asks({"version": number, "startup": startup}, **{**REMEDIATED, **spec})


@pytest.fixture
async def delivered(three_versions: Endpoint, flux_helm: Served, tmp_path: Path) -> AsyncIterator[Delivered]:
    """Version 1 serves, delivered by Flux."""
    found = Delivered(flux_helm, three_versions.namespace, three_versions.host, tmp_path / "models")
    found.version(1)
    found.publish()
    await asyncio.to_thread(found.until, "Ready=True")
    await three_versions.until_answered()
    yield found
    await asyncio.to_thread(found.remove)


async def test_a_helm_release_is_ready_when_the_version_is_promoted_and_finds_no_drift(
    delivered: Delivered, endpoint: Endpoint
) -> None:
    """GitOps properties 2, 3 and 16. It does look: what somebody changes by hand is put right."""
    async with endpoint.load(RATE):
        delivered.version(2, driftDetection={"mode": "enabled"})
        await asyncio.to_thread(delivered.until, "Ready=True")
        (found,) = await endpoint.items("Rollout")
        assert serves(found, 2), "it is ready before the version is promoted"
    before = await endpoint.until(lambda found: at_rest(found, 2))
    await asyncio.to_thread(delivered.again)
    (after,) = await endpoint.items("Rollout")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"], "somebody has written it"
    await endpoint.patch("Rollout", NAME, {"spec": {"strategy": objects.stages(50)}})
    await asyncio.to_thread(delivered.again)
    await endpoint.until(lambda found: found["spec"]["strategy"] == before["spec"]["strategy"])


async def test_a_helm_release_fails_at_once_and_goes_back_when_the_version_is_taken_back(
    delivered: Delivered, endpoint: Endpoint
) -> None:
    """GitOps properties 2, 7 and 16: long before its ten minutes are over. It names the Rollout, and Helm's rollback
    asks for the version before."""
    async with endpoint.load(RATE) as load:
        await at_least(load, 50)
        delivered.version(3, startup="4s", timeout="10m")
        said = await asyncio.to_thread(delivered.until, "Remediated=True")
        told = f"failed early due to stalled resources: [Rollout/{endpoint.namespace}/{NAME} status: 'Failed']"
        assert told in said["Released"]["message"]
        await endpoint.until(lambda found: at_rest(found, 1))
    assert failed_by_route(load.samples) == {}


@pytest.mark.parametrize(
    ("upgrade", "ready"), [({"disableWait": False}, "False"), ({"disableWait": True}, "True")], ids=["waits", "goes-on"]
)
async def test_without_remediation_a_helm_release_goes_on_asking_for_what_was_taken_back(
    delivered: Delivered, endpoint: Endpoint, upgrade: Object, ready: str
) -> None:
    """GitOps property 16. One that does not wait never hears of it."""
    delivered.version(3, startup="4s", upgrade=upgrade)
    await asyncio.to_thread(delivered.until, f"Ready={ready}")
    found = await endpoint.until(rolled_back)
    await asyncio.to_thread(delivered.again)
    assert delivered.said()["Ready"]["status"] == ready
    (after,) = await endpoint.items("Rollout")
    assert (after["spec"], rolled_back(after)) == (found["spec"], True)


@pytest.fixture
async def operator(flux_helm: Served, bed: Bed, endpoint: Endpoint) -> AsyncIterator[Release]:
    """The operator, delivered by Flux."""
    with restricted(bed, "flux") as namespace:
        made = Release(flux_helm, namespace, "crossfade", CHART)
        made.asks(values_for(bed, endpoint.namespace))
        made.publish()
        await asyncio.to_thread(made.until, "Ready=True")
        yield made
        await asyncio.to_thread(made.remove)


async def test_a_rollout_goes_on_over_an_upgrade_by_flux_and_over_one_that_fails(
    endpoint: Endpoint, operator: Release, store: str, bed: Bed
) -> None:
    """GitOps property 16: no pod that serves is started again, no weight falls, and no request is lost."""
    values = values_for(bed, endpoint.namespace)
    await model(endpoint, store, 1)
    await model(endpoint, store, 2)
    async with under_way(endpoint, seconds=45) as rollout:
        old = pods_of(bed, operator.namespace)
        operator.asks(values | {"podAnnotations": {"example.com/upgrade": "2"}})
        await asyncio.to_thread(operator.until, "Ready=True")
        new = pods_of(bed, operator.namespace)
        assert not old.keys() & new.keys(), "the upgrade replaced no operator"
        operator.asks(values | {"image": {"repository": "nowhere.example.com/none"}}, timeout="10s", **REMEDIATED)
        await asyncio.to_thread(operator.until, "Remediated=True")
        assert pods_of(bed, operator.namespace) == new, "what failed took an operator that led with it"
        await rollout.goes_on()
