"""What is created in a bed for Envoy Gateway: as its chart does, but for names and addresses that a bed has not.

Envoy Gateway runs as a pod and makes Envoy's Deployment itself. Both pods have fixed addresses: Services' cluster IPs
lead nowhere on a bed, and its pods find nobody by name.
"""

import json
from typing import Any

from testbed import address, gateway_api
from testbed.binaries import ENVOY_GATEWAY
from testbed.kubelet.sandbox import ADDRESS

Object = dict[str, Any]

NAMESPACE = "envoy-gateway-system"
GATEWAY = "public-envoy"
CLASS = "envoy"
CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
PROXIES = "envoyproxies.gateway.envoyproxy.io"

_NAME = ENVOY_GATEWAY.name
_GROUP = "gateway.envoyproxy.io"
_VERSION = "v1alpha1"
_PROXY = "bed"
_CONFIG_FILE = "envoy-gateway.yaml"


def definitions() -> list[Object]:
    """The only kind of its own that a bed uses. The original schema has over a megabyte, on which the API server
    spends seconds; this one takes what is sent, and Envoy Gateway itself refuses what it cannot read.
    """
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": _VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"kind": "EnvoyProxy", "plural": "envoyproxies", "singular": "envoyproxy", "listKind": "EnvoyProxyList"}
    spec = {"group": _GROUP, "scope": "Namespaced", "names": names, "versions": [version]}
    definition = {"kind": "CustomResourceDefinition", "metadata": {"name": PROXIES}, "spec": spec}
    return [{"apiVersion": "apiextensions.k8s.io/v1", **definition}]


def objects() -> list[Object]:
    """Everything else, in an order in which it can be created."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata()},
        _rights(),
        _configuration(),
        _certificates(),
        _deployment(),
        _proxy(),
        _class(),
        _gateway(),
    ]


def _metadata(name: str = _NAME) -> Object:
    return {"name": name, "namespace": NAMESPACE}


def _rights() -> Object:
    """All, as every server of a bed has them."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _NAME},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", **_metadata()}],
    }


def _configuration() -> Object:
    """Without the webhook that tells Envoy its zone, Envoy waits for no other proxies of its own zone either."""
    kubernetes = {
        "leaderElection": {"disable": True},
        "proxyTopologyInjector": {"disabled": True},
        "shutdownManager": {"image": _NAME},
    }
    content = {
        "apiVersion": f"{_GROUP}/{_VERSION}",
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": CONTROLLER},
        "provider": {"type": "Kubernetes", "kubernetes": kubernetes},
    }
    data = {_CONFIG_FILE: json.dumps(content, indent=1)}  # JSON is YAML
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(), "data": data}


def _container(*arguments: str, **fields: Any) -> Object:
    namespace = {"name": "ENVOY_GATEWAY_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    return {"name": _NAME, "image": _NAME, "args": list(arguments), "env": [namespace], **fields}


def _certificates() -> Object:
    """Writes the Secrets with which the two trust each other; their pods wait for them."""
    pod = {
        "restartPolicy": "OnFailure",
        "serviceAccountName": _NAME,
        "containers": [_container("certgen", "--disable-topology-injector")],
    }
    metadata = _metadata("certgen")
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": pod}}}


def _deployment() -> Object:
    labels = {"control-plane": _NAME}
    container = _container(
        "server",
        f"--config-path=/config/{_CONFIG_FILE}",
        readinessProbe={"httpGet": {"path": "/readyz", "port": 8081}, "periodSeconds": 5},
        volumeMounts=[{"name": "config", "mountPath": "/config"}, {"name": "certs", "mountPath": "/certs"}],
    )
    pod = {
        "serviceAccountName": _NAME,
        "terminationGracePeriodSeconds": 10,
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": _NAME}},
            {"name": "certs", "secret": {"secretName": _NAME}},
        ],
    }
    metadata = {"labels": labels, "annotations": {ADDRESS: address.ENVOY_GATEWAY_HOST}}
    spec = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},  # two pods cannot have one address
        "selector": {"matchLabels": labels},
        "template": {"metadata": metadata, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(), "spec": spec}


def _proxy() -> Object:
    """How Envoy is to run: at the Gateway's own address and port, and counting each pod by itself."""
    envoy = {
        "strategy": {"type": "Recreate"},
        "container": {"image": "envoy"},
        "pod": {"annotations": {ADDRESS: address.ENVOY_HOST}},
    }
    kubernetes = {
        "envoyDeployment": envoy,
        "useListenerPortAsContainerPort": True,
    }
    spec = {
        "provider": {"type": "Kubernetes", "kubernetes": kubernetes},
        "telemetry": {"metrics": {"enablePerEndpointStats": True}},
    }
    return {"apiVersion": f"{_GROUP}/{_VERSION}", "kind": "EnvoyProxy", "metadata": _metadata(_PROXY), "spec": spec}


def _class() -> Object:
    parameters = {"group": _GROUP, "kind": "EnvoyProxy", **_metadata(_PROXY)}
    return gateway_api.class_manifest(CLASS, CONTROLLER, parametersRef=parameters)


def _gateway() -> Object:
    addresses = [{"type": "IPAddress", "value": address.ENVOY_HOST}]
    return gateway_api.gateway_manifest(GATEWAY, CLASS, addresses=addresses)
