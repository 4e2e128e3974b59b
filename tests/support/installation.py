"""Sets up on a bed what an administrator and a user set up: the kinds, the operator's rights, a namespace."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from crossfade.api.kinds import KINDS

from testbed.bed import Bed
from testbed.cluster import ClusterClient
from tests.support.endpoint import Endpoint
from tests.support.gateways import PARENTS, TRAEFIK
from tests.support.operator_process import Installation
from tests.support.recorder import Recorder, collection

_ROOT = Path(__file__).parents[2]
_NAMESPACE = "crossfade-system"
_WATCHED = (
    *("Rollout", "ModelVersion", "ModelRegistry", "ModelSource", "HTTPRoute", "GRPCRoute"),
    *("Service", "Deployment", "Pod"),
    *("HorizontalPodAutoscaler", "PodDisruptionBudget", "Event"),
)


def install(bed: Bed, folder: Path) -> Installation:
    """CRDs, and a service account with exactly the rights that the chart gives. Models may lie below `folder`."""
    bed.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(_ROOT / "crds"))
    bed.kubectl("wait", "--for=condition=Established", "--timeout=120s", *(f"crd/{k.crd_name}" for k in KINDS.values()))
    chart = str(_ROOT / "charts" / "crossfade")
    rights = bed.helm("template", "crossfade", chart, "-n", _NAMESPACE, "--show-only", "templates/rights.yaml")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "crossfade", "namespace": _NAMESPACE}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}}
    bed.kubectl("apply", "-f", "-", input="\n---\n".join((json.dumps(namespace), json.dumps(account), rights)))
    kubeconfig = bed.service_account_kubeconfig(_NAMESPACE, "crossfade", folder / "kubeconfig")
    return Installation(bed, kubeconfig, folder)


def administrator(bed: Bed) -> ClusterClient:
    """A client with full rights."""
    pki = bed.dir / "pki"
    return ClusterClient(pki / "ca.crt", pki / "admin.crt", pki / "admin.key")


@asynccontextmanager
async def new_namespace(
    admin: ClusterClient, installation: Installation, gateway: str = TRAEFIK
) -> AsyncIterator[Endpoint]:
    """An endpoint in a namespace of its own, which is deleted in the end; by then no operator may run any more."""
    url, parent = installation.bed.gateway_url(gateway), PARENTS[gateway]
    name = f"ml-{uuid.uuid4().hex[:6]}"
    await admin.create("/api/v1/namespaces", json.dumps({"metadata": {"name": name}}).encode())
    async with Recorder(admin.http, name, _WATCHED) as recorder:
        yield Endpoint(admin.http, name, url, installation.file_root, recorder, parent)
    await _remove(admin, name)


async def _remove(admin: ClusterClient, namespace: str) -> None:
    """Delete the namespace; nobody is left who would release a Rollout under way."""
    url = collection("Rollout", namespace)
    for rollout in (await admin.http.get(url)).json()["items"]:
        path = f"{url}/{rollout['metadata']['name']}"
        merge = {"Content-Type": "application/merge-patch+json"}
        await admin.http.patch(path, json={"metadata": {"finalizers": None}}, headers=merge)
    await admin.http.delete(f"/api/v1/namespaces/{namespace}")
