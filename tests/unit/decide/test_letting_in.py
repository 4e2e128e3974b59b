"""Would catch a secret in a pod, a model server that sees one, and a rotated Secret that makes a new revision."""

import json

import pytest
from crossfade.api.v1alpha1.modelversion import ResolvedAccess
from crossfade.cli.access import WayIn
from crossfade.decide.workloads import deployment, target_arm
from crossfade.model.access import ACCESS_FOLDER
from crossfade.model.networks import networks
from crossfade.model.snapshot import Platform
from crossfade.ports import SourceError

from tests.unit.decide.test_workloads import RESOLVED, asked, rendered, rollout_of

ACCESS = ResolvedAccess.model_validate(
    {
        "name": "risk",
        "system": "mlflow",
        "address": "https://mlflow/$(HOME)",
        "options": {"workspace": "risk"},
        "secretName": "mlflow",
        "ca": {"name": "ca", "key": "tls.crt"},
    }
)


def pod(**serving: object) -> dict[str, object]:
    read = asked(**serving)
    resolved = RESOLVED.model_copy(update={"access": ACCESS})
    arm = target_arm(rollout_of(read), read, resolved)
    made = deployment(rollout_of(read), read, arm, resolved, Platform("crossfade:1", mlflow_address="http://own"), 1)
    return dict(made["spec"]["template"]["spec"])


def test_a_loader_is_told_of_the_operators_own_registry_that_its_bytes_are_in() -> None:
    platform = Platform("crossfade:1", mlflow_address="http://mlflow", hugging_face_address="http://hub")
    for uri, env in (
        ("hf://org/m@" + "0" * 40, {"name": "CROSSFADE_HUGGING_FACE_ADDRESS", "value": "http://hub"}),
        ("mlflow-artifacts:/1", {"name": "CROSSFADE_MLFLOW_ADDRESS", "value": "http://mlflow"}),
        ("s3://m/1", {"name": "CROSSFADE_MLFLOW_ADDRESS", "value": "http://mlflow"}),
    ):
        read, resolved = asked(), RESOLVED.model_copy(update={"immutable_uri": uri})
        made = deployment(rollout_of(read), read, target_arm(rollout_of(read), read, resolved), resolved, platform, 1)
        assert made["spec"]["template"]["spec"]["initContainers"][0]["env"] == [env]


def test_a_loader_may_go_where_the_operator_may_and_without_a_list_its_pod_is_as_it_was() -> None:
    read = asked()
    arm = target_arm(rollout_of(read), read, RESOLVED)
    for listed, env in (
        ("10.0.0.0/8,fd00::/8", [{"name": "CROSSFADE_ALLOWED_NETWORKS", "value": "10.0.0.0/8,fd00::/8"}]),
        ("", []),
    ):
        platform = Platform("crossfade:1", allowed_networks=networks(listed))
        made = deployment(rollout_of(read), read, arm, RESOLVED, platform, 1)
        assert made["spec"]["template"]["spec"]["initContainers"][0]["env"] == env
        assert made["metadata"]["name"] == arm.revision


def test_the_loader_alone_gets_the_files_and_only_the_keys_that_are_read() -> None:
    found = pod()
    loader, *others = [*found["initContainers"], *found["containers"]]  # type: ignore[misc]
    assert {"name": "crossfade-registry", "mountPath": ACCESS_FOLDER, "readOnly": True} in loader["volumeMounts"]
    assert [one["name"] for one in others if ACCESS_FOLDER in str(one)] == []
    (volume,) = [one for one in found["volumes"] if one["name"] == "crossfade-registry"]  # type: ignore[attr-defined]
    secret, authority = volume["projected"]["sources"]
    assert [item["key"] for item in secret["secret"]["items"]] == ["token", "username", "password"]
    assert (secret["secret"]["name"], authority["configMap"]["name"]) == ("mlflow", "ca")


def test_what_the_loader_is_told_is_what_it_understands_and_kubernetes_expands_nothing_in_it() -> None:
    told = pod()["initContainers"][0]["args"][-1]  # type: ignore[index]
    assert "$$(HOME)" in told
    expanded = json.loads(told.replace("$$", "$"))
    assert expanded == {
        "name": "risk",
        "system": "mlflow",
        "address": "https://mlflow/$(HOME)",
        "options": {"workspace": "risk"},
        "secret": "mlflow",
        "ca": "ca",
    }


def test_an_overlay_can_mount_our_files_nowhere() -> None:
    stolen = {"name": "crossfade-registry", "mountPath": "/peek"}
    volume = {"name": "crossfade-registry", "hostPath": {"path": "/"}}
    template = {"spec": {"containers": [{"name": "model", "volumeMounts": [stolen]}], "volumes": [volume]}}
    found = pod(template=template)
    assert "/peek" not in str(found)
    assert "hostPath" not in str(found)


def test_the_operators_own_server_is_no_business_of_a_loader_that_asks_another() -> None:
    assert "http://own" not in str(pod())


def test_without_a_registry_nothing_is_added() -> None:
    assert "crossfade-registry" not in str(rendered())
    assert "--access" not in str(rendered())


def test_how_the_bytes_are_reached_makes_no_other_revision() -> None:
    read = asked()
    other = RESOLVED.model_copy(update={"access": ACCESS})
    assert target_arm(rollout_of(read), read, RESOLVED) == target_arm(rollout_of(read), read, other)


def test_the_loader_reads_its_files_anew_at_each_try(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("access")
    told = {"name": "risk", "system": "mlflow", "address": "https://mlflow", "secret": "mlflow", "ca": "ca"}
    way_in = WayIn(json.dumps(told), folder)
    with pytest.raises(SourceError, match="Secret mlflow, which the ModelRegistry names, must have `token`, or"):
        way_in.read()
    (folder / "credentials").mkdir()
    (folder / "credentials" / "token").write_text("t\n")
    with pytest.raises(SourceError, match="ConfigMap ca, which the ModelRegistry names, must have certificates"):
        way_in.read()
    (folder / "ca.crt").write_text("PEM")
    found = way_in.read()
    assert found is not None
    assert (dict(found.secrets), found.ca) == ({"token": "t"}, "PEM")


@pytest.mark.parametrize("told", ["", "[]", "{}", '{"system": "other", "address": "a"}', '{"system": "mlflow"}'])
def test_what_the_operator_did_not_write_is_refused(told: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(SourceError, match="must be what the operator writes there"):
        WayIn(told, tmp_path_factory.mktemp("access")).read()
