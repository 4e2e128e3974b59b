"""Would catch a mounted image that serves other bytes than were resolved, or none, where a real node mounts it."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest

from testbed import address
from testbed.bed import Bed
from tests.contract.oci_bench import Layer, OciBench
from tests.node.test_rollout import loaders, serving
from tests.support import objects
from tests.support.endpoint import NAME, Endpoint, at_least, failed_by_route, ready, serves, settled
from tests.support.folders import tar
from tests.support.recorder import Object
from tests.support.statuses import conditions
from tests.support.verified import flip_a_bit, is_resolved, never_serves

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

_IMAGE = "application/vnd.oci.image"


def push(oci: OciBench, folder: Path, tag: str, version: str) -> str:
    """A modelcar whose model says that it is of this version; returns the digest of its config."""
    objects.write_model(folder / tag / version, version)
    content = tar({"models/model.json": (folder / tag / version / "model.json").read_bytes()})
    sum_of_layer = f"sha256:{hashlib.sha256(content).hexdigest()}"
    rootfs = {"type": "layers", "diff_ids": [sum_of_layer]}
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
    layer = Layer(gzip.compress(content, mtime=0), f"{_IMAGE}.layer.v1.tar+gzip", {})
    return oci.push(f"fraud:{tag}", [layer], config, f"{_IMAGE}.config.v1+json")


async def image(endpoint: Endpoint, oci: OciBench, folder: Path, number: int) -> Object:
    """Push version `number`, and have it resolved as ModelVersion `fraud-<number>`. Returns what was resolved."""
    version = f"{number}.0.0"
    pushed = push(oci, folder, str(number), version)
    source = {"oci": {"reference": f"fraud:{number}"}, "registryRef": {"name": "models"}}
    await endpoint.create(objects.model_version(f"fraud-{number}", version, source))
    found = await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved)
    resolved = dict(found["status"]["resolved"])
    assert resolved["immutableUri"] == f"oci://{address.OCI}/fraud@{pushed}"
    return resolved


async def registered(endpoint: Endpoint) -> None:
    """The registry, whose images everybody may pull."""
    spec = {"oci": {"address": f"http://{address.OCI}"}}
    registry = {"apiVersion": "crossfade.dev/v1alpha1", "kind": "ModelRegistry", "metadata": {"name": "models"}}
    await endpoint.create({**registry, "spec": spec})


def mounting() -> dict[str, Any]:
    """One pod, which mounts its model."""
    return serving(1) | {"files": "ImageVolume"}


def on_the_node(node: Bed, version: str) -> Path:
    """The file of the model of this version among what containerd has unpacked."""
    found = (node.dir / "node" / "containerd").glob("*/snapshots/*/fs/models/model.json")
    (file,) = [one for one in found if f'"{version}"' in one.read_text()]
    return file


async def test_images_are_mounted_by_digest_and_verified_in_place_and_other_bytes_never_serve(
    endpoint: Endpoint, node: Bed, oci: OciBench, tmp_path: Path
) -> None:
    await registered(endpoint)
    await image(endpoint, oci, tmp_path, 1)
    await image(endpoint, oci, tmp_path, 2)
    push(oci, tmp_path, "2", "9.9.9")
    await endpoint.serve(1, within=120, serving=mounting())
    assert (await endpoint.infer()).json()["model_version"] == "1.0.0"
    async with endpoint.load(50.0) as load:
        await endpoint.ask(2)
        stable = (await endpoint.until(lambda found: serves(found, 2), 180))["status"]["stable"]["revision"]
        await at_least(load, 100)  # a gateway serves a new weight a moment after it has taken it
        await load.stop()
    assert failed_by_route(load.samples) == {}
    assert (await endpoint.infer()).json()["model_version"] == "2.0.0", "and not what the tag means by now"
    for loader, status in loaders(endpoint):
        assert loader["args"][0] == "verify"
        assert status["state"]["terminated"]["exitCode"] == 0
    (pod,) = await endpoint.pods(stable)
    assert [one for one in pod["spec"]["volumes"] if "emptyDir" in one] == [], "and no copy of it"

    await settled(endpoint, stable)
    flip_a_bit(on_the_node(node, "1.0.0"))
    anew = {"resources": {"requests": {"cpu": "1m"}}}  # of another revision than the one that served
    await endpoint.patch("Rollout", NAME, {"spec": {"modelVersion": "fraud-1", "serving": anew}})
    outcome = await never_serves(endpoint, 1, stable)
    assert "mounted at /mnt, have the digest" in outcome["message"]


async def test_an_image_that_the_node_cannot_pull_is_named_and_so_is_why(
    endpoint: Endpoint, oci: OciBench, tmp_path: Path
) -> None:
    await registered(endpoint)
    uri = (await image(endpoint, oci, tmp_path, 3))["immutableUri"]
    oci.blob(uri.partition("@")[2]).unlink()
    await endpoint.create(objects.rollout("fraud", "fraud-3", endpoint.host, endpoint.parent, serving=mounting()))
    named = f"does not get the image {uri.removeprefix('oci://')}: "
    found = await endpoint.until(lambda found: named in conditions(found).get("Ready", {}).get("message", ""))
    assert ready(found) == ("Unknown", "PullingImage")
