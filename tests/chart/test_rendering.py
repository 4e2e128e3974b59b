"""Would catch a chart that does not render, takes nonsense for a value, or grants more than the operator does."""

import inspect
import re
import subprocess
import typing
from pathlib import Path

import pytest
import yaml
from crossfade.cli.run import run
from crossfade.settings import Settings, metrics_sources

from tests.chart.rendering import CHART, Object, Render, kinds, mounts, one, operator

_CRDS = CHART.parents[1] / "crds"
_OPERATOR = "crossfade-system-crossfade"
_GATEWAYS = {
    "apiGroups": ["gateway.networking.k8s.io"],
    "resources": ["gateways", "gatewayclasses"],
    "verbs": ["get"],
}
_DIGEST = f"sha256:{'0' * 64}"


def rules(objects: list[Object], kind: str = "ClusterRole") -> list[Object]:
    """What the operator itself is granted."""
    return list(one([item for item in objects if item["metadata"]["name"] == _OPERATOR], kind)["rules"])


def test_lint_finds_nothing(helm_program: Path) -> None:
    subprocess.run([str(helm_program), "lint", "--strict", "--quiet", str(CHART)], check=True)


def test_it_serves_all_namespaces_by_default(render: Render) -> None:
    found = render("rbac.people=false")
    roles = ["ClusterRole", "ClusterRoleBinding", "Deployment"]
    assert [kind for kind in kinds(found) if not kind.startswith("Validating")] == [
        *roles,
        *("Pod", "PodDisruptionBudget", "Role", "RoleBinding", "Service", "ServiceAccount"),
    ]
    assert "CROSSFADE_NAMESPACES" not in operator(found)["env"]


def test_limited_to_namespaces_it_has_no_rights_elsewhere_but_to_read_one_gateway_at_a_time(render: Render) -> None:
    """GitOps property 15."""
    found = render('namespaces=["ml","fraud"]', "rbac.people=false")
    roles = ["ClusterRole", "ClusterRoleBinding", *["Role"] * 3, *["RoleBinding"] * 3]
    assert [kind for kind in kinds(found) if "Role" in kind] == roles
    assert rules(found) == [_GATEWAYS]
    placed = {(item["kind"], item["metadata"]["namespace"]) for item in found if item["kind"].startswith("Role")}
    places = ("ml", "fraud", "crossfade-system")
    assert placed == {(kind, place) for kind in ("Role", "RoleBinding") for place in places}
    assert operator(found)["env"]["CROSSFADE_NAMESPACES"] == "ml fraud"


def test_it_reads_single_secrets_and_grants_no_wildcards_and_no_way_to_more_rights(render: Render) -> None:
    found = rules(render())
    assert [rule["verbs"] for rule in found if {"secrets", "configmaps"} & set(rule["resources"])] == [["get"], ["get"]]
    for rule in found:
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
        assert not {"escalate", "bind", "impersonate", "update", "deletecollection"} & set(rule["verbs"])
        assert not {"pods/exec", "serviceaccounts"} & set(rule["resources"])


def test_a_name_of_digits_is_a_name(render: Render) -> None:
    """YAML would read it as a number."""
    found = render('namespaces=["2024"]', 'registries.secrets=["7"]')
    assert ("Role", "2024") in {(item["kind"], item["metadata"].get("namespace")) for item in found}
    assert [rule["resourceNames"] for rule in rules(found, "Role") if rule["resources"] == ["secrets"]] == [["7"]]


def test_the_secrets_that_it_may_read_can_be_named(render: Render) -> None:
    found = rules(render('registries.secrets=["mlflow","hub"]'))
    assert [(rule["resourceNames"], rule["verbs"]) for rule in found if rule["resources"] == ["secrets"]] == [
        (["mlflow", "hub"], ["get"])
    ]


def test_of_what_belongs_to_people_it_changes_rollouts_alone_and_makes_versions(render: Render) -> None:
    """RBAC knows no fields: `patch` on rollouts is for a finalizer, and for the version that a ModelSource names."""
    ours = [rule for rule in rules(render()) if rule["apiGroups"] == ["crossfade.dev"]]
    read = {"get", "list", "watch"}
    written = {name: rule["verbs"] for rule in ours for name in rule["resources"] if set(rule["verbs"]) - read}
    kinds = ("rollouts", "modelversions", "modelregistries", "modelsources")
    assert written == {
        "rollouts": ["patch"],
        "modelversions": ["create"],
        **{f"{kind}/status": ["patch"] for kind in kinds},
    }


def test_one_role_and_many_grant_the_same(render: Render) -> None:
    assert rules(render()) == [*rules(render('namespaces=["ml"]'), "Role"), _GATEWAYS]


def test_the_loader_is_the_operators_own_image(render: Render) -> None:
    found = operator(render('image.repository="mirror.example/cf"', 'image.tag="1"', f'image.digest="{_DIGEST}"'))
    assert found["image"] == found["env"]["CROSSFADE_LOADER_IMAGE"] == f"mirror.example/cf:1@{_DIGEST}"
    assert operator(render())["image"] == inspect.signature(run).parameters["loader_image"].default


def test_settings_reach_the_operator(render: Render) -> None:
    mlflow = 'mlflow.address="http://mlflow.mlops:5000"'
    hub = 'huggingFace.address="https://huggingface.co"'
    env = operator(render('prometheus.address="https://metrics.example/tenant"', "metrics.interval=0.5", mlflow, hub))[
        "env"
    ]
    assert env["CROSSFADE_PROMETHEUS_ADDRESS"] == "https://metrics.example/tenant"
    assert env["CROSSFADE_METRICS_INTERVAL"] == "0.5"
    assert env["CROSSFADE_MLFLOW_ADDRESS"] == "http://mlflow.mlops:5000"
    assert env["CROSSFADE_HUGGING_FACE_ADDRESS"] == "https://huggingface.co"
    assert not {"CROSSFADE_MLFLOW_ADDRESS", "CROSSFADE_HUGGING_FACE_ADDRESS"} & operator(render())["env"].keys()


def test_what_tenants_may_do_reaches_the_operator(render: Render) -> None:
    env = operator(render('registries.allowedNetworks=["10.0.0.0/8","fd00::/8"]', 'models.pickle="KnownOnly"'))["env"]
    read = Settings.model_validate(
        {
            "prometheus_address": env["CROSSFADE_PROMETHEUS_ADDRESS"],
            "loader_image": "crossfade",
            "allowed_networks": env["CROSSFADE_ALLOWED_NETWORKS"],
            "pickle_policy": env["CROSSFADE_PICKLE_POLICY"],
        }
    )
    assert list(map(str, read.allowed_networks)) == ["10.0.0.0/8", "fd00::/8"]
    assert read.pickle_policy == "KnownOnly"
    assert "CROSSFADE_ALLOWED_NETWORKS" not in operator(render())["env"]


def test_of_two_replicas_the_one_that_holds_the_releases_own_lease_writes(render: Render) -> None:
    """With one replica too: an upgrade starts the next one before it ends the last."""
    for values, replicas in (((), 2), (("replicas=1",), 1)):
        found = render(*values)
        assert one(found, "Deployment")["spec"]["replicas"] == replicas
        namespace, name = operator(found)["env"]["CROSSFADE_LEASE"].split("/")
        role = next(item for item in found if item["kind"] == "Role")
        assert (namespace, role["metadata"]["name"]) == ("$(CROSSFADE_LEASE_NAMESPACE)", "crossfade-lease")
        assert role["metadata"]["namespace"] == one(found, "Deployment")["metadata"]["namespace"]
        leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
        assert role["rules"] == [
            {**leases, "resourceNames": [name], "verbs": ["get", "update"]},
            {**leases, "verbs": ["create"]},
        ]


_SOURCES = (
    'prometheus.sources=[{"name":"mimir","address":"https://mimir.example/prometheus","tenant":"ml|fraud","timeout":10,'
    '"basic":{"username":"crossfade","passwordFile":"/etc/crossfade/secrets/mimir.access/password"},'
    '"caFile":"/etc/crossfade/secrets/mimir.access/ca.crt"}]'
)


def test_more_sources_of_metrics_are_a_file_that_the_operator_can_read(render: Render, tmp_path: Path) -> None:
    found = render(_SOURCES)
    place = Path(operator(found)["env"]["CROSSFADE_METRICS_SOURCES"])
    (folder,) = mounts(found, "/etc/crossfade/metrics")
    assert (folder["configMap"]["name"], place.parent) == ("crossfade-metrics", Path("/etc/crossfade/metrics"))
    written = tmp_path / place.name
    written.write_text(one(found, "ConfigMap")["data"][place.name])
    (source,) = metrics_sources(written)
    assert (source.name, source.tenant, source.timeout) == ("mimir", "ml|fraud", 10)
    assert source.basic is not None
    assert source.basic.password_file == Path("/etc/crossfade/secrets/mimir.access/password")
    assert "ConfigMap" not in kinds(render())


