"""Catches a model on a volume that never serves or serves other bytes, and pods that read it and stay."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.bed import Bed
from tests.cluster.test_registries import EXAMPLES, says
from tests.support import objects
from tests.support.claims import claimed
from tests.support.endpoint import Endpoint
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import Object
from tests.support.verified import flip_a_bit, is_resolved, never_serves

pytestmark = pytest.mark.cluster

MEASURES = "crossfade.dev/measures"


def apply(bed: Bed, *manifests: Object) -> None:
    bed.kubectl("apply", "-f", "-", input="\n---\n".join(map(json.dumps, manifests)))


def on_volume(name: str, path: str, **more: object) -> Object:
    made = objects.model_version(name, "1.0.0", {"volume": {"claimName": "models", "path": path}})
    return {**made, "spec": {**made["spec"], **more}}


def measuring(endpoint: Endpoint) -> list[str]:
    """The pods that ever read a volume, each once."""
    pods = [one for one in endpoint.recorder.history if one["kind"] == "Pod"]
    return sorted({one["metadata"]["uid"] for one in pods if MEASURES in one["metadata"].get("labels", {})})


async def test_a_model_on_a_volume_serves_and_one_with_a_byte_changed_never_does(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], tmp_path: Path
) -> None:
    start_operator(endpoint.namespace)
    apply(bed, *claimed(endpoint.namespace, "models", tmp_path))
    for number in (1, 2):
        objects.write_model(tmp_path / "fraud" / str(number), f"{number}.0.0")
        await endpoint.create(on_volume(f"fraud-{number}", f"fraud/{number}"))
        await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved)
    stable = (await endpoint.serve(1))["status"]["stable"]["revision"]
    flip_a_bit(tmp_path / "fraud" / "2" / "model.json")
    await never_serves(endpoint, 2, stable)
    assert len(measuring(endpoint)) == 2, "each was read once"
    assert await endpoint.items("Pod", MEASURES) == []


@pytest.mark.slow
async def test_the_example_is_resolved_as_it_is_where_pods_are_restricted_and_never_read_again(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], tmp_path: Path
) -> None:
    bed.kubectl("label", "namespace", endpoint.namespace, "pod-security.kubernetes.io/enforce=restricted")
    operator = start_operator(endpoint.namespace)
    bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / "volume.yaml"))
    name = "fraud-detector-1-7-0"
    await endpoint.recorder.until("ModelVersion", name, says("finds no node: "))
    apply(bed, claimed(endpoint.namespace, "models", tmp_path, "ReadOnlyMany")[0])
    await endpoint.recorder.until("ModelVersion", name, says("put the model there, or correct `source.volume.path`"))
    objects.write_model(tmp_path / "fraud-detector" / "1.7.0", "1.7.0")
    (tmp_path / "fraud-detector" / "1.7.0" / "README.md").write_text("---\nlicense: mit\n---\n")
    resolved = (await endpoint.recorder.until("ModelVersion", name, is_resolved))["status"]["resolved"]
    assert (resolved["uri"], resolved["files"]) == ("pvc://models/fraud-detector/1.7.0", 2)
    assert (resolved["card"]["license"], resolved["serialization"]["pickle"]) == ("mit", "None")
    assert (resolved["card"]["origin"], "access" in resolved) == ("Artifact", False)

    before = measuring(endpoint)
    operator.kill()
    operator.start()
    operator.until_audited()
    assert measuring(endpoint) == before, "what is resolved is read by no pod again"


@pytest.mark.slow
async def test_what_cannot_be_a_model_is_refused_for_good_and_says_why(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], tmp_path: Path
) -> None:
    start_operator(endpoint.namespace)
    apply(bed, *claimed(endpoint.namespace, "models", tmp_path))
    objects.write_model(tmp_path / "linked", "1.0.0")
    (tmp_path / "linked" / "weights").symlink_to("/etc/passwd")
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "model.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    objects.write_model(tmp_path / "pinned", "1.0.0")
    await endpoint.create(on_volume("linked", "linked"))
    await endpoint.create(on_volume("pickled", "pickled", policy={"pickle": "KnownOnly"}))
    await endpoint.create(on_volume("pinned", "pinned", artifact={"digest": "sha256:" + "0" * 64}))
    for name, why in (
        ("linked", "'weights' is a symlink or another special file"),
        ("pickled", "the file 'model.pkl' would import os.system when it is loaded"),
        ("pinned", "but `spec.artifact.digest` pins sha256:0000"),
    ):
        await endpoint.recorder.until("ModelVersion", name, says(why))
    assert len(measuring(endpoint)) == 3, "none was read again"
    assert await endpoint.items("Pod", MEASURES) == []


@pytest.mark.slow
async def test_a_model_version_that_goes_takes_the_pod_along_that_waits_for_its_volume(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess]
) -> None:
    operator = start_operator(endpoint.namespace)
    await endpoint.create(on_volume("fraud-1", "fraud/1"))
    await endpoint.recorder.until(
        "ModelVersion", "fraud-1", says("finds no node: 0/1 nodes are available: persistentvolumeclaim")
    )
    (pod,) = await endpoint.items("Pod", MEASURES)
    operator.kill()
    await endpoint.delete("ModelVersion", "fraud-1")
    await endpoint.recorder.until_gone("Pod", pod["metadata"]["name"])


@pytest.mark.slow
async def test_a_pod_whose_operator_was_killed_is_made_anew_for_nobody_knows_it(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], tmp_path: Path
) -> None:
    operator = start_operator(endpoint.namespace)
    await endpoint.create(on_volume("fraud-1", "fraud/1"))
    await endpoint.recorder.until("ModelVersion", "fraud-1", says("finds no node"))
    operator.kill()
    objects.write_model(tmp_path / "fraud" / "1", "1.0.0")
    apply(bed, *claimed(endpoint.namespace, "models", tmp_path))
    (left,) = measuring(endpoint)
    operator.start()
    await endpoint.recorder.until("ModelVersion", "fraud-1", is_resolved)
    assert [uid for uid in measuring(endpoint) if uid != left], "what the first one would have said counts for nothing"
    assert await endpoint.items("Pod", MEASURES) == []
