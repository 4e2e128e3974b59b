"""How the loader, and nothing else in the pod, is let in to a registry or a volume: what is mounted into it alone."""

import json
from typing import Any

from crossfade.api.v1alpha1.modelversion import ResolvedAccess
from crossfade.model.access import ACCESS_FOLDER, CA_FILE, CREDENTIALS, secret_keys
from crossfade.model.volume import VOLUME_FOLDER

Json = dict[str, Any]
_VOLUME = "crossfade-registry"
_CLAIM = "crossfade-volume"
_OURS = frozenset({_VOLUME, _CLAIM})
_READABLE = 0o444
"""The files are root's and the loader is not; that no other container mounts them is what keeps them."""


def access_argument(access: ResolvedAccess | None) -> list[str]:
    """What the loader is told of the registry, in which Kubernetes finds no variable. No secret is here."""
    if access is None:
        return []
    told: Json = {"name": access.name, "system": access.system, "address": access.address}
    told |= {"options": access.options} if access.options else {}
    told |= {"secret": access.secret_name} if access.secret_name else {}
    told |= {"ca": access.ca.name} if access.ca else {}
    return ["--access", plain(json.dumps(told, sort_keys=True, separators=(",", ":")))]


def plain(argument: str) -> str:
    """The argument as a container gets it: Kubernetes finds no variable in it."""
    return argument.replace("$", "$$")


def access_mounts(access: ResolvedAccess | None) -> list[Json]:
    """The files, for the loader."""
    return [{"name": _VOLUME, "mountPath": ACCESS_FOLDER, "readOnly": True}] if _files(access) else []


def access_volumes(access: ResolvedAccess | None) -> list[Json]:
    """The files, for the pod. Optional, so that the loader says what is missing, where a pod would wait without a
    word; what is put right later is there for the next pod."""
    files = _files(access)
    return [{"name": _VOLUME, "projected": {"defaultMode": _READABLE, "sources": files}}] if files else []


def claim_mount() -> Json:
    """The claim that the model is on, for the one container that reads it."""
    return {"name": _CLAIM, "mountPath": VOLUME_FOLDER, "readOnly": True}


def claim_volume(claim: str) -> Json:
    """The same, for the pod. Claims that many nodes may only read want `readOnly` here as well."""
    return {"name": _CLAIM, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}


def without_access(pod: Json) -> Json:
    """The pod of an overlay, in which nothing has the name of what is ours."""
    for container in (*pod["containers"], *pod.get("initContainers", [])):
        if "volumeMounts" in container:
            container["volumeMounts"] = [mount for mount in container["volumeMounts"] if mount["name"] not in _OURS]
    if "volumes" in pod:
        pod["volumes"] = [volume for volume in pod["volumes"] if volume["name"] not in _OURS]
    return pod


def _files(access: ResolvedAccess | None) -> list[Json]:
    found: list[Json] = []
    if access is not None and access.secret_name is not None:
        items = [{"key": key, "path": f"{CREDENTIALS}/{key}"} for key in secret_keys(access.system)]
        found.append({"secret": {"name": access.secret_name, "items": items, "optional": True}})
    if access is not None and access.ca is not None:
        items = [{"key": access.ca.key, "path": CA_FILE}]
        found.append({"configMap": {"name": access.ca.name, "items": items, "optional": True}})
    return found
