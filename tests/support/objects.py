"""Builders of the objects that tests create: a model of the programmable server and the Rollout that serves it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testbed import gateway_api

Object = dict[str, Any]

MODEL = "fraud"
INFER = f"/v2/models/{MODEL}/infer"
STREAM = f"/v2/models/{MODEL}/generate_stream"
STREAM_END = b"data: [DONE]"
_REVISION = "metadata.labels['crossfade.dev/revision']"
"""By it each answer says which arm gave it."""
_SERIES = "rest_server_requests_total"


def stages(*weights: int, seconds: int = 1) -> Object:
    """A strategy with these weights, each watched for as many seconds."""
    return {"stages": [{"name": f"at-{w}", "weight": w, "minDuration": f"{seconds}s"} for w in weights]}


def errors(floor: str = "0.05") -> Object:
    """An analysis of one metric: the share of inference requests that are answered with 5xx.

    Below the floor it does not matter, so that about a hundred good answers of the candidate prove enough.
    """
    ratio = {
        "bad": f'{_SERIES}{{path=~".*/infer",status_code=~"5.."}}',
        "total": f'{_SERIES}{{path=~".*/infer"}}',
    }
    objective = {"relative": {"rollbackAbove": 50, "promoteWithin": 100}, "absolute": {"floor": floor}}
    return {"metrics": [{"name": "errors", "ratio": ratio, "objective": objective}]}


def serving(replicas: int = 2, **more: Any) -> Object:
    """The programmable server as a custom runtime."""
    container = {
        "name": "model",
        "image": "v2server",
        "args": ["--model", "/mnt/models/model.json"],
        "env": [{"name": "REVISION", "valueFrom": {"fieldRef": {"fieldPath": _REVISION}}}],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {
            "httpGet": {"path": "/v2/health/ready", "port": "http"},
            "periodSeconds": 1,
            "timeoutSeconds": 10,
            "failureThreshold": 2,
        },
    }
    return {"runtime": "custom", "replicas": replicas, "template": {"spec": {"containers": [container]}}, **more}


def rollout(name: str, version: str, host: str, parent: str = gateway_api.GATEWAY, **changes: Any) -> Object:
    """A Rollout of two short stages behind a Gateway of the bed; `changes` replace top-level fields of its spec."""
    gateway = {"parentRefs": [{"name": parent, "namespace": gateway_api.NAMESPACE}], "hostnames": [host]}
    spec = {
        "modelVersion": version,
        "serving": serving(),
        "traffic": {"gatewayAPI": gateway},
        "strategy": stages(10, 50),
        "analysis": errors(),
        **changes,
    }
    return {"apiVersion": "crossfade.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": name}, "spec": spec}


def model_registry(name: str, **system: Object) -> Object:
    """A ModelRegistry of a system; its credentials are in the Secret of the same name."""
    spec = {**system, "credentials": {"secretRef": {"name": name}}}
    return {"apiVersion": "crossfade.dev/v1alpha1", "kind": "ModelRegistry", "metadata": {"name": name}, "spec": spec}


def secret(name: str, data: Mapping[str, str], kind: str = "Opaque") -> Object:
    """A Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": kind,
        "stringData": dict(data),
    }


def model_version(name: str, version: str, source: Object) -> Object:
    """A ModelVersion of the model."""
    spec = {"modelName": MODEL, "version": version, "source": source}
    return {"apiVersion": "crossfade.dev/v1alpha1", "kind": "ModelVersion", "metadata": {"name": name}, "spec": spec}


def write_model(folder: Path, version: str, **behaviour: Any) -> str:
    """Store a model whose server behaves so (see testbed.servers.behaviour); returns its address."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps({"name": MODEL, "version": version, **behaviour}))
    return f"file://{folder}"
