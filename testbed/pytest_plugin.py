"""Fixtures for tests that need a cluster: `--cluster` says which one, `--kubernetes` what a bed's control plane is.

testbed (the default) starts a bed for the session and moves the test process into its network; it ends with the
session, even when that is killed. current takes the cluster of $KUBECONFIG. kind makes one with the `kind` program.
On these two a test runs that is marked `anywhere`: it stores nothing, and needs no more than the API server.
"""

import os
from collections.abc import Iterator
from contextlib import suppress

import pytest

from testbed import envoy
from testbed.bed import Bed
from testbed.binaries import Kubernetes
from testbed.binaries.catalogue import ARGO_CD, FLUX, FLUX_HELM, OCI_REGISTRY, Tool
from testbed.binaries.environments import python_env
from testbed.binaries.locate import locate
from testbed.binaries.node import node_env
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle, current_cluster
from testbed.kind import kind_cluster
from testbed.progress import Progress

_NOT_ELSEWHERE = (
    "not with --cluster={choice}: it changes its cluster, or needs what the testbed alone has (images that are "
    "programs of this machine, models in its folders, servers that can be stopped, an audit log); use --cluster=testbed"
)
_COMPILED = {"flux": FLUX, "flux_helm": FLUX_HELM, "argo_cd": ARGO_CD}
"""Fixture -> the tool that it runs, where the machine can compile it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --cluster and --kubernetes."""
    parser.addoption(
        "--cluster",
        choices=("testbed", "current", "kind"),
        default="testbed",
        help="the cluster for tests that need one: our own bed, the one of $KUBECONFIG, or a new kind cluster",
    )
    parser.addoption(
        "--kubernetes",
        choices=[each.value for each in Kubernetes],
        default=Kubernetes.NEWEST.value,
        help="the control plane of our own bed: of the supported versions the newest or the oldest",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to choose a version for a cluster that is there, or that `kind` makes."""
    if control_plane(config) is not Kubernetes.NEWEST and config.getoption("--cluster") != "testbed":
        raise pytest.UsageError("--kubernetes chooses the testbed's control plane; leave it or --cluster out")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Elsewhere than on the testbed, skip what is not marked `anywhere`, and begin with what is so as `first`."""
    choice = config.getoption("--cluster")
    if choice == "testbed":
        return
    for item in items:
        of_cluster = "bed" in getattr(item, "fixturenames", ()) or item.get_closest_marker("cluster") is not None
        if of_cluster and item.get_closest_marker("anywhere") is None:
            item.add_marker(pytest.mark.skip(reason=_NOT_ELSEWHERE.format(choice=choice)))
    items.sort(key=lambda item: not any(mark.kwargs.get("first") for mark in item.iter_markers("anywhere")))


@pytest.fixture(scope="session")
def bed(request: pytest.FixtureRequest) -> Iterator[ClusterHandle]:
    """The session's cluster. A bed has MLflow when a test of the session uses the fixture `mlflow_url`, and the image
    `mlserver` when one uses `mlserver_image`. A test whose parameter `gateway` is "envoy" may call `start_envoy`.
    For a fixture `oci` a registry and its client are fetched, for `cloud_clients` object stores and their clients, for
    `flux`, `flux_helm` and `argo_cd` the controllers of Flux and the code of Argo CD."""
    choice = request.config.getoption("--cluster")
    if choice == "current":
        with current_cluster() as cluster:
            yield cluster
    elif choice == "kind":
        with kind_cluster(teller(request.config)) as cluster:
            yield cluster
    else:
        running = _session_bed(request)
        try:
            running.enter()
            yield running
        finally:
            running.down()


@pytest.fixture(scope="session")
def mlflow_url(bed: ClusterHandle) -> str:
    """The base URL of the cluster's MLflow server."""
    if bed.mlflow is None:
        raise TestbedError("this cluster has no MLflow; set CROSSFADE_MLFLOW_URL to that of one")
    return bed.mlflow


@pytest.fixture(scope="session")
def mlserver_image(bed: ClusterHandle) -> str:
    """An image reference of MLServer that the cluster's nodes can run."""
    return "docker.io/seldonio/mlserver:1.7.1"


def _session_bed(request: pytest.FixtureRequest) -> Bed:
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    progress = teller(request.config)
    if "mlserver_image" in wanted:
        python_env("mlserver", progress)  # now: from inside the bed's network no package can be fetched
    if "oci" in wanted:
        locate(OCI_REGISTRY, progress)
        python_env("oras", progress)
    for tool in (tool for fixture, tool in _COMPILED.items() if fixture in wanted):
        _compile(tool, progress)
    if "cloud_clients" in wanted:
        python_env("moto", progress)
        python_env("stores", progress)
        with suppress(TestbedError):  # without npm its tests are skipped, and in CI they fail
            node_env("azurite", progress)
    if any(map(_is_for_envoy, request.session.items)):
        envoy.fetch(progress)
    name, kubernetes = f"pytest-{os.getpid()}", control_plane(request.config)
    return Bed.up(name, mlflow="mlflow_url" in wanted, kubernetes=kubernetes, tied=True, progress=progress)


def _compile(tool: Tool, progress: Progress) -> None:
    """Have the tool, or say why its tests are skipped."""
    try:
        locate(tool, progress)
    except TestbedError as failure:
        progress(f"{failure}; its tests are skipped")


def _is_for_envoy(item: pytest.Item) -> bool:
    """Whether a parameter of the test is the name of the second gateway."""
    parameters = getattr(item, "callspec", None)
    return parameters is not None and parameters.params.get("gateway") == "envoy"


def control_plane(config: pytest.Config) -> Kubernetes:
    """Which one beds of this session have."""
    return Kubernetes(config.getoption("--kubernetes"))


def teller(config: pytest.Config) -> Progress:
    """Tells the session's user of progress, between the names of tests."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")

    def tell(line: str) -> None:
        if reporter is not None:
            reporter.write_line(f"testbed: {line}")

    return tell
