"""Would catch a pod that could write to a volume, has rights, or that PodSecurity's `restricted` refuses, and a model
server that sees the volume itself."""

from typing import Any

import pytest
from crossfade.api.v1alpha1.facts import Serialization
from crossfade.decide.measuring import is_ours, measuring_pod, pod_name
from crossfade.decide.workloads import deployment, target_arm
from crossfade.model.snapshot import Platform
from crossfade.model.volume import VOLUME_FOLDER, Subject, VolumePlace, volume_place

from tests.unit.decide.test_workloads import RESOLVED, asked, rendered, rollout_of

SUBJECT = Subject("ml", "fraud-7", "u-1")
URI = "pvc://models/fraud/$(HOME)/7"
CLAIM = {"name": "crossfade-volume", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}}
MOUNT = {"name": "crossfade-volume", "mountPath": VOLUME_FOLDER, "readOnly": True}


def serving_pod(pickle: str | None = "None", **serving: Any) -> dict[str, Any]:
    read = asked(**serving)
    stored = Serialization.model_validate({"origin": "Artifact", "pickle": pickle}) if pickle else None
    resolved = RESOLVED.model_copy(update={"immutable_uri": URI, "serialization": stored})
    arm = target_arm(rollout_of(read), read, resolved)
    made = deployment(rollout_of(read), read, arm, resolved, Platform("crossfade:1"), 1)
    return dict(made["spec"]["template"]["spec"])


def test_the_pod_reads_once_without_any_right_and_goes_with_its_model_version() -> None:
    made = measuring_pod(SUBJECT, URI, "crossfade:1")
    spec = made["spec"]
    assert spec["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] == 3900
    assert (spec["automountServiceAccountToken"], spec["volumes"]) == (False, [CLAIM])
    (container,) = spec["containers"]
    assert container["volumeMounts"] == [MOUNT]
    assert container["args"] == ["measure", "--uri", URI.replace("$", "$$"), "--volume", VOLUME_FOLDER]
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("ModelVersion", "fraud-7", "u-1", True)
    assert "crossfade.dev/rollout" not in made["metadata"]["labels"], "no Service and no Rollout may take it for theirs"


@pytest.mark.parametrize("name", ["m", "a" * 253, "fraud." * 42 + "x"])
def test_the_pods_name_is_a_label_and_one_for_each_model_version(name: str) -> None:
    made = measuring_pod(Subject("ml", name, "u-1"), URI, "crossfade:1")["metadata"]
    assert len(made["name"]) <= 63
    assert 0 < len(made["labels"]["crossfade.dev/measures"]) <= 63
    assert made["name"] != pod_name(Subject("ml", name, "u-2")) != pod_name(Subject("ml", f"{name}-", "u-2"))


def test_only_a_pod_that_was_made_for_this_model_version_is_ours() -> None:
    made = measuring_pod(SUBJECT, URI, "crossfade:1")
    assert is_ours(made, SUBJECT)
    assert not is_ours(made, Subject("ml", "fraud-7", "u-2"))
    assert not is_ours({**made, "metadata": {**made["metadata"], "labels": {}}}, SUBJECT)
    assert not is_ours({**made, "metadata": {"name": "x"}}, SUBJECT)


def test_the_loader_alone_sees_the_volume_and_looks_again_at_what_pickles_would_import() -> None:
    pod = serving_pod()
    containers: list[Any] = [*pod["initContainers"], *pod["containers"]]
    loader, *others = containers
    assert loader["name"] == "load"
    assert loader["args"][:3] == ["load", "--uri", URI.replace("$", "$$")]
    assert loader["args"][-4:] == ["--volume", VOLUME_FOLDER, "--pickle", "None"]
    assert MOUNT in loader["volumeMounts"]
    assert "crossfade-volume" not in str(others)
    assert pod["volumes"][-1] == CLAIM
    assert serving_pod(None)["initContainers"][0]["args"][-1] == "Unsafe"


def test_an_overlay_can_mount_the_volume_of_the_model_nowhere() -> None:
    container = {"name": "model", "volumeMounts": [{"name": "crossfade-volume", "mountPath": "/peek"}]}
    other = {"name": "crossfade-volume", "emptyDir": {}}
    pod = serving_pod(template={"spec": {"containers": [container], "volumes": [other]}})
    assert "/peek" not in str(pod)
    assert [one for one in pod["volumes"] if one["name"] == "crossfade-volume"] == [CLAIM]


def test_pods_of_other_sources_are_as_they_were() -> None:
    assert "crossfade-volume" not in str(rendered())
    assert "--pickle" not in str(rendered())


def test_an_address_means_what_it_was_made_of() -> None:
    for place in (VolumePlace("models", "fraud/7"), VolumePlace("models"), VolumePlace("a.b", "x y/ü%$")):
        assert volume_place(place.uri) == place
    assert VolumePlace("models", "fraud/7").uri == "pvc://models/fraud/7"
    assert volume_place("s3://models/fraud") is None
    with pytest.raises(ValueError, match="is on no volume"):
        measuring_pod(SUBJECT, "s3://models", "crossfade:1")
