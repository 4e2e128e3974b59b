"""Would catch an operator that writes what Git writes, or marks of a GitOps tool on objects that the tool does not own:
the one it would write back, the other it would prune."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossfade.api.meta import API_VERSION
from crossfade.ports import Kind

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout, version
from tests.unit.watch.test_reconcile import before_its_first_stage

Object = dict[str, Any]

ROOT = Path(__file__).parents[3]
MARKS = {
    "argocd.argoproj.io/tracking-id": "models:crossfade.dev/Rollout:ml/demo",
    "kubectl.kubernetes.io/last-applied-configuration": "{}",
    "kustomize.toolkit.fluxcd.io/checksum": "1",
}
LABELS = {
    "app.kubernetes.io/instance": "models",
    "helm.toolkit.fluxcd.io/name": "models",
    "kustomize.toolkit.fluxcd.io/name": "models",
}


def of_git(body: Object) -> Object:
    """The object as Argo CD or Flux applies it."""
    return body | {"metadata": body["metadata"] | {"annotations": dict(MARKS), "labels": dict(LABELS)}}


class Listening(FakeCluster):
    """Keeps what is applied."""

    def __init__(self) -> None:
        super().__init__()
        self.applied: list[Object] = []

    async def apply(self, kind: Kind, body: Object, *, force: bool) -> Object:
        """See ports.Cluster."""
        self.applied.append(body)
        return await super().apply(kind, body, force=force)

    def create(self, body: Object, generation: int = 1) -> Object:
        """What others do; our own kinds come from Git."""
        return super().create(of_git(body) if body["apiVersion"] == API_VERSION else body, generation)

    def of(self, *kinds: str) -> list[Object]:
        """What was applied of these kinds."""
        return [body for body in self.applied if body["kind"] in kinds]


@pytest.fixture
async def cluster() -> Listening:
    """One version serves and a second one is in its first stage."""
    found, clock = Listening(), FakeClock()
    found.create(version())
    found.create(rollout())
    for _ in range(2):
        await Loop(found, clock).settle()
        clock.at += 60
    loop = await before_its_first_stage(found, clock)
    await loop.settle()
    assert found.objects["Rollout", "ml", "demo"]["status"]["stage"]["name"] == "ten"
    return found


async def test_of_a_rollout_the_finalizer_is_all_that_is_written(cluster: Listening) -> None:
    """GitOps property 3. Its status is written beside it."""
    written = cluster.of("Rollout", "ModelVersion")
    assert written, "a finalizer was needed"
    assert {key for body in written for key in body} == {"apiVersion", "kind", "metadata"}
    assert {key for body in written for key in body["metadata"]} == {"name", "namespace", "uid", "finalizers"}


async def test_no_child_carries_a_mark_of_the_tool_that_applied_its_rollout(cluster: Listening) -> None:
    """GitOps property 5."""
    children = [body for body in cluster.applied if body["kind"] != "Rollout"]
    assert {"Deployment", "Service", "HTTPRoute"} <= {body["kind"] for body in children}
    told = json.dumps(children)
    assert [mark for mark in (*MARKS, *LABELS) if mark in told] == []


async def test_the_route_is_ours_by_name_and_label(cluster: Listening) -> None:
    """GitOps property 4."""
    routes = cluster.of("HTTPRoute")
    assert {body["metadata"]["name"] for body in routes} == {"demo"}
    labels = {"app.kubernetes.io/managed-by": "crossfade", "crossfade.dev/rollout": "demo"}
    assert all(body["metadata"]["labels"] == labels for body in routes)


def test_nothing_of_the_operator_is_a_webhook() -> None:
    """GitOps property 11: what is wrong is refused by the CRDs themselves, so nothing has to be there first."""
    files = [*(ROOT / "charts").rglob("*.yaml"), *(ROOT / "crds").glob("*.yaml")]
    assert len(files) > 10
    assert [file.name for file in files if "WebhookConfiguration" in file.read_text()] == []


@pytest.mark.parametrize("file", sorted((ROOT / "crds").glob("*.yaml")), ids=lambda file: file.stem)
def test_fluxs_substitution_finds_nothing_in_a_crd(file: Path) -> None:
    """GitOps property 12: with `postBuild` Flux takes `${…}` for its own, and `$$` for an escape."""
    text = file.read_text()
    assert "${" not in text
    assert "$$" not in text
    assert yaml.safe_load(text)["kind"] == "CustomResourceDefinition"
