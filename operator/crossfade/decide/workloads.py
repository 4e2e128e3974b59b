"""The children of a revision as plain data: one immutable Deployment and one Service."""

import copy
import hashlib
import json
from typing import Any

from crossfade.api import meta
from crossfade.api.v1alpha1.common import as_written
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import Arm, RolloutSpec
from crossfade.api.v1alpha1.serving import Serving
from crossfade.decide.image_volumes import IMAGE_DIR, MODEL_DIR, called_by_nodes, image_mount, image_volume
from crossfade.decide.letting_in import (
    access_argument,
    access_mounts,
    access_volumes,
    claim_mount,
    claim_volume,
    plain,
    without_access,
)
from crossfade.decide.mounting import is_within
from crossfade.decide.route_kinds import HTTP, RouteKind, kind_of
from crossfade.decide.starting import kubelet_patience
from crossfade.decide.warming import warm_up
from crossfade.model.snapshot import Platform, RolloutFacts
from crossfade.model.volume import VOLUME_FOLDER, volume_place
from crossfade.model.workload import RevisionFacts

MODEL_PORT = 8080
GRPC_PORT = 8081
METRICS_PORT = 8082
MODEL_VOLUME = "model"
"""Of each pod, whichever way its files come there."""
_MODEL_URI = {"name": "MLSERVER_MODEL_URI", "value": MODEL_DIR}
_DRAIN_SECONDS = 5
"""A pod goes on serving this long after its end was asked for: gateways learn of it up to 2 s late (measured)."""

Json = dict[str, Any]

RESTRICTED: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What Pod Security's level `restricted` asks of a container."""


def revision_name(rollout: str, serving: Serving, digest: str, kind: RouteKind = HTTP) -> str:
    """Deterministic name of the revision that serves these bytes in this way; a DNS label of at most 63 characters.

    Hashes what the user asked for, not what this release of the operator renders, so that an upgrade of the operator
    starts no rollout. The number of pods and `startup` change no pod and are left out.
    """
    asked = as_written(serving)
    for field in ("replicas", "autoscaling", "startup"):
        asked.pop(field, None)
    if kind is not HTTP:
        asked["route"] = kind.name  # its pods and Services have another port
    text = json.dumps([rollout, digest, asked], sort_keys=True, separators=(",", ":"))
    return f"{rollout}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def target_arm(rollout: RolloutFacts, spec: RolloutSpec, resolved: Resolved) -> Arm:
    """The revision that the spec asks for."""
    revision = revision_name(rollout.name, spec.serving, resolved.digest, kind_of(spec.traffic.gateway_api))
    return Arm(model_version=spec.model_version, revision=revision, digest=resolved.digest)


def arm_of(found: RevisionFacts) -> Arm:
    """The arm that a revision which is there would be."""
    return Arm(model_version=found.model_version, revision=found.revision, digest=found.digest)


def labels(rollout: str, arm: Arm) -> dict[str, str]:
    """Labels of every child of a revision; scrapes copy them onto the pods' series."""
    return {
        meta.LABEL_ROLLOUT: rollout,
        meta.LABEL_REVISION: arm.revision,
        meta.LABEL_MODEL_VERSION: arm.model_version[:63].rstrip("-."),
        meta.LABEL_MANAGED_BY: "crossfade",
    }


def owners(rollout: RolloutFacts) -> list[Json]:
    """Owner references of the children: none under `Orphan`, so that deleting a Rollout leaves its model serving."""
    return [] if rollout.spec is None or rollout.spec.deletion_policy == "Orphan" else [owner(rollout)]


def owner(rollout: RolloutFacts) -> Json:
    """The reference by which a child goes with its Rollout."""
    return {
        "apiVersion": meta.API_VERSION,
        "kind": "Rollout",
        "name": rollout.name,
        "uid": rollout.uid,
        "controller": True,
    }


def deployment(
    rollout: RolloutFacts, spec: RolloutSpec, arm: Arm, resolved: Resolved, platform: Platform, replicas: int
) -> Json:
    """The revision's Deployment. Its pods serve only after the loader has found the resolved digest in the bytes."""
    metadata, warmup = child_metadata(rollout, arm), spec.serving.warmup
    if warmup is not None:
        metadata["annotations"][meta.ANNOTATION_WARM_UP] = str(warmup.requests)
    if spec.serving.files == "ImageVolume":
        metadata["annotations"] |= called_by_nodes(resolved)
    selector = {meta.LABEL_ROLLOUT: labels(rollout.name, arm)[meta.LABEL_ROLLOUT], meta.LABEL_REVISION: arm.revision}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": selector},
            "template": pod_template(rollout, spec.serving, arm, resolved, platform, kind_of(spec.traffic.gateway_api)),
        },
    }


