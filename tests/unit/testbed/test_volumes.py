"""Would catch a stand-in kubelet that mounts another folder than a claim's, or lets a pod write where it must not."""

from pathlib import Path
from typing import Any, cast

import pytest

from testbed.kubelet.api import Api, ApiError
from testbed.kubelet.environment import ConfigError
from testbed.kubelet.rootfs import VolumeMount
from testbed.kubelet.volumes import Volumes
from tests.support.claims import claimed

CLAIM = "/api/v1/namespaces/ml/persistentvolumeclaims/models"
VOLUME = "/api/v1/persistentvolumes/ml-models"


class Answers:
    """The API server, which has these objects by path."""

    def __init__(self, objects: dict[str, Any]) -> None:
        self.objects = objects

    async def get(self, path: str) -> Any:
        """See Api."""
        if path not in self.objects:
            raise ApiError(404, "not found")
        return self.objects[path]


def volumes(objects: dict[str, Any], folder: Path, *, read_only: bool = True) -> Volumes:
    source = {"claimName": "models"} | ({"readOnly": True} if read_only else {})
    spec = {"volumes": [{"name": "data", "persistentVolumeClaim": source}]}
    pod = {"metadata": {"name": "p", "namespace": "ml"}, "spec": spec}
    return Volumes(cast("Api", Answers(objects)), pod, folder / "volumes", ("10.0.0.1", "10.0.0.2"))


def objects_of(folder: Path, phase: str = "Bound") -> dict[str, Any]:
    volume, claim = claimed("ml", "models", folder)
    return {CLAIM: {**claim, "status": {"phase": phase}}, VOLUME: volume}


@pytest.mark.parametrize(("read_only", "asks"), [(True, False), (False, True), (False, False)])
async def test_a_claim_is_its_volumes_folder(tmp_path: Path, *, read_only: bool, asks: bool) -> None:
    made = volumes(objects_of(tmp_path), tmp_path, read_only=read_only)
    await made.prepare()
    await made.refresh(made.pod)
    entry = {"name": "data", "mountPath": "/mnt/data"} | ({"readOnly": True} if asks else {})
    assert made.mounts({"volumeMounts": [entry]}, {}) == [VolumeMount(str(tmp_path), "/mnt/data", read_only or asks)]
    assert not (tmp_path / "volumes" / "data").exists()


async def test_a_claim_that_cannot_be_mounted_says_why(tmp_path: Path) -> None:
    nfs = objects_of(tmp_path)
    nfs[VOLUME]["spec"] = {"nfs": {"server": "nas", "path": "/"}}
    for objects, why in (
        ({}, "is not there"),
        (objects_of(tmp_path, "Pending"), '"models" is not bound'),
        ({CLAIM: objects_of(tmp_path)[CLAIM]}, "or its volume is not there"),
        (nfs, "none that this node offers"),
        (objects_of(tmp_path / "gone"), "does not exist on the node"),
    ):
        with pytest.raises(ConfigError, match=why):
            await volumes(objects, tmp_path).prepare()
