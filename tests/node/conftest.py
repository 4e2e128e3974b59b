"""A bed whose node is a real one, with the operator installed as users install it."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from testbed import address
from testbed.bed import Bed
from testbed.binaries.catalogue import OCI_REGISTRY
from testbed.binaries.environments import python_env
from testbed.binaries.locate import locate
from testbed.cluster import ClusterClient
from testbed.errors import TestbedError
from testbed.node import needs
from testbed.pytest_plugin import control_plane, teller
from tests.contract.oci_bench import OciBench, registry
from tests.node.store import Store, keeping
from tests.support import node_images
from tests.support.buildah import BuildahError
from tests.support.dockerfile import ROOT
from tests.support.endpoint import Endpoint
from tests.support.installation import administrator, new_namespace
from tests.support.operator_process import Installation
from tests.support.own_folder import own_folder

NAMESPACE = "crossfade-system"
_FOLDER = pytest.StashKey[ExitStack]()
_MADE = pytest.StashKey["list[Path] | TestbedError | BuildahError"]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch programs and build images now: from inside a bed's network no package can be fetched."""
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    config = session.config
    if "able" not in wanted or config.option.collectonly or config.getoption("--cluster") != "testbed":
        return
    held = config.stash[_FOLDER] = ExitStack()
    folder = held.enter_context(own_folder("crossfade-node-images-"))
    progress = teller(config)
    try:
        needs.fetch(control_plane(config), progress)
        if "oci" in wanted:
            locate(OCI_REGISTRY, progress)
            python_env("oras", progress)
        config.stash[_MADE] = node_images.build(folder, progress)
    except (TestbedError, BuildahError) as failure:
        config.stash[_MADE] = failure


def pytest_unconfigure(config: pytest.Config) -> None:
    """Images go with the session; those of a killed one went when this one began."""
    if held := config.stash.get(_FOLDER, None):
        held.close()


@pytest.fixture(scope="session")
def able(pytestconfig: pytest.Config) -> list[Path]:
    """The archives of images, where there can be a real node. Skips with the reason why there can be none, and fails
    with buildah's words where it was let build and could not."""
    found = pytestconfig.stash[_MADE]
    if isinstance(found, TestbedError):
        pytest.skip(str(found))
    if isinstance(found, BuildahError):
        pytest.fail(str(found), pytrace=False)
    return found


@pytest.fixture(scope="session")
def node(pytestconfig: pytest.Config, able: list[Path]) -> Iterator[Bed]:
    """The bed, in whose network the test's process is from now on."""
    running = Bed.up(f"pytest-{os.getpid()}-node", real_node=True, tied=True, progress=teller(pytestconfig))
    try:
        for archive in able:
            running.add_images(archive)
        running.enter()
        yield running
    finally:
        running.down()


@pytest.fixture(scope="session")
def release(node: Bed) -> Iterator[str]:
    """The chart with its default values, in a namespace that lets in `restricted` pods alone; returns its name."""
    node.kubectl("create", "namespace", NAMESPACE)
    node.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    node.helm("install", "crossfade", str(ROOT / "charts" / "crossfade"), *_waiting())
    yield "crossfade"
    node.helm("uninstall", "crossfade", *_waiting())


@pytest.fixture(scope="session")
def configured(node: Bed, release: str) -> None:
    """The operator knows its Prometheus by address, for the node has no DNS, and may read models from the bed."""
    settings = [f"--set=prometheus.address={node.prometheus}", "--set=metrics.interval=1"]
    settings += [f"--set-json=registries.allowedNetworks={json.dumps([address.POD_NETWORK])}"]
    node.helm("upgrade", release, str(ROOT / "charts" / "crossfade"), *_waiting(), *settings)


@pytest.fixture(scope="session")
def store(node: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Where models are had from."""
    with keeping(tmp_path_factory.mktemp("models")) as made:
        yield made


@pytest.fixture
def oci(node: Bed, tmp_path: Path) -> Iterator[OciBench]:
    """A registry that asks nobody who they are, from which the node may pull."""
    (tmp_path / "registry").mkdir()
    with registry(tmp_path / "registry", place=address.OCI) as made:
        yield made


@pytest.fixture
async def admin(node: Bed) -> AsyncIterator[ClusterClient]:
    """A client with full rights."""
    async with administrator(node) as client:
        yield client


@pytest.fixture
async def endpoint(node: Bed, admin: ClusterClient, configured: None, tmp_path: Path) -> AsyncIterator[Endpoint]:
    """An endpoint in a namespace of the test's own that lets in `restricted` pods alone."""
    async with new_namespace(admin, Installation(node, node.kubeconfig, tmp_path)) as found:
        node.kubectl("label", "namespace", found.namespace, "pod-security.kubernetes.io/enforce=restricted")
        yield found


def _waiting() -> list[str]:
    return ["--namespace", NAMESPACE, "--wait", "--timeout", "120s"]
