"""Would catch a GitOps tool that finds a difference where nobody changed anything, and examples that are refused."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from testbed.bed import Bed
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle
from tests.cluster.conftest import StartOperator
from tests.support.applied import WAYS, Git, Way
from tests.support.endpoint import NAME, Endpoint, at_rest, serves
from tests.support.operator_process import Installation

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
async def test_after_a_whole_rollout_there_is_no_difference_to_git(
    endpoint: Endpoint, start_operator: StartOperator, bed: Bed, tmp_path: Path, way: Way
) -> None:
    """GitOps property 3: nothing has to be ignored, in whichever way it is applied."""
    start_operator(endpoint.namespace)
    git = Git(bed, tmp_path, endpoint, way)
    git.asks(1)
    await endpoint.until(lambda found: serves(found, 1))
    await endpoint.until_answered()
    async with endpoint.load(50.0):
        git.asks(2)
        await endpoint.until(lambda found: serves(found, 2))
    found = await endpoint.until(lambda found: at_rest(found, 2))
    assert git.difference() == ""
    assert found["metadata"]["generation"] == 2, "only Git has changed it"
    assert found["metadata"]["labels"] == {"app.kubernetes.io/instance": "models"}
    (route,) = await endpoint.items("HTTPRoute")
    assert "app.kubernetes.io/instance" not in route["metadata"]["labels"]
    await endpoint.patch("Rollout", NAME, {"spec": {"modelVersion": "by-hand"}})
    with pytest.raises(TestbedError, match="ended with status 1"):
        git.difference()


@pytest.fixture
def argocd(bed: ClusterHandle) -> Iterator[str]:
    """A namespace with a ConfigMap of Argo CD's in which people have something already."""
    bed.kubectl("create", "namespace", "argocd")
    bed.kubectl(
        "create", "configmap", "argocd-cm", "--namespace", "argocd", "--from-literal=url=https://cd.example.com"
    )
    yield "argocd"
    bed.kubectl("delete", "namespace", "argocd", "--wait=false")


def test_the_command_of_the_documentation_adds_to_argo_cds_configuration(bed: ClusterHandle, argocd: str) -> None:
    """GitOps property 16."""
    page = (ROOT / "docs/gitops.md").read_text()
    (words,) = re.findall(r"^kubectl (patch configmap argocd-cm .*)$", page, re.MULTILINE)
    *command, file = words.split()
    bed.kubectl(*command, str(ROOT / file))
    stored = json.loads(bed.kubectl("get", "configmap", "argocd-cm", "--namespace", argocd, "--output=json"))["data"]
    assert stored.pop("url") == "https://cd.example.com"
    assert stored == yaml.safe_load((ROOT / file).read_text())["data"]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_the_example_repository_builds_is_accepted(
    bed: ClusterHandle, installation: Installation, environment: str
) -> None:
    """GitOps property 16. In a namespace that is there, as Argo CD makes it first."""
    built = list(yaml.safe_load_all(bed.kubectl("kustomize", str(ROOT / "examples/gitops/models" / environment))))
    (namespace,) = (one["metadata"]["name"] for one in built if one["kind"] == "Namespace")
    bed.kubectl("create", "namespace", namespace)
    try:
        items = {"apiVersion": "v1", "kind": "List", "items": [one for one in built if one["kind"] != "Namespace"]}
        answer = bed.kubectl("apply", "--dry-run=server", "--output=name", "-f", "-", input=json.dumps(items))
    finally:
        bed.kubectl("delete", "namespace", namespace, "--wait=false")
    assert len(answer.split()) == 3
