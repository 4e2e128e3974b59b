"""The part of a pod template that warms the model server up: a container of ours, asked by the model's startup probe.

The pod warms itself, so that whoever starts it (a rollout, an autoscaler, a node's drain), it is ready only when it is
warm, whether the operator runs or not.
"""

from typing import Any

from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.serving import ConfigMapKey, Serving, Warmup
from crossfade.decide.starting import kubelet_patience

Json = dict[str, Any]

WARMER = "warm-up"
"""Name of the container that sends the warm-up requests."""
NOT_WARM_EXIT = 5
"""Its exit code when there was nothing but failures for too long; its message then says which."""
_FOLDER = "/etc/crossfade/warm-up"
_FIRST_PORT = 8089
_FOR_EVER = 2**31 - 1


def warm_up(pod: Json, serving: Serving, image: str, security: Json) -> None:
    """Add to a pod spec what its first container needs to be warmed up; nothing without `serving.warmup`."""
    if serving.warmup is None:
        return
    model, port = pod["containers"][0], _free_port(pod)
    pod["initContainers"] = [
        *pod.get("initContainers", []),
        _warmer(serving.warmup, model, port, image, security),
    ]
    kept = {k: v for k, v in model.get("startupProbe", {}).items() if k == "terminationGracePeriodSeconds"}
    model["startupProbe"] = {
        "httpGet": {"path": "/warm", "port": port},
        "periodSeconds": 1,
        "timeoutSeconds": 5,
        "failureThreshold": kubelet_patience(serving.startup),
        **kept,
    }
    if (entry := serving.warmup.body.config_map_key_ref) is not None:
        pod["volumes"] = [*(one for one in pod["volumes"] if one["name"] != WARMER), _volume(entry)]


def _warmer(warmup: Warmup, model: Json, port: int, image: str, security: Json) -> Json:
    """A sidecar, by Kubernetes' own word: it starts before the model server and ends after it."""
    ports = {one["name"]: one["containerPort"] for one in model.get("ports", ()) if "name" in one}
    flags = {
        "url": f"http://localhost:{ports['http']}{warmup.path}",
        "requests": warmup.requests,
        "body": f"{_FOLDER}/body",
        "up": _up(model, ports),
        "timeout": f"{seconds(warmup.timeout):g}",
        "content-type": warmup.content_type,
        "port": port,
    }
    found: Json = {
        "name": WARMER,
        "image": image,
        "restartPolicy": "Always",
        "args": ["warm", *(_literal(f"--{name}={value}") for name, value in flags.items())],
        # An autoscaler that goes by cpu or memory wants a request of every container.
        "resources": {"requests": {"cpu": "10m", "memory": "48Mi"}},
        # Says that the server was seen; once it was, the pod's readiness is the model's own affair.
        "readinessProbe": {
            "httpGet": {"path": "/seen", "port": port},
            "periodSeconds": 2,
            "timeoutSeconds": 5,
            "failureThreshold": _FOR_EVER,
        },
        "securityContext": dict(security),
    }
    if warmup.body.inline is not None:
        found["env"] = [{"name": "CROSSFADE_WARMUP_BODY", "value": _literal(warmup.body.inline)}]
    else:
        found["volumeMounts"] = [{"name": WARMER, "mountPath": _FOLDER, "readOnly": True}]
    return found


def _literal(text: str) -> str:
    """Text in which Kubernetes finds no variable."""
    return text.replace("$", "$$")


def _volume(entry: ConfigMapKey) -> Json:
    """Optional, so that a missing entry is told by the container, and heals, where a pod would wait without a word."""
    items = [{"key": entry.key, "path": "body"}]
    return {"name": WARMER, "configMap": {"name": entry.name, "items": items, "optional": True}}


def _up(model: Json, ports: dict[str, int]) -> str:
    """What tells that the server is up: what its own probes ask over HTTP, else that somebody listens."""
    for probe in ("startupProbe", "readinessProbe"):
        asked = model.get(probe, {}).get("httpGet")
        if asked and asked.get("scheme", "HTTP") == "HTTP" and "host" not in asked:
            port = ports.get(asked["port"], asked["port"])
            return f"http://localhost:{port}/{asked.get('path', '/').removeprefix('/')}"
    return f"http://localhost:{ports['http']}"


def _free_port(pod: Json) -> int:
    """One that no container of the pod says it listens at."""
    containers = (*pod["containers"], *pod.get("initContainers", ()))
    taken = {port.get("containerPort") for one in containers for port in one.get("ports", ())}
    return next(port for port in range(_FIRST_PORT, _FIRST_PORT + len(taken) + 1) if port not in taken)