def service(rollout: RolloutFacts, arm: Arm, kind: RouteKind) -> Json:
    """The revision's Service: the backend of a route of this kind. Its selector never changes."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(rollout, arm),
        "spec": {
            "selector": {meta.LABEL_REVISION: arm.revision},
            "ports": ports(kind),
        },
    }


def slot_service(rollout: RolloutFacts, slot: str, arm: Arm) -> Json:
    """A Service of fixed name, which an adopted HTTPRoute names, and which selects the pods of a revision for now."""
    body = service(rollout, arm, HTTP)
    return {**body, "metadata": {**body["metadata"], "name": slot}}


def ports(kind: RouteKind = HTTP) -> list[Json]:
    """Of every Service: port 80, and behind it the pods' port of that name."""
    port = {"name": kind.port, "port": 80, "targetPort": kind.port, "protocol": "TCP"}
    return [port | ({"appProtocol": kind.app_protocol} if kind.app_protocol else {})]


def has_ports(asked: Json, live: Json) -> bool:
    """Whether a Service has the ports that are asked for; further ones are others'."""
    found = {(one["port"], one.get("protocol", "TCP")): one for one in live.get("ports") or ()}
    return all(one.items() <= found.get((one["port"], one["protocol"]), {}).items() for one in asked["ports"])


def child_metadata(rollout: RolloutFacts, arm: Arm) -> Json:
    """Of every child of a revision: name, labels, whose it is, and what it serves."""
    found: Json = {
        "name": arm.revision,
        "namespace": rollout.namespace,
        "labels": labels(rollout.name, arm),
        "annotations": {meta.ANNOTATION_DIGEST: arm.digest, meta.ANNOTATION_MODEL_VERSION: arm.model_version},
    }
    if owners(rollout):
        found["ownerReferences"] = owners(rollout)
    return found


def pod_template(
    rollout: RolloutFacts, serving: Serving, arm: Arm, resolved: Resolved, platform: Platform, kind: RouteKind = HTTP
) -> Json:
    """Runtime's template, with the user's overlay, with what Crossfade insists on (loader, labels, drain) on top."""
    template = copy.deepcopy(overlaid(serving, arm.model_version, kind))
    pod = without_access(template.setdefault("spec", {}))
    model = pod["containers"][0]
    if serving.resources is not None:
        model["resources"] = serving.resources.to_json()
    if serving.runtime == "mlserver":
        model["env"] = [e for e in model["env"] if e["name"] != "MLSERVER_MODEL_URI"] + [_MODEL_URI]
    for container in (*pod["containers"], *pod.get("initContainers", [])):
        _keep_off_the_model(container)
    mounts = image_mount(MODEL_VOLUME) if serving.files == "ImageVolume" else _mount(read_only=True)
    model["volumeMounts"] = [*model.get("volumeMounts", []), mounts]
    model.setdefault("lifecycle", {}).setdefault("preStop", {"sleep": {"seconds": _DRAIN_SECONDS}})
    pod["volumes"] = [volume for volume in pod.get("volumes", []) if volume["name"] != MODEL_VOLUME]
    (_mounted if serving.files == "ImageVolume" else _loaded)(pod, resolved, platform)
    warm_up(pod, serving, platform.loader_image, RESTRICTED)
    found = template.setdefault("metadata", {})
    found["labels"] = {**found.get("labels", {}), **labels(rollout.name, arm)}
    found["annotations"] = {**found.get("annotations", {}), meta.ANNOTATION_DIGEST: arm.digest}
    return template


def _loaded(pod: Json, resolved: Resolved, platform: Platform) -> None:
    """The model comes into a volume of the pod's own, by the loader."""
    pod["initContainers"] = [_loader(resolved, platform), *pod.get("initContainers", [])]
    pod["volumes"] += [{"name": MODEL_VOLUME, "emptyDir": {}}, *access_volumes(resolved.access)]
    if (place := volume_place(resolved.immutable_uri)) is not None:
        pod["volumes"].append(claim_volume(place.claim))


def _mounted(pod: Json, resolved: Resolved, platform: Platform) -> None:
    """The model is the one folder of an image that the node has, and is looked at before anybody serves it."""
    pod["initContainers"] = [_verifier(resolved, platform), *pod.get("initContainers", [])]
    pod["volumes"].append(image_volume(MODEL_VOLUME, resolved))


def _keep_off_the_model(container: Json) -> None:
    """No container of an overlay may cover the verified bytes or write to them."""
    mounts = [m for m in container.get("volumeMounts", []) if not is_within(m["mountPath"], MODEL_DIR)]
    if mounts or "volumeMounts" in container:
        container["volumeMounts"] = [{**m, "readOnly": True} if m["name"] == MODEL_VOLUME else m for m in mounts]


def _mount(*, read_only: bool) -> Json:
    return {"name": MODEL_VOLUME, "mountPath": MODEL_DIR, "readOnly": read_only}


def overlaid(serving: Serving, model_version: str, kind: RouteKind) -> Json:
    """The runtime's pod template with the user's overlay, parts of which it may share with the spec."""
    base = _mlserver(serving, model_version, kind) if serving.runtime == "mlserver" else _custom()
    found: Json = overlay(base, serving.template or {})
    return found


def _verifier(resolved: Resolved, platform: Platform) -> Json:
    return {
        "name": "load",
        "image": platform.loader_image,
        "args": ["verify", "--uri", plain(resolved.immutable_uri), "--digest", resolved.digest, "--image", IMAGE_DIR],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": dict(RESTRICTED),
        "volumeMounts": [image_mount(MODEL_VOLUME)],
    }


