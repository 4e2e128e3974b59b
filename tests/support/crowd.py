"""Many Rollouts that have come to rest. The operator is real; the test plays the pods' controllers and node.

Starting hundreds of model servers would measure the machine. So the controller manager is stopped, and for each
Deployment that the operator creates, the test creates a pod and says that it is ready, as a node would, and the
EndpointSlice by which gateways and the operator find it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from testbed.bed import Bed
from tests.support import objects
from tests.support.endpoint import Endpoint, at_rest
from tests.support.recorder import Object, collection

_AT_ONCE = 8
_READY = [{"type": "Ready", "status": "True"}]


@asynccontextmanager
async def played_pods(endpoint: Endpoint, bed: Bed) -> AsyncIterator[None]:
    """While this lasts, every Deployment of the namespace gets a pod that is said to be ready.

    In the end the namespace is deleted, lest the controller manager starts real pods when it is back.
    """
    accounts = f"/api/v1/namespaces/{endpoint.namespace}/serviceaccounts/default"
    while not (await endpoint.http.get(accounts)).is_success:  # noqa: ASYNC110 - without it no pod can be created
        await asyncio.sleep(0.05)
    bed.stop_daemon("kube-controller-manager")
    player = asyncio.create_task(_play(endpoint))
    try:
        yield
    finally:
        player.cancel()
        await endpoint.http.delete(f"/api/v1/namespaces/{endpoint.namespace}")
        bed.start_daemon("kube-controller-manager")


async def settle(endpoint: Endpoint, numbers: range, seconds: float) -> None:
    """Create the Rollouts `crowd-<n>` of ModelVersion 1, and wait until all rest with it."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def create(number: int) -> None:
        name = f"crowd-{number}"
        async with slots:
            host = f"{name}.{endpoint.host}"
            body = objects.rollout(name, "fraud-1", host, serving=objects.serving(1))
            await endpoint.create(body)

    await asyncio.gather(*map(create, numbers))
    await endpoint.recorder.until_all("Rollout", numbers.stop, lambda found: at_rest(found, 1), seconds)


async def _play(endpoint: Endpoint) -> None:
    history, seen, given = endpoint.recorder.history, 0, set[str]()
    while True:
        for found in history[seen : (seen := len(history))]:
            if found["kind"] == "Deployment" and found["metadata"]["name"] not in given:
                given.add(found["metadata"]["name"])
                await _ready_pod(endpoint, found)
        if seen == len(history):  # nothing came in while pods were made
            await endpoint.recorder.news()


async def _ready_pod(endpoint: Endpoint, deployment: Object) -> None:
    template, name = deployment["spec"]["template"], deployment["metadata"]["name"]
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": deployment["metadata"]["uid"]}
    owners = [{**owner, "controller": True}]  # who has no controller is nobody's
    metadata: dict[str, Any] = {**template["metadata"], "name": f"{name}-0", "ownerReferences": owners}
    unscheduled = {**template["spec"], "schedulerName": "none"}
    await endpoint.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": unscheduled})
    await endpoint.create(_slice(name, deployment["metadata"]["labels"]))
    url = f"{collection('Pod', endpoint.namespace)}/{name}-0/status"
    headers = {"Content-Type": "application/strategic-merge-patch+json"}
    answer = await endpoint.http.patch(url, json={"status": {"conditions": _READY}}, headers=headers)
    assert answer.is_success, answer.text


def _slice(service: str, labels: Mapping[str, str]) -> Object:
    """With the labels of the Service, which are those of the Deployment; it lists the one pod."""
    pod = {"kind": "Pod", "name": f"{service}-0"}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": service, "labels": {**labels, "kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.1"], "conditions": {"ready": True}, "targetRef": pod}],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }
