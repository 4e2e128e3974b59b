"""Would catch kinds of another release, or an unsupported Kubernetes, that are taken for well."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from crossfade.doctor.finding import Level
from crossfade.doctor.platform import NEWEST, OLDEST, fields_of

from tests.unit.doctor.cluster import FakeCluster, conditions, the, told

_ROOT = Path(__file__).parents[3]


def schema_of(cluster: FakeCluster, name: str) -> Any:
    found = cluster.objects["customresourcedefinitions"]
    return next(one for one in found if one["metadata"]["name"] == name)["spec"]["versions"][0]["schema"]


def test_an_old_kubernetes_is_a_fault_and_a_new_one_a_warning() -> None:
    cluster = FakeCluster()
    cluster.version = "v1.30.9+eks"
    assert "older than 1.31" in the(cluster, "kubernetes").seen
    cluster.version = "v1.38.0"
    assert "newer than 1.37" in the(cluster, "kubernetes", Level.WARNING).seen
    cluster.version = "v1.31.0-gke.100"
    assert told(cluster, "kubernetes")[0].level is Level.OK


def test_the_range_is_that_of_the_chart_and_of_the_tests() -> None:
    chart = yaml.safe_load((_ROOT / "charts/crossfade/Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={OLDEST[0]}.{OLDEST[1]}.0-0"
    for version, modules in ((OLDEST, "oldest.mod"), (NEWEST, "go.mod")):
        assert f"k8s.io/kubernetes v{version[0]}.{version[1]}." in (_ROOT / "testbed/kit" / modules).read_text()


def test_a_kind_that_is_missing_is_a_fault_with_the_command_that_makes_it() -> None:
    cluster = FakeCluster()
    cluster.objects["customresourcedefinitions"] = cluster.objects["customresourcedefinitions"][1:]
    found = the(cluster, "kinds")
    assert "rollouts.crossfade.dev is not there" in found.seen
    assert found.cure.startswith("kubectl apply --server-side")


def test_a_field_that_the_stored_kind_lacks_is_named_once() -> None:
    cluster = FakeCluster()
    schema = schema_of(cluster, "rollouts.crossfade.dev")["openAPIV3Schema"]
    del schema["properties"]["spec"]["properties"]["strategy"]["properties"]["bake"]
    found = the(cluster, "kinds")
    assert found.seen.endswith("is older than this program: it lacks spec.strategy.bake")


def test_a_field_that_this_program_does_not_know_is_a_warning() -> None:
    cluster = FakeCluster()
    spec = schema_of(cluster, "modelversions.crossfade.dev")["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["approvals"] = {"type": "array", "items": {"properties": {"by": {"type": "string"}}}}
    assert the(cluster, "kinds", Level.WARNING).seen.endswith("newer than this program: it has spec.approvals")


def test_a_kind_that_is_not_established_is_a_fault() -> None:
    cluster = FakeCluster()
    cluster.objects["customresourcedefinitions"][0]["status"] = conditions(Established="False")
    assert "is not established" in the(cluster, "kinds").seen


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ({"properties": {"a": {"items": {"properties": {"b": {}}}}}}, ["a", "a.b"]),
        ({"properties": {"a": {"additionalProperties": {"properties": {"b": {}}}}}}, ["a", "a.b"]),
        ({"additionalProperties": True}, []),
    ],
)
def test_fields_are_found_below_lists_and_maps(schema: Any, paths: list[str]) -> None:
    assert list(fields_of(schema)) == paths
