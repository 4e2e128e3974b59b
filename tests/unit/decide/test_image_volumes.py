"""Would catch a mounted image that nobody verified, one that is no image, and one that a node took for another."""

from typing import Any

import pytest
from crossfade.api import meta
from crossfade.api.v1alpha1.modelversion import Resolved, ResolvedAccess
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.api.v1alpha1.serving import Serving
from crossfade.decide.image_volumes import unmountable
from crossfade.decide.signals import hard_signal
from crossfade.decide.workloads import deployment, revision_name, target_arm
from crossfade.model.snapshot import Platform
from crossfade.model.workload import PodFacts, RevisionFacts

from tests.unit.decide.test_workloads import DIGEST, RESOLVED, asked, rollout_of

MANIFEST, CONFIG, OTHER = (f"sha256:{digit * 64}" for digit in "abc")
REFERENCE = f"registry.example.com:5000/risk/fraud@{MANIFEST}"
ACCESS = ResolvedAccess.model_validate(
    {"name": "models", "system": "oci", "address": "https://registry.example.com:5000", "secretName": "models"}
)
IMAGE = RESOLVED.model_copy(update={"immutable_uri": f"oci://{REFERENCE}", "image_id": CONFIG, "access": ACCESS})
MOUNT = {"name": "model", "mountPath": "/mnt", "readOnly": True}


def made(resolved: Resolved = IMAGE, **serving: Any) -> dict[str, Any]:
    read = asked(files="ImageVolume", **serving)
    arm = target_arm(rollout_of(read), read, resolved)
    return deployment(rollout_of(read), read, arm, resolved, Platform("crossfade:1"), 1)


def pod(**serving: Any) -> dict[str, Any]:
    return dict(made(**serving)["spec"]["template"]["spec"])


def test_the_image_is_mounted_by_digest_so_that_its_folder_of_models_is_where_servers_look() -> None:
    found = pod()
    assert found["volumes"] == [{"name": "model", "image": {"reference": REFERENCE, "pullPolicy": "IfNotPresent"}}]
    assert found["containers"][0]["volumeMounts"] == [MOUNT]


def test_it_is_verified_where_it_lies_before_anything_of_the_pod_runs_and_no_secret_is_there() -> None:
    first, second = pod(template={"spec": {"initContainers": [{"name": "mine", "image": "mine"}]}})["initContainers"]
    assert (first["name"], first["image"], second["name"]) == ("load", "crossfade:1", "mine")
    assert first["args"] == ["verify", "--uri", f"oci://{REFERENCE}", "--digest", DIGEST, "--image", "/mnt"]
    assert first["volumeMounts"] == [MOUNT]
    assert "env" not in first


def test_what_else_mounts_the_image_cannot_write_to_it() -> None:
    sidecar = {"name": "log", "image": "log", "volumeMounts": [{"name": "model", "mountPath": "/peek"}]}
    found = pod(template={"spec": {"containers": [sidecar]}})["containers"][1]["volumeMounts"]
    assert found == [{"name": "model", "mountPath": "/peek", "readOnly": True}]


def test_pull_secrets_are_those_of_the_template() -> None:
    found = pod(template={"spec": {"imagePullSecrets": [{"name": "models"}]}})
    assert found["imagePullSecrets"] == [{"name": "models"}]
    assert "imagePullSecrets" not in pod()


def test_to_mount_is_another_revision_and_to_say_that_files_are_loaded_is_none() -> None:
    left_out, loaded, mounted = Serving(), Serving(files="Loaded"), Serving(files="ImageVolume")
    assert revision_name("fraud", left_out, DIGEST) == revision_name("fraud", loaded, DIGEST)
    assert revision_name("fraud", left_out, DIGEST) != revision_name("fraud", mounted, DIGEST)


@pytest.mark.parametrize(
    ("files", "resolved", "why"),
    [
        ("Loaded", RESOLVED, None),
        ("ImageVolume", IMAGE, None),
        ("ImageVolume", RESOLVED, "must be `Loaded` for ModelVersion v1: it is in no OCI registry"),
        (
            "ImageVolume",
            IMAGE.model_copy(update={"image_id": None}),
            f"oci://{REFERENCE} is no image with the model in /models",
        ),
    ],
)
def test_what_is_no_image_is_refused_with_the_field_and_what_would_be_right(
    files: Any, resolved: Resolved, why: str | None
) -> None:
    said = unmountable(Serving(files=files), "v1", resolved)
    assert said is None if why is None else said is not None and why in said


@pytest.mark.parametrize(
    "path", ["/mnt", "/mnt/", "/mnt/cache", "/x/../mnt/models", "mnt/models", "//mnt/models", "//mnt"]
)
def test_nothing_can_be_mounted_into_the_image(path: str) -> None:
    def said(runtime: str, server: str, mounting: str, files: str = "ImageVolume") -> str:
        mounts = {mounting: {"volumeMounts": [{"name": "cache", "mountPath": path}]}}
        listed = [{"name": name, **mounts.get(name, {})} for name in (server, "log")]
        template = {"spec": {"containers": listed}}
        serving = Serving.model_validate({"runtime": runtime, "files": files, "template": template})
        return unmountable(serving, "v1", IMAGE) or ""

    for runtime, server in (("mlserver", "model"), ("custom", "server")):
        assert f"in its container {server}, must mount nothing at /mnt" in said(runtime, server, server)
        assert not said(runtime, server, server, "Loaded")
        assert not said(runtime, server, "log"), "a sidecar has the image where it asks for it, and nowhere else"


def signal(*images: str, annotated: bool = True) -> str | None:
    facts = PodFacts("p", ready=False, restarts=0, images=images)
    stored = made() if annotated else {"metadata": {"annotations": {meta.ANNOTATION_DIGEST: DIGEST}}}
    revision = RevisionFacts("r", "v1", DIGEST, 1, 0, 0.0, (facts,), stored, None)
    arm = Arm(model_version="v1", revision="r", digest=DIGEST)
    found = hard_signal(revision, None, arm, in_traffic=False, needed=1, now=0.0)
    return found.message if found else None


@pytest.mark.parametrize(
    "images", [(), (REFERENCE,), (MANIFEST,), (CONFIG,), (f"mirror/fraud@{MANIFEST}", CONFIG), ("fraud:1.0.0",)]
)
def test_a_node_may_call_the_image_by_its_manifest_or_its_config_or_not_at_all(images: tuple[str, ...]) -> None:
    assert signal(*images) is None


def test_a_node_that_mounted_another_image_is_wrong_bytes() -> None:
    assert signal(CONFIG, OTHER) == f"pod p has mounted the image {OTHER}, which is not the resolved one"
    assert signal(OTHER, annotated=False) is None