def _loader(resolved: Resolved, platform: Platform) -> Json:
    env = _own_registry(resolved, platform) if resolved.access is None else []
    if platform.file_root:
        env.append({"name": "CROSSFADE_FILE_ROOT", "value": platform.file_root})
    if platform.allowed_networks:
        env.append({"name": "CROSSFADE_ALLOWED_NETWORKS", "value": ",".join(map(str, platform.allowed_networks))})
    on_volume = volume_place(resolved.immutable_uri) is not None
    return {
        "name": "load",
        "image": platform.loader_image,
        "args": [
            *("load", "--uri", plain(resolved.immutable_uri), "--digest", resolved.digest, "--to", MODEL_DIR),
            *access_argument(resolved.access),
            *(_volume_arguments(resolved) if on_volume else ()),
        ],
        "env": env,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": dict(RESTRICTED),
        "volumeMounts": [
            _mount(read_only=False),
            *access_mounts(resolved.access),
            *([claim_mount()] if on_volume else ()),
        ],
    }


def _volume_arguments(resolved: Resolved) -> tuple[str, ...]:
    """Where the claim is, and what pickles are promised: the verdict is the word of a pod that people of the namespace
    can reach, so the loader looks again."""
    stored = resolved.serialization
    return ("--volume", VOLUME_FOLDER, "--pickle", stored.pickle if stored else "Unsafe")


def _own_registry(resolved: Resolved, platform: Platform) -> list[Json]:
    """Where the loader finds the operator's own registries. What is of the Hub alone is told to its models alone, so
    that to configure one changes no pod of another."""
    if resolved.immutable_uri.startswith("hf:"):
        name, own = "CROSSFADE_HUGGING_FACE_ADDRESS", platform.hugging_face_address
    else:
        name, own = "CROSSFADE_MLFLOW_ADDRESS", platform.mlflow_address
    return [{"name": name, "value": own}] if own else []


def _mlserver(serving: Serving, model_version: str, kind: RouteKind) -> Json:
    settings = {
        "MLSERVER_MODEL_NAME": "model",
        "MLSERVER_MODEL_VERSION": model_version,  # in each answer's `model_version`
        "MLSERVER_MODEL_IMPLEMENTATION": serving.implementation,
        "MLSERVER_PARALLEL_WORKERS": "0",
        "MLSERVER_DEBUG": "false",  # true, its default, writes tracebacks into answers
    }
    ports = {"http": MODEL_PORT, "metrics": METRICS_PORT} | ({"grpc": GRPC_PORT} if kind.port == "grpc" else {})
    # /v2/health/ready answers 200 for a moment before a broken model makes the server exit; the model's own does not
    ready = {"httpGet": {"path": "/v2/models/model/ready", "port": "http"}}
    patience = kubelet_patience(serving.startup)
    return {
        "metadata": {"annotations": _scraped(METRICS_PORT)},
        "spec": {
            "terminationGracePeriodSeconds": 40,
            "containers": [
                {
                    "name": "model",
                    "image": "docker.io/seldonio/mlserver:1.7.1",
                    "command": ["mlserver"],
                    "args": ["start", MODEL_DIR],
                    "securityContext": dict(RESTRICTED),
                    "env": [{"name": name, "value": value} for name, value in settings.items()],
                    "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
                    "startupProbe": {**ready, "periodSeconds": 1, "failureThreshold": patience},
                    # Slow is not gone: a probe that gives up on a server with a queue turns its late answers into 503s.
                    "readinessProbe": {**ready, "periodSeconds": 2, "failureThreshold": 3, "timeoutSeconds": 5},
                    "livenessProbe": {
                        "httpGet": {"path": "/v2/health/live", "port": "http"},
                        "periodSeconds": 5,
                        "failureThreshold": 6,
                        "timeoutSeconds": 5,
                    },
                }
            ],
        },
    }


def _custom() -> Json:
    return {
        "metadata": {"annotations": _scraped(MODEL_PORT)},
        "spec": {"terminationGracePeriodSeconds": 40, "containers": []},
    }


def _scraped(port: int) -> Json:
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": "/metrics"}


def overlay(base: Any, over: Any) -> Any:
    """Merge `over` onto `base`: maps by key, lists of named objects by `name`, everything else replaced.

    Nulls of fields in `over` are as if left out.
    """
    if isinstance(over, dict):
        known = base if isinstance(base, dict) else {}
        given = {k: v for k, v in over.items() if v is not None}
        return known | {k: overlay(known.get(k), v) for k, v in given.items()}
    if _named(base) and _named(over):
        mine = {item["name"]: item for item in over}
        kept = [overlay(item, mine.pop(item["name"])) if item["name"] in mine else item for item in base]
        return [*kept, *(overlay(None, item) for item in mine.values())]
    return [overlay(None, item) for item in over] if isinstance(over, list) else over


def _named(value: Any) -> bool:
    """Whether it is a list of objects with names, each of another."""
    items = value if isinstance(value, list) else [None]
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    return all(isinstance(name, str) for name in names) and len({*names}) == len(names)
