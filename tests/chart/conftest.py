"""The chart, installed as a user installs it: once for the tests of this folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed.binaries import TOOLS, locate
from testbed.binaries.catalogue import HELM_3
from testbed.binaries.environments import python_env
from testbed.handle import ClusterHandle
from testbed.progress import silent
from tests.chart.rendering import CHART, Render, renderer
from tests.support.networks import BED


@dataclass(frozen=True)
class Release:
    """An installed chart: namespace and name, the name also of its Deployment, Service and ServiceAccount."""

    namespace: str
    name: str

    @property
    def user(self) -> str:
        """Who the operator is to the API server."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch programs and packages now: from inside the bed's network none can be fetched."""
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if not session.config.option.collectonly:
        if "helm_3_program" in wanted:
            locate(HELM_3, silent)
        for environment in ("checkov", "manifests"):
            if f"{environment}_environment" in wanted:
                python_env(environment)


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """The program helm, for what needs no cluster."""
    return Path(next(locate(tool, silent)["helm"][0] for tool in TOOLS if "helm" in tool.programs))


@pytest.fixture(scope="session")
def helm_3_program() -> Path:
    """Helm of the major version before."""
    return Path(locate(HELM_3, silent)["helm"][0])


@pytest.fixture(scope="session")
def render(helm_program: Path) -> Render:
    """The chart's objects with values given as `--set-json` takes them."""
    return renderer(helm_program)


@pytest.fixture
def manifests_environment() -> Path:
    """The folder of the virtual environment with what checks manifests and queries."""
    return python_env("manifests")


@pytest.fixture
def checkov_environment() -> Path:
    """The folder of checkov's virtual environment."""
    return python_env("checkov")


@pytest.fixture(scope="package")
def release(bed: ClusterHandle) -> Iterator[Release]:
    """The operator in a namespace that admits nothing but restricted pods. `--take-ownership`: CRDs that other tests
    applied, or that an earlier release kept, become this release's."""
    found = Release("crossfade-chart", "crossfade")
    bed.kubectl("create", "namespace", found.namespace)
    bed.kubectl("label", "namespace", found.namespace, "pod-security.kubernetes.io/enforce=restricted")
    settings = [f"--set=prometheus.address={bed.prometheus}", "--set=metrics.interval=1"]
    settings.append(f"--set-json=registries.allowedNetworks={json.dumps(BED.split(','))}")
    place = ["--namespace", found.namespace, "--take-ownership", "--force-conflicts", "--wait", "--timeout", "180s"]
    bed.helm("install", found.name, str(CHART), *place, *settings)
    yield found
    bed.helm("uninstall", found.name, "--namespace", found.namespace, "--wait", "--timeout", "180s")
    bed.kubectl("delete", "namespace", found.namespace, "--wait=false")
