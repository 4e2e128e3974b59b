"""Builders of raw Kubernetes objects."""

from typing import Any

from crossfade.api import meta

NAMESPACE = "ml"
_ROUTES = "gateway.networking.k8s.io/v1"
GATEWAY = {
    "apiVersion": _ROUTES,
    "kind": "Gateway",
    "metadata": {"name": "public", "namespace": "gateways"},
    "spec": {
        "gatewayClassName": "acme",
        "listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
        ],
    },
}
GATEWAY_CLASS = {"apiVersion": _ROUTES, "kind": "GatewayClass", "metadata": {"name": "acme", "namespace": ""}}


def rollout(version: str = "v1", name: str = "demo", **spec: Any) -> dict[str, Any]:
    """A Rollout with two stages and one threshold."""
    threshold = {"name": "errors", "template": "mlserver/errors", "objective": {"absolute": {"max": "0.02"}}}
    return {
        "apiVersion": meta.API_VERSION,
        "kind": "Rollout",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "modelVersion": version,
            "traffic": {
                "gatewayAPI": {
                    "parentRefs": [{"name": "public", "namespace": "gateways"}],
                    "hostnames": [f"{name}.example.com"],
                }
            },
            "strategy": {"stages": [{"name": "ten", "weight": 10}, {"name": "half", "weight": 50}]},
            "analysis": {"metrics": [threshold]},
            **spec,
        },
    }


def version(name: str = "v1", **spec: Any) -> dict[str, Any]:
    """A ModelVersion of a file below /models."""
    source = {"uri": {"uri": f"file:///models/{name}"}}
    return {
        "apiVersion": meta.API_VERSION,
        "kind": "ModelVersion",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"modelName": "model", "version": "1.0.0", "source": source, **spec},
    }


def pod(name: str = "p", revision: str = "demo-1", rollout_name: str = "demo", **status: Any) -> dict[str, Any]:
    """A pod of a revision, ready unless `status` says otherwise."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "labels": {meta.LABEL_ROLLOUT: rollout_name, meta.LABEL_REVISION: revision},
            "ownerReferences": [{"kind": "ReplicaSet", "uid": f"{revision}-set", "controller": True}],
        },
        "spec": {"containers": []},
        "status": {"conditions": [{"type": "Ready", "status": "True"}], **status},
    }