def test_changed_sources_start_the_operator_anew(render: Render) -> None:
    def marks(*values: str) -> Object:
        return dict(one(render(*values), "Deployment")["spec"]["template"]["metadata"]["annotations"])

    assert marks(_SOURCES) != marks(_SOURCES.replace("ml|fraud", "ml"))
    assert "checksum/metrics-sources" not in marks()


def test_secrets_are_mounted_by_their_name_and_never_read_by_the_chart(render: Render) -> None:
    found = render('prometheus.secrets=["mimir.access","thanos"]')
    for name in ("mimir.access", "thanos"):
        (volume,) = mounts(found, f"/etc/crossfade/secrets/{name}")
        assert volume["secret"] == {"secretName": name}


def test_every_variable_is_one_that_the_operator_reads(render: Render) -> None:
    hints = typing.get_type_hints(run, include_extras=True)
    read = {hint.__metadata__[0].envvar for name, hint in hints.items() if name != "return"}
    values = 'namespaces=["ml"]', 'mlflow.address="http://mlflow"', 'huggingFace.address="http://hub"'
    env = operator(render(*values, _SOURCES))["env"]
    assert env.keys() - {"CROSSFADE_LEASE_NAMESPACE"} <= read
    assert env["CROSSFADE_LEASE"].startswith("$(CROSSFADE_LEASE_NAMESPACE)"), "what is not read has its use here"


def test_nobody_but_the_operator_may_write_a_status(render: Render) -> None:
    people = [found for found in render() if found["kind"] == "ClusterRole" and found["metadata"]["name"] != _OPERATOR]
    assert len(people) == 3
    assert not [rule for role in people for rule in role["rules"] if any("/" in name for name in rule["resources"])]


def test_who_may_write_a_source_may_openly_make_the_versions_that_it_makes(render: Render) -> None:
    """And move Rollouts, as it does where it is told to."""
    roles = [found for found in render() if found["kind"] == "ClusterRole" and found["metadata"]["name"] != _OPERATOR]
    may = [{name: set(rule["verbs"]) for rule in role["rules"] for name in rule["resources"]} for role in roles]
    writers = [one for one in may if "create" in one["modelsources"]]
    assert len(writers) == 1
    assert all("create" in one["modelversions"] and "patch" in one["rollouts"] for one in writers)


def crds(objects: list[Object]) -> list[Object]:
    return [found for found in objects if found["kind"] == "CustomResourceDefinition"]


def generated() -> list[Object]:
    return [yaml.load(path.read_text(), yaml.CSafeLoader) for path in sorted(_CRDS.glob("*.crossfade.dev.yaml"))]


def test_its_crds_are_those_of_the_repository(render: Render) -> None:
    assert crds(render("crds.enabled=true", "crds.keep=false")) == generated()
    assert crds(render()) == []


def test_uninstalling_leaves_the_crds(render: Render) -> None:
    """GitOps property 12."""
    found = crds(render("crds.enabled=true"))
    assert [crd["metadata"].pop("annotations") for crd in found] == [{"helm.sh/resource-policy": "keep"}] * len(found)
    assert found == generated()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('prometheus.address="prometheus:9090"', "/prometheus/address"),
        ('prometheus.address="http://user:secret@prometheus"', "/prometheus/address"),
        ('prometheus.sources=[{"name":"a"}]', "/prometheus/sources/0.*'address'"),
        ('prometheus.sources=[{"name":"a","address":"http://a","token":"x"}]', "/prometheus/sources/0.*'token'"),
        ('prometheus.sources=[{"name":"a","address":"http://a","caFile":"ca"}]', "/prometheus/sources/0/caFile"),
        ('prometheus.secrets=["../a"]', "/prometheus/secrets/0"),
        ('huggingFace.address="huggingface.co"', "/huggingFace/address"),
        ('mlflow.address="mlflow"', "/mlflow/address"),
        ("metrics.interval=0", "/metrics/interval.*got 0, want 0.5"),
        ('metrics.interval="5s"', "/metrics/interval.*want number"),
        ('registries.allowedNetworks=["private"]', "/registries/allowedNetworks/0.*'private'"),
        ('models.pickle="None"', "/models/pickle"),
        ('namespaces=["Ml"]', "/namespaces/0.*'Ml'"),
        ("replicas=0", "/replicas.*got 0, want 1"),
        ("replicaCount=2", "'replicaCount' not allowed"),
        ('image.digest="latest"', "/image/digest"),
        ('crds.enabled="yes"', "/crds/enabled.*want boolean"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(render: Render, value: str, told: str) -> None:
    with pytest.raises(ValueError, match="values don't meet the specifications of the schema") as refusal:
        render(value)
    assert re.search(told, str(refusal.value)), refusal.value
