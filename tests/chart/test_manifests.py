"""Would catch plain manifests that are not what Helm would install, or that kubectl cannot apply."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.render import INSTALL, manifest
from testbed.binaries import TOOLS, locate
from testbed.progress import silent
from tests.chart.rendering import ROOT, Object, Render, documents, named

_MOST_ANNOTATION_BYTES = 256 * 1024
"""What the API server takes of all annotations of an object together."""


@pytest.fixture(scope="session")
def kubectl() -> Path:
    return Path(next(locate(tool, silent)["kubectl"][0] for tool in TOOLS if "kubectl" in tool.programs))


def crds() -> list[Object]:
    return [found for path in sorted((ROOT / "crds").glob("*.yaml")) for found in documents(path.read_text())]


@pytest.fixture(scope="module")
def installed() -> list[Object]:
    return documents(INSTALL.read_text())


def test_it_is_what_the_chart_renders_today() -> None:
    assert INSTALL.read_text() == manifest(), "run `make generate`"


def test_it_has_what_a_release_has_and_its_namespace(installed: list[Object], render: Render) -> None:
    release = named(render("crds.enabled=true")) - {("Pod", "crossfade-test")}
    assert named(installed) == release | {("Namespace", "crossfade-system")}
    assert [found for found in installed if found["kind"] == "CustomResourceDefinition"] == crds()
    assert installed[0]["kind"] == "Namespace", "what lies in it comes after it"


def test_nothing_in_it_says_that_it_is_helms(installed: list[Object]) -> None:
    told = INSTALL.read_text()
    assert "Helm" not in told
    assert "helm.sh/" not in told


def test_kubectl_can_keep_what_it_applied_of_each_object(installed: list[Object]) -> None:
    """As `kubectl apply` without `--server-side` does, in an annotation; half of what fits is left for growth."""
    for found in [*installed, *crds()]:
        kept = json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()
        assert len(kept) < _MOST_ANNOTATION_BYTES / 2, found["metadata"]["name"]


def test_the_base_of_kustomize_is_the_same(installed: list[Object], kubectl: Path, tmp_path: Path) -> None:
    def built(folder: Path) -> list[Object]:
        command = [str(kubectl), "kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder)]
        return documents(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def key(found: Object) -> tuple[str, str]:
        return found["kind"], found["metadata"]["name"]

    assert sorted(built(INSTALL.parent), key=key) == sorted(installed, key=key)
    base = tmp_path / "base"
    base.symlink_to(INSTALL.parent)
    address = "http://prometheus.observability:9090"
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["base"], "patches": patches()}))
    (deployment,) = [found for found in built(tmp_path) if found["kind"] == "Deployment"]
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "CROSSFADE_PROMETHEUS_ADDRESS", "value": address} in env


def test_an_overlay_may_take_all_of_it_to_another_namespace(kubectl: Path, tmp_path: Path) -> None:
    """Kustomize follows `metadata.namespace` and subjects, and no text: an operator whose Lease was elsewhere than its
    Role would never lead."""
    (tmp_path / "base").symlink_to(INSTALL.parent)
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"namespace": "ops", "resources": ["base"]}))
    command = [str(kubectl), "kustomize", "--load-restrictor=LoadRestrictionsNone", str(tmp_path)]
    found = documents(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    (deployment,) = [one for one in found if one["kind"] == "Deployment"]
    (role,) = [one for one in found if one["kind"] == "Role"]
    assert {one["metadata"]["namespace"] for one in (deployment, role)} == {"ops"}
    assert {subject["namespace"] for one in found for subject in one.get("subjects", ())} == {"ops"}
    assert "crossfade-system" not in json.dumps(deployment)


def patches() -> list[Object]:
    """As docs/installing.md has them."""
    page = (ROOT / "docs" / "installing.md").read_text()
    (example,) = [part.partition("```")[0] for part in page.split("```yaml\n")[1:]]
    return list(yaml.safe_load(example)["patches"])
