"""A folder of the bed's node as a PersistentVolumeClaim, as NFS or a local disk would be one."""

from pathlib import Path
from typing import Any

Object = dict[str, Any]


def claimed(namespace: str, claim: str, folder: Path, *modes: str) -> tuple[Object, Object]:
    """The PersistentVolume and the claim that is bound to it."""
    name = f"{namespace}-{claim}"
    common = {"accessModes": list(modes or ("ReadWriteMany",)), "storageClassName": ""}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            **common,
            "capacity": {"storage": "1Ti"},
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": str(folder)},
            "claimRef": {"namespace": namespace, "name": claim},
        },
    }
    asked = {**common, "volumeName": name, "resources": {"requests": {"storage": "1Mi"}}}
    return volume, {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim, "namespace": namespace},
        "spec": asked,
    }
