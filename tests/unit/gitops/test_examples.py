"""Would catch an example repository whose parts do not fit together, or that has to ignore what the operator writes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossfade.api.kinds import KINDS
from crossfade.api.meta import API_VERSION

Object = dict[str, Any]

ROOT = Path(__file__).parents[3]
GITOPS = ROOT / "examples" / "gitops"
ENVIRONMENTS = ("staging", "production")
ELSEWHERE = {"charts/crossfade": ROOT / "charts" / "crossfade"}
"""Folders of the operator's own repository."""


def documents(folder: Path) -> list[Object]:
    """All objects of a folder."""
    files = sorted(folder.rglob("*.yaml"))
    return [one for file in files for one in yaml.safe_load_all(file.read_text()) if one is not None]


def of(kind: str) -> list[Object]:
    """All objects of a kind in the examples."""
    return [one for one in documents(GITOPS) if one["kind"] == kind]


def paths(value: Any) -> Iterator[str]:
    """Every folder that an object delivers."""
    if isinstance(value, dict):
        yield from (value[key] for key in ("path", "chart") if isinstance(value.get(key), str))
        for item in value.values():
            yield from paths(item)


def keys(value: Any) -> set[str]:
    """Every key of an object, however deep."""
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize(
    "found", documents(GITOPS / "argocd") + documents(GITOPS / "flux"), ids=lambda one: one["kind"]
)
def test_what_is_delivered_is_there_and_nothing_of_it_is_ignored(found: Object) -> None:
    """GitOps property 3."""
    assert not keys(found) & {"ignoreDifferences", "ignoreRules", "driftDetection", "healthCheckExprs"}
    for path in paths(found["spec"]):
        for environment in ENVIRONMENTS if "{{" in path else ("",):
            folder = path.replace("{{ .environment }}", environment).removeprefix("./")
            assert ELSEWHERE.get(folder, GITOPS / folder).is_dir(), path


def test_the_namespaces_are_those_of_the_environments() -> None:
    (models,) = of("ApplicationSet")
    listed = {one["environment"]: one["namespace"] for one in models["spec"]["generators"][0]["list"]["elements"]}
    built = {
        name: yaml.safe_load((GITOPS / "models" / name / "kustomization.yaml").read_text()) for name in ENVIRONMENTS
    }
    assert listed == {name: one["namespace"] for name, one in built.items()}
    namespaces = {one["metadata"]["name"] for one in of("Namespace")}
    assert namespaces == set(listed.values())


def test_every_object_of_ours_is_as_its_type_says() -> None:
    found = [one for one in documents(GITOPS) if one["apiVersion"] == API_VERSION]
    assert len(found) == 3
    for one in found:
        KINDS[one["kind"]].spec.model_validate(one["spec"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_says_which_of_the_versions_it_has(environment: str) -> None:
    """As a patch of fields that are in the base, but for what is added."""
    (rollout,) = of("Rollout")
    versions = {one["metadata"]["name"] for one in of("ModelVersion")}
    index = yaml.safe_load((GITOPS / "models" / environment / "kustomization.yaml").read_text())
    (patch,) = index["patches"]
    changes = {one["path"]: one for one in yaml.safe_load(patch["patch"])}
    assert changes["/spec/modelVersion"]["value"] in versions
    for path, change in changes.items():
        *above, field = path.strip("/").split("/")
        place = rollout
        for part in above:
            place = place[part]
        assert (field in place) == (change["op"] == "replace")
        place[field] = change["value"]
    KINDS["Rollout"].spec.model_validate(rollout["spec"])


def test_flux_waits_for_every_environment() -> None:
    found = of("Kustomization")
    delivered = [one["spec"] for one in found if one["apiVersion"].startswith("kustomize.toolkit.fluxcd.io/")]
    assert [spec["wait"] for spec in delivered] == [True, True]
    sources = {one["metadata"]["name"] for one in of("GitRepository")}
    assert {spec["sourceRef"]["name"] for spec in delivered} <= sources
