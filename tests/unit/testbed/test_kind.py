"""Would catch a kind cluster that fails without a word of what is missing, or whose parts do not meet each other."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from crossfade.api.v1alpha1.serving import Serving
from crossfade.decide.route_kinds import HTTP
from crossfade.decide.workloads import overlaid

from testbed import kind
from testbed.binaries.catalogue import ENVOY_GATEWAY, PROMETHEUS
from testbed.errors import TestbedError
from testbed.places import REPOSITORY


def objects() -> list[Any]:
    return [one for path in (kind.FOLDER / "manifests").glob("*.yaml") for one in yaml.safe_load_all(path.read_text())]


def programs(folder: Path, **statuses: int) -> str:
    """A PATH with programs that end with these statuses, and complain."""
    for name, status in statuses.items():
        (folder / name).write_text(f"#!/bin/sh\necho Client: 1\necho no engine answers >&2\nexit {status}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_without_a_docker_engine_it_says_so_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, docker=1, kind=0, helm=0, kubectl=0))
    with pytest.raises(TestbedError) as refusal:
        kind.up("crossfade", tmp_path / "kubeconfig", print)
    assert str(refusal.value) == (
        "a kind cluster needs docker, and `docker info` says 'no engine answers': install Docker, or start its engine;"
        " or take the testbed, which needs none of them (`make demo`, --cluster=testbed)"
    )


@pytest.mark.parametrize("missing", ["docker", "kind", "helm", "kubectl"])
def test_a_program_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    there = dict.fromkeys({"docker", "kind", "helm", "kubectl"} - {missing}, 0)
    monkeypatch.setenv("PATH", programs(tmp_path, **there))
    with pytest.raises(TestbedError, match=f"needs the program {missing}, which is not on PATH: install "):
        kind.require()


def test_a_command_that_fails_is_told_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, docker=0, kind=0, helm=0, kubectl=0))
    (tmp_path / "kind").write_text('#!/bin/sh\n[ "$1" = version ] || { echo "nodes exist already" >&2; exit 1; }\n')
    with pytest.raises(TestbedError) as failure:
        kind.up("crossfade", tmp_path / "kubeconfig", print)
    assert "`kind create cluster --name=crossfade" in str(failure.value)
    cure = "`kind delete cluster --name=crossfade` ends what is there of it"
    assert str(failure.value).endswith(f"ended with status 1: nodes exist already; {cure}")


def test_no_command_is_led_to_another_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Helm would take the address of its own variables before that of the kubeconfig."""
    monkeypatch.setenv("PATH", f"{programs(tmp_path, docker=0, kind=0, helm=0, kubectl=0)}:/usr/bin:/bin")
    monkeypatch.setenv("HELM_KUBEAPISERVER", "https://elsewhere")
    monkeypatch.setenv("KUBECONFIG", "/elsewhere")
    for name in ("helm", "kubectl"):
        (tmp_path / name).write_text(f'#!/bin/sh\n[ "$1" = version ] || env >{tmp_path}/{name}.env\n')
    kind.up("crossfade", tmp_path / "kubeconfig", print)
    for name in ("helm", "kubectl"):
        given = (tmp_path / f"{name}.env").read_text().splitlines()
        assert f"KUBECONFIG={tmp_path / 'kubeconfig'}" in given
        assert [line for line in given if "elsewhere" in line] == []


def test_every_file_that_a_command_names_is_there() -> None:
    named = [word.rpartition("=")[2] for step in kind.steps("crossfade") for word in step.argv]
    paths = [Path(word) for word in named if word.startswith(str(REPOSITORY))]
    assert len(paths) == 6
    assert all(path.exists() for path in paths)


def test_ports_of_this_machine_lead_to_the_services() -> None:
    (node,) = yaml.safe_load((kind.FOLDER / "cluster.yaml").read_text())["nodes"]
    mapped = {one["containerPort"]: one for one in node["extraPortMappings"]}
    assert {one["hostPort"] for one in mapped.values()} == {urlsplit(each).port for each in kind.ADDRESSES.values()}
    assert {one["listenAddress"] for one in mapped.values()} == {"127.0.0.1"}
    text = "".join(path.read_text() for path in (kind.FOLDER / "manifests").glob("*.yaml"))
    assert {int(part.split("}")[0]) for part in text.split("nodePort: ")[1:]} == set(mapped)


def test_versions_are_those_that_the_testbed_runs() -> None:
    mlflow = (REPOSITORY / "testbed" / "envs" / "mlflow.in").read_text().splitlines()[0].partition("==")[2]
    pods = [one["spec"]["template"]["spec"] for one in objects() if one["kind"] == "Deployment"]
    images = {container["image"].rpartition("/")[2] for pod in pods for container in pod["containers"]}
    assert images == {f"prometheus:v{PROMETHEUS}", f"mlflow:v{mlflow}"}
    words = [word for step in kind.steps("crossfade") for word in step.argv]
    assert f"--version=v{ENVOY_GATEWAY.version}" in words
    assert overlaid(Serving(), "", HTTP)["spec"]["containers"][0]["image"] in words


def test_prometheus_finds_pods_as_the_documentation_says() -> None:
    page = (REPOSITORY / "docs" / "prometheus.md").read_text()
    told = yaml.safe_load("scrape_configs:" + page.partition("scrape_configs:")[2].partition("```")[0])
    (config,) = [one["data"] for one in objects() if one["kind"] == "ConfigMap"]
    assert yaml.safe_load(config["prometheus.yml"])["scrape_configs"] == told["scrape_configs"]
