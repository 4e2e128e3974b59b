"""Would catch a Rollout for which Flux waits too long or not long enough, or with which it fights. Flux judges."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.bed import Bed
from testbed.binaries.catalogue import FLUX
from testbed.errors import TestbedError
from tests.support import objects
from tests.support.endpoint import NAME, Endpoint, at_rest, rolled_back, serves
from tests.support.flux import NAMESPACE, Repository, Served, controller, look_again, said_of

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

Object = dict[str, Any]

KUSTOMIZE = "kustomize.config.k8s.io/v1beta1"
EXAMPLES = Path(__file__).parents[2] / "examples" / "gitops" / "flux"


@pytest.fixture(scope="module")
def flux(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The controller of Kustomizations runs, and can fetch what is served."""
    with controller(bed, FLUX, tmp_path_factory.mktemp("flux")) as place:
        yield place


class Delivered:
    """One Rollout that Flux delivers out of a repository."""

    def __init__(self, bed: Bed, endpoint: Endpoint, place: Served) -> None:
        self.bed = bed
        self.endpoint = endpoint
        self.name = endpoint.namespace
        self.repository = Repository(bed, self.name, place)
        self._what = (f"kustomization/{self.name}", f"--namespace={NAMESPACE}")

    def asks(self, number: int, **changes: Any) -> str:
        """Have version `number` in Git. Returns the revision."""
        wanted = objects.rollout(NAME, f"{NAME}-{number}", self.endpoint.host, **changes)
        wanted["metadata"]["namespace"] = self.endpoint.namespace
        index = {"apiVersion": KUSTOMIZE, "kind": "Kustomization", "resources": ["rollout.yaml"]}
        return self.repository.commit({"kustomization.yaml": json.dumps(index), "rollout.yaml": json.dumps(wanted)})

    def delivers(self, **more: Any) -> None:
        """Have the Kustomization; `more` are further fields of its spec."""
        spec = {
            "sourceRef": {"kind": "GitRepository", "name": self.name},
            "path": "./",
            "interval": "1h",
            "retryInterval": "2s",
            "prune": True,
            "wait": True,
            "timeout": "90s",
            **more,
        }
        body = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "spec": spec}
        metadata = {"metadata": {"name": self.name, "namespace": NAMESPACE}}
        self.bed.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(body | metadata))

    def until(self, *, ready: str, revision: str, seconds: int = 180) -> Object:
        """Wait for what Flux says of this revision, which must be so; it is the Kustomization's own Ready."""
        tried = f"--for=jsonpath={{.status.lastAttemptedRevision}}={revision}"
        self.bed.kubectl("wait", *self._what, tried, f"--timeout={seconds}s")
        self.bed.kubectl("wait", *self._what, f"--for=condition=Ready={ready}", f"--timeout={seconds}s")
        return said_of(self.bed, *self._what)["Ready"]

    def rollout(self) -> Object:
        """The Rollout as it is."""
        place = ("rollout", NAME, "--namespace", self.endpoint.namespace)
        return dict(json.loads(self.bed.kubectl("get", *place, "--output=json", "--show-managed-fields")))

    def again(self) -> None:
        """Have Flux look at once, and wait until it has."""
        look_again(self.bed, *self._what)

    def remove(self) -> None:
        """Have the Kustomization deleted, and so what it delivered."""
        self.bed.kubectl("delete", *self._what, "--timeout=180s")


@pytest.fixture
async def delivered(three_versions: Endpoint, bed: Bed, flux: Served) -> AsyncIterator[Delivered]:
    """Version 1 serves, delivered by Flux."""
    found = Delivered(bed, three_versions, flux)
    revision = found.asks(1)
    found.delivers()
    found.until(ready="True", revision=revision)
    await three_versions.until_answered()
    yield found
    found.remove()


async def test_flux_goes_on_when_the_version_is_promoted_and_its_next_look_changes_nothing(
    delivered: Delivered,
) -> None:
    """GitOps properties 2, 3 and 16: what was promoted is as Git has it, and nobody writes it again."""
    endpoint = delivered.endpoint
    async with endpoint.load(50.0):
        revision = delivered.asks(2)
        await endpoint.until(lambda found: serves(found, 2))
    assert delivered.until(ready="True", revision=revision)["reason"] == "ReconciliationSucceeded"
    await endpoint.until(lambda found: at_rest(found, 2))
    before = delivered.rollout()
    delivered.again()
    assert delivered.until(ready="True", revision=revision)["reason"] == "ReconciliationSucceeded"
    assert delivered.rollout() == before


async def test_flux_fails_early_when_a_version_is_taken_back(delivered: Delivered) -> None:
    """GitOps property 16: long before its ten minutes are over, and it names the Rollout."""
    delivered.delivers(timeout="10m")
    revision = delivered.asks(3, serving=objects.serving(1, startup={"timeout": "4s"}))
    said = delivered.until(ready="False", revision=revision)
    assert said["reason"] == "HealthCheckFailed"
    assert "failed early due to stalled resources" in said["message"]
    assert f"Rollout/{delivered.endpoint.namespace}/{NAME} status: 'Failed'" in said["message"]


async def test_what_flux_went_on_from_is_told_at_its_next_look_when_it_was_taken_back(delivered: Delivered) -> None:
    """GitOps property 7: `readyWhen: Accepted` hides nothing."""
    revision = delivered.asks(3, readyWhen="Accepted", serving=objects.serving(1, startup={"timeout": "20s"}))
    delivered.until(ready="True", revision=revision)
    await delivered.endpoint.until(rolled_back)
    delivered.again()
    assert "failed early" in delivered.until(ready="False", revision=revision)["message"]


async def test_flux_waits_while_it_is_suspended_unless_it_is_told_not_to(delivered: Delivered) -> None:
    """GitOps property 16: by `healthCheckExprs`, or by `readyWhen: Accepted`."""
    delivered.delivers(timeout="6s")
    revision = delivered.asks(2, suspend=True)
    assert "status: 'InProgress'" in delivered.until(ready="False", revision=revision)["message"]
    waits = "status.conditions.exists(e, e.type == 'Ready' && (e.status == 'True' || e.reason == 'Suspended'))"
    told = {"apiVersion": "crossfade.dev/v1alpha1", "kind": "Rollout", "current": waits}
    delivered.delivers(timeout="30s", healthCheckExprs=[told])
    delivered.until(ready="True", revision=revision)
    delivered.delivers(timeout="30s")
    revision = delivered.asks(2, readyWhen="Accepted")
    delivered.until(ready="True", revision=revision)
    assert delivered.rollout()["status"]["candidate"]["modelVersion"] == f"{NAME}-2"


@pytest.mark.usefixtures("flux")
def test_flux_accepts_what_the_examples_have(bed: Bed) -> None:
    """By its own schemas."""
    for file, objects_in_it in (("crossfade.yaml", 2), ("models.yaml", 3)):
        found = bed.kubectl("apply", "--dry-run=server", "--output=name", "-f", str(EXAMPLES / file))
        assert len(found.split()) == objects_in_it
    for file, right, wrong in (
        ("models.yaml", "prune: true", "prune: sometimes"),
        ("crossfade.yaml", "createNamespace: true", "createNamespace: sometimes"),
    ):
        text = (EXAMPLES / file).read_text()
        with pytest.raises(TestbedError, match=rf"spec\..*{right.split(':')[0]}"):
            bed.kubectl("apply", "--dry-run=server", "-f", "-", input=text.replace(right, wrong))
