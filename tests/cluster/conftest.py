"""The operator on a real cluster: installed once for the session; an endpoint and a process for each test."""

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
from crossfade.api.kinds import KINDS

from testbed.bed import Bed
from testbed.cluster import ClusterClient
from tests.support.endpoint import Endpoint
from tests.support.operator_process import Installation, OperatorProcess
from tests.support.recorder import Recorder, collection
from tests.support.statuses import lint

_ROOT = Path(__file__).parents[2]
_NAMESPACE = "crossfade-system"
_WATCHED = ("Rollout", "ModelVersion", "HTTPRoute", "Deployment", "Pod")

StartOperator = Callable[..., OperatorProcess]
NewEndpoint = Callable[[], Awaitable[Endpoint]]


@pytest.fixture(scope="session")
def installation(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """CRDs, and a service account with exactly the rights that the chart gives."""
    bed.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(_ROOT / "crds"))
    bed.kubectl("wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{k.crd_name}" for k in KINDS.values()))
    chart = str(_ROOT / "charts" / "crossfade")
    rights = bed.helm("template", "crossfade", chart, "-n", _NAMESPACE, "--show-only", "templates/rights.yaml")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "crossfade", "namespace": _NAMESPACE}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}}
    manifests = "\n---\n".join((json.dumps(namespace), json.dumps(account), rights))
    bed.kubectl("apply", "-f", "-", input=manifests)
    folder = tmp_path_factory.mktemp("operator")
    kubeconfig = bed.service_account_kubeconfig(_NAMESPACE, "crossfade", folder / "kubeconfig")
    return Installation(bed, kubeconfig, folder)


@pytest.fixture
def start_operator(installation: Installation, tmp_path: Path) -> Iterator[StartOperator]:
    """Starts operators, which end with the test; arguments are those of OperatorProcess."""
    with ExitStack() as running:

        def start(*namespaces: str, **options: Any) -> OperatorProcess:
            log = tmp_path / f"operator-{uuid.uuid4().hex[:6]}.log"
            return running.enter_context(OperatorProcess(installation, log, namespaces, **options))

        yield start


@pytest.fixture
async def admin(bed: Bed) -> AsyncIterator[ClusterClient]:
    """A client with full rights."""
    pki = bed.dir / "pki"
    async with ClusterClient(pki / "ca.crt", pki / "admin.crt", pki / "admin.key") as client:
        yield client


@pytest.fixture
async def new_endpoint(bed: Bed, admin: ClusterClient, installation: Installation) -> AsyncIterator[NewEndpoint]:
    """Makes endpoints of the test's own. In the end every status that was ever seen of them is linted."""
    made: list[Endpoint] = []
    async with AsyncExitStack() as recorders:

        async def make() -> Endpoint:
            name = f"ml-{uuid.uuid4().hex[:6]}"
            await admin.create("/api/v1/namespaces", json.dumps({"metadata": {"name": name}}).encode())
            recorder = await recorders.enter_async_context(Recorder(admin.http, name, _WATCHED))
            made.append(Endpoint(admin.http, name, bed.gateway, installation.file_root, recorder))
            return made[-1]

        yield make
    for one in made:
        await _remove(admin, one.namespace)
    for one in made:
        for kind, subject in sorted({(o["kind"], o["metadata"]["name"]) for o in one.recorder.history}):
            if kind in KINDS:
                lint(one.recorder.of(kind, subject))


@pytest.fixture
async def endpoint(new_endpoint: NewEndpoint) -> Endpoint:
    """An endpoint of the test's own."""
    return await new_endpoint()


async def _remove(admin: ClusterClient, namespace: str) -> None:
    """Delete the namespace; nobody is left who would release a Rollout under way."""
    url = collection("Rollout", namespace)
    for rollout in (await admin.http.get(url)).json()["items"]:
        path = f"{url}/{rollout['metadata']['name']}"
        merge = {"Content-Type": "application/merge-patch+json"}
        await admin.http.patch(path, json={"metadata": {"finalizers": None}}, headers=merge)
    await admin.http.delete(f"/api/v1/namespaces/{namespace}")
