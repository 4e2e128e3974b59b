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
_API = "/apis/gateway.networking.k8s.io/v1"
_GATEWAYS = f"{_API}/namespaces/{NAMESPACE}/gateways"
_FILES = Path(__file__).parent / "manifests" / "gateway-api"
_PREFIX = "gateway.networking.k8s.io_"

_NAMESPACE_MANIFEST = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
_CLASS_MANIFEST = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "GatewayClass",
    "metadata": {"name": CLASS},
    "spec": {"controllerName": "traefik.io/gateway-controller"},
}
_GATEWAY_MANIFEST = {
    "apiVersion": "gateway.networking.k8s.io/v1",
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
    """Apply the resource definitions and wait until all are established."""
    await asyncio.gather(*(_define(cluster, file, seconds) for file in sorted(_FILES.glob("*.yaml"))))


async def _define(cluster: ClusterClient, file: Path, seconds: float) -> None:
    name = f"{file.stem.removeprefix(_PREFIX)}.gateway.networking.k8s.io"
    await cluster.apply(f"{_DEFINITIONS}/{name}", file.read_bytes())
    await cluster.wait(_DEFINITIONS, name, has_condition("Established"), seconds)


async def create_gateway(cluster: ClusterClient) -> None:
    """Apply the namespace, the class and the Gateway."""
    await cluster.apply(f"/api/v1/namespaces/{NAMESPACE}", json.dumps(_NAMESPACE_MANIFEST).encode())
    await cluster.apply(f"{_API}/gatewayclasses/{CLASS}", json.dumps(_CLASS_MANIFEST).encode())
    await cluster.apply(f"{_GATEWAYS}/{GATEWAY}", json.dumps(_GATEWAY_MANIFEST).encode())


async def programmed(cluster: ClusterClient, seconds: float) -> None:
    """Wait until the gateway's implementation serves the Gateway."""
    await cluster.wait(_GATEWAYS, GATEWAY, has_condition("Programmed"), seconds)
