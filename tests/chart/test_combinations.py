"""Would catch values that render what Kubernetes would not take, or other things with Helm 3 than with Helm 4."""

import functools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.handle import ClusterHandle
from tests.chart.combinations import ALL, CORE, MORE
from tests.chart.rendering import ROOT, Object, documents, template

_OTHERS = {"PodMonitor", "PrometheusRule", "ServiceMonitor"}
"""Kinds of the Prometheus Operator, which has its own schemas."""
_KUBERNETES = ("1.31", "1.37")
"""The oldest that the chart takes and the newest that is tried."""


@functools.cache
def rendered(helm: Path, name: str) -> str:
    return template(helm, "--namespace", "default", values=ALL[name])


def every_object(helm: Path) -> Iterator[Object]:
    """Each different object of all combinations once."""
    seen = set()
    for name in ALL:
        for found in documents(rendered(helm, name)):
            text = json.dumps(found, sort_keys=True)
            if text not in seen:
                seen.add(text)
                yield found


def test_there_are_combinations_enough() -> None:
    assert len(ALL) == len(CORE) + len(MORE) >= 60


@pytest.mark.parametrize("name", [*CORE, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)])
def test_it_renders_objects_of_different_names(helm_program: Path, name: str) -> None:
    found = documents(rendered(helm_program, name))
    places = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in found]
    assert len(places) == len(set(places))
    namespaced = [one for one in found if not one["kind"].startswith(("Cluster", "CustomResource", "Secret"))]
    assert all("namespace" in one["metadata"] for one in namespaced if one["metadata"]["name"].startswith("crossfade"))


@pytest.mark.slow
def test_helm_3_renders_the_same(helm_program: Path, helm_3_program: Path) -> None:
    for name in ALL:
        assert documents(rendered(helm_3_program, name)) == documents(rendered(helm_program, name)), name


@pytest.mark.slow
def test_helm_3_refuses_a_typo_too(helm_3_program: Path) -> None:
    with pytest.raises(ValueError, match="replicaCount"):
        template(helm_3_program, "--set=replicaCount=3")


@pytest.mark.slow
@pytest.mark.parametrize("version", _KUBERNETES)
def test_kubernetes_own_schemas_take_every_object(
    helm_program: Path, manifests_environment: Path, version: str
) -> None:
    """Strictly: a field that is not in the schema is a fault."""
    command = [str(manifests_environment / "bin" / "python"), str(Path(__file__).with_name("validate.py")), version]
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "wrong"}, "spec": {"port": 1}}
    given = json.dumps([*every_object(helm_program), wrong])
    told = json.loads(subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout)
    (fault,) = told["faults"]
    assert fault.startswith("Service wrong")
    assert set(told["unknown"]) == _OTHERS


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.anywhere
def test_the_api_server_takes_every_object(bed: ClusterHandle, helm_program: Path) -> None:
    """By a dry run, in few requests of kubectl: no two objects of one name in one of them."""
    waves: list[dict[tuple[str, str, str], Object]] = []
    for found in every_object(helm_program):
        if found["kind"] in _OTHERS:
            continue
        place = (found["kind"], found["metadata"].get("namespace", ""), found["metadata"]["name"])
        wave = next((wave for wave in waves if place not in wave), None)
        if wave is None:
            waves.append(wave := {})
        wave[place] = found
    for wave in waves:
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(wave.values())})
        command = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"]
        told = bed.kubectl(*command, input=given)
        assert len(told.splitlines()) == len(wave)


@pytest.mark.slow
def test_yamllint_finds_nothing(helm_program: Path, manifests_environment: Path, tmp_path: Path) -> None:
    """In what is rendered but for templates' indentation of lists, and in what people read and apply."""
    off = dict.fromkeys(("line-length", "document-start", "comments", "empty-lines"), "disable")
    rules = json.dumps({"extends": "default", "rules": {**off, "indentation": {"indent-sequences": "whatever"}}})
    for place, name in enumerate(CORE):
        (tmp_path / f"{place}.yaml").write_text(rendered(helm_program, name))
    folders = [ROOT / "crds", ROOT / "deploy", ROOT / "charts" / "crossfade" / "values.yaml", tmp_path]
    command = [
        str(manifests_environment / "bin" / "yamllint"),
        "--strict",
        "--format=parsable",
        f"--config-data={rules}",
    ]
    told = subprocess.run([*command, *map(str, folders)], capture_output=True, text=True, check=False)
    assert told.stdout == ""
    assert told.returncode == 0, told.stderr


_ROLES = ("Role", "RoleBinding")
_OPERATOR, _TEST = "Deployment.crossfade-system.crossfade", "Pod.crossfade-system.crossfade-test"
_ACCEPTED = {
    ("CKV_K8S_11", _OPERATOR): "a limit of processors would slow a rollback down",
    (
        "CKV_K8S_15",
        _OPERATOR,
    ): "the tag of a release does not move; asking for it would need the registry at each start",
    ("CKV_K8S_38", _OPERATOR): "it is an operator: it talks to the API server",
    ("CKV_K8S_43", _OPERATOR): "the digest is a value, which a release's own notes tell",
    ("CKV2_K8S_6", _TEST): "it listens to nothing, and runs for a second",
    ("CKV_K8S_8", _TEST): "it runs for a second",
    ("CKV_K8S_9", _TEST): "it runs for a second",
    **{(f"CKV_K8S_{number}", _TEST): "as the operator" for number in (11, 15, 43)},
    **{("CKV_K8S_21", f"{kind}.default.crossfade-system-crossfade"): "asked for by a value" for kind in _ROLES},
    ("CKV_K8S_21", "ConfigMap.default.more"): "an object of the values",
    ("CKV_K8S_21", "Secret.default.crossfade-one"): "an object of the values",
}
"""What checkov would have otherwise, and why it is as it is."""


@pytest.mark.slow
def test_checkov_finds_nothing_but_what_is_meant(helm_program: Path, checkov_environment: Path, tmp_path: Path) -> None:
    for place, name in enumerate(CORE):
        text = template(helm_program, "--namespace", "crossfade-system", values=CORE[name])
        (tmp_path / f"{place}.yaml").write_text(text)
    command = [str(checkov_environment / "bin" / "checkov"), "--directory", str(tmp_path), "--framework", "kubernetes"]
    flags = ["--skip-download", "--compact", "--quiet", "--output", "json"]
    told = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
    report = json.loads(told.stdout)
    failed = {(one["check_id"], one["resource"]) for one in report["results"]["failed_checks"]}
    assert report["summary"]["passed"] > 500
    assert sorted(failed - _ACCEPTED.keys()) == []
    assert sorted(_ACCEPTED.keys() - failed) == [], "what is accepted is found no longer: take it off the list"
