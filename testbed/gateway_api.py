"""The Gateway API on a bed: its resource definitions, one class, one Gateway for all namespaces."""

import asyncio
import json
from pathlib import Path

from testbed import address
from testbed.cluster import ClusterClient, has_condition

NAMESPACE = "gateways"
GATEWAY = "public"
CLASS = "traefik"

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_GROUP_VERSION = "gateway.networking.k8s.io/v1"
_API = f"/apis/{_GROUP_VERSION}"
_GATEWAYS = f"{_API}/namespaces/{NAMESPACE}/gateways"
_FILES = Path(__file__).parent / "manifests" / "gateway-api"

_NAMESPACE_MANIFEST = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
_CLASS_MANIFEST = {
    "apiVersion": _GROUP_VERSION,
    "kind": "GatewayClass",
    "metadata": {"name": CLASS},
    "spec": {"controllerName": "traefik.io/gateway-controller"},
}
_GATEWAY_MANIFEST = {
    "apiVersion": _GROUP_VERSION,
    "kind": "Gateway",
    "metadata": {"name": GATEWAY, "namespace": NAMESPACE},
    "spec": {
        "gatewayClassName": CLASS,
        "listeners": [
            {
                "name": "http",
                "port": address.GATEWAY_PORT,
                "protocol": "HTTP",
                "allowedRoutes": {"namespaces": {"from": "All"}},
            }
        ],
    },
}


async def define(cluster: ClusterClient, seconds: float) -> None:
    """Create the resource definitions and wait until the API server serves them."""
    manifests = {file.stem: file.read_bytes() for file in _FILES.glob("*.yaml")}
    await asyncio.gather(*(cluster.create(_DEFINITIONS, manifest) for manifest in manifests.values()))
    await cluster.serves(_GROUP_VERSION, set(manifests), seconds)


async def create_gateway(cluster: ClusterClient) -> None:
    """Create the namespace, the class and the Gateway."""
    await cluster.create("/api/v1/namespaces", json.dumps(_NAMESPACE_MANIFEST).encode())
    await cluster.create(f"{_API}/gatewayclasses", json.dumps(_CLASS_MANIFEST).encode())
    await cluster.create(_GATEWAYS, json.dumps(_GATEWAY_MANIFEST).encode())


async def programmed(cluster: ClusterClient, seconds: float) -> None:
    """Wait until the gateway's implementation serves the Gateway."""
    await cluster.wait(_GATEWAYS, GATEWAY, has_condition("Programmed"), seconds)
