"""How the loader, and nothing else in the pod, is let in to a registry: files that are mounted into it alone."""

import json
from typing import Any

from crossfade.api.v1alpha1.modelversion import ResolvedAccess
from crossfade.model.access import ACCESS_FOLDER, CA_FILE, CREDENTIALS, secret_keys

Json = dict[str, Any]
_VOLUME = "crossfade-registry"
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
    return ["--access", json.dumps(told, sort_keys=True, separators=(",", ":")).replace("$", "$$")]


def access_mounts(access: ResolvedAccess | None) -> list[Json]:
    """The files, for the loader."""
    return [{"name": _VOLUME, "mountPath": ACCESS_FOLDER, "readOnly": True}] if _files(access) else []


def access_volumes(access: ResolvedAccess | None) -> list[Json]:
    """The files, for the pod. Optional, so that the loader says what is missing, where a pod would wait without a
    word; what is put right later is there for the next pod."""
    files = _files(access)
    return [{"name": _VOLUME, "projected": {"defaultMode": _READABLE, "sources": files}}] if files else []


def without_access(pod: Json) -> Json:
    """The pod of an overlay, in which nothing has the name that the files have."""
    for container in (*pod["containers"], *pod.get("initContainers", [])):
        if "volumeMounts" in container:
            container["volumeMounts"] = [mount for mount in container["volumeMounts"] if mount["name"] != _VOLUME]
    if "volumes" in pod:
        pod["volumes"] = [volume for volume in pod["volumes"] if volume["name"] != _VOLUME]
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
