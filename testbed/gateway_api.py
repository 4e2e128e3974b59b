"""The Gateway API on a bed: its resource definitions, one class, one Gateway for all namespaces."""

import asyncio
import json
from pathlib import Path
from typing import Any

from testbed import address
from testbed.cluster import ClusterClient, Object, has_condition

NAMESPACE = "gateways"
GATEWAY = "public"
CLASS = "traefik"
_CONTROLLER = "traefik.io/gateway-controller"

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_GROUP_VERSION = "gateway.networking.k8s.io/v1"
_API = f"/apis/{_GROUP_VERSION}"
_GATEWAYS = f"{_API}/namespaces/{NAMESPACE}/gateways"
_FILES = Path(__file__).parent / "manifests" / "gateway-api"

_NAMESPACE_MANIFEST = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def class_manifest(name: str, controller: str, **spec: Any) -> Object:
    """A GatewayClass of one implementation."""
    spec = {"controllerName": controller, **spec}
    return {"apiVersion": _GROUP_VERSION, "kind": "GatewayClass", "metadata": {"name": name}, "spec": spec}


def gateway_manifest(name: str, class_name: str, **spec: Any) -> Object:
    """A Gateway that takes routes of all namespaces."""
    listener = {
        "name": "http",
        "port": address.GATEWAY_PORT,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    metadata = {"name": name, "namespace": NAMESPACE}
    spec = {"gatewayClassName": class_name, "listeners": [listener], **spec}
    return {"apiVersion": _GROUP_VERSION, "kind": "Gateway", "metadata": metadata, "spec": spec}


async def define(cluster: ClusterClient, seconds: float) -> None:
    """Create the resource definitions and wait until the API server serves them."""
    manifests = {file.stem: file.read_bytes() for file in _FILES.glob("*.yaml")}
    await asyncio.gather(*(cluster.create(_DEFINITIONS, manifest) for manifest in manifests.values()))
    await cluster.serves(_GROUP_VERSION, set(manifests), seconds)


async def create_gateway(cluster: ClusterClient) -> None:
    """Create the namespace, the class and the Gateway."""
    await cluster.create("/api/v1/namespaces", json.dumps(_NAMESPACE_MANIFEST).encode())
    await cluster.create(f"{_API}/gatewayclasses", json.dumps(class_manifest(CLASS, _CONTROLLER)).encode())
    await cluster.create(_GATEWAYS, json.dumps(gateway_manifest(GATEWAY, CLASS)).encode())


async def programmed(cluster: ClusterClient, seconds: float) -> None:
    """Wait until the gateway's implementation serves the Gateway."""
    await cluster.wait(_GATEWAYS, GATEWAY, has_condition("Programmed"), seconds)
