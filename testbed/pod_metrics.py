"""A stand-in for an adapter of custom metrics: autoscalers are told of pods what a test says of them.

The HPA controller of Kubernetes asks the API server, which passes the question on to the Service that an APIService
names, as it would to prometheus-adapter or KEDA. Here that is this process.
"""

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from testbed import address
from testbed.certificates import Authority
from testbed.cluster import ClusterClient, Object, has_condition

_GROUP, _VERSION = "custom.metrics.k8s.io", "v1beta2"
_API = f"/apis/{_GROUP}/{_VERSION}"
_NAME, _NAMESPACE = "pod-metrics", "kube-system"
_SERVICES = f"/api/v1/namespaces/{_NAMESPACE}/services"
_API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
_SECONDS = 240.0


class PodMetrics:
    """Every metric of every pod. `totals` says by a label of pods, as `key=value`, how much all of them together have,
    which they share evenly; pods of no such label have 0.
    """

    def __init__(self, cluster: ClusterClient) -> None:
        self.totals: dict[str, float] = {}
        self._cluster = cluster

    @asynccontextmanager
    async def served(self, folder: Path) -> AsyncIterator[None]:
        """While this lasts autoscalers can ask; certificates lie in `folder`. Call it inside the bed's network."""
        authority = Authority(folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue(_NAME, names=(f"{_NAME}.{_NAMESPACE}.svc",)))
        runner = web.AppRunner(self.application(), shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, address.HOST, 0, ssl_context=context).start()
            async with self._registered(runner.addresses[0][1], authority.certificate):
                yield
        finally:
            await runner.cleanup()

    def application(self) -> web.Application:
        """What answers the API server."""
        application = web.Application()
        application.router.add_get(_API, _resources)
        application.router.add_get(f"{_API}/namespaces/{{namespace}}/pods/{{name}}/{{metric}}", self._values)
        return application

    @asynccontextmanager
    async def _registered(self, port: int, authority: Path) -> AsyncIterator[None]:
        """An API that does not answer any more keeps every namespace from being deleted, so it goes again."""
        await self._cluster.create(_SERVICES, json.dumps(_service()).encode())
        try:
            await self._cluster.create(_API_SERVICES, json.dumps(_api_service(port, authority)).encode())
            await self._cluster.wait(_API_SERVICES, f"{_VERSION}.{_GROUP}", has_condition("Available"), _SECONDS)
            yield
        finally:
            await self._cluster.http.delete(f"{_API_SERVICES}/{_VERSION}.{_GROUP}")
            await self._cluster.http.delete(f"{_SERVICES}/{_NAME}")

    async def _values(self, request: web.Request) -> web.Response:
        namespace, selector = request.match_info["namespace"], request.query["labelSelector"]
        url = f"/api/v1/namespaces/{namespace}/pods"
        answer = await self._cluster.http.get(url, params={"labelSelector": selector})
        pods = [pod["metadata"]["name"] for pod in answer.json()["items"] if _runs(pod)]
        total = sum(self.totals.get(label, 0.0) for label in selector.split(","))
        items = [_value(namespace, pod, request.match_info["metric"], total / len(pods)) for pod in pods]
        return web.json_response({"kind": "MetricValueList", "apiVersion": f"{_GROUP}/{_VERSION}", "items": items})


async def _resources(_request: web.Request) -> web.Response:
    """What the API server lists of the group: a metric need not be there to be asked for."""
    found = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{_GROUP}/{_VERSION}", "resources": []}
    return web.json_response(found)


def _service() -> Object:
    """The API server itself reaches it: no pod, and so no cluster IP, is needed."""
    metadata = {"name": _NAME, "namespace": _NAMESPACE}
    spec = {"type": "ExternalName", "externalName": address.HOST}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _api_service(port: int, authority: Path) -> Object:
    spec = {
        "group": _GROUP,
        "version": _VERSION,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "caBundle": base64.b64encode(authority.read_bytes()).decode(),
        "service": {"name": _NAME, "namespace": _NAMESPACE, "port": port},
    }
    metadata = {"name": f"{_VERSION}.{_GROUP}"}
    return {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": metadata, "spec": spec}


def _runs(pod: Object) -> bool:
    return pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]


def _value(namespace: str, pod: str, metric: str, value: float) -> Object:
    """Rounded down to a thousandth, so that shares of a whole number never need one pod more than that number."""
    return {
        "describedObject": {"kind": "Pod", "apiVersion": "v1", "namespace": namespace, "name": pod},
        "metric": {"name": metric},
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "windowSeconds": 1,
        "value": f"{int(1000 * value)}m",
    }
