"""Would catch fixtures for Argo CD's own tests that the operator would not write any more, of the kinds beside Rollout.

Changed on purpose? `make golden` writes them anew. Those of Rollout: tests/simulation/test_argocd.py.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml
from crossfade.api.conditions import Reason
from crossfade.api.meta import API_VERSION
from crossfade.api.v1alpha1 import ModelRegistrySpec, ModelRegistryStatus
from crossfade.api.v1alpha1.common import ApiModel
from crossfade.decide.registry import plan_registry
from crossfade.decide.sourcing import plan_source
from crossfade.decide.version import plan_version
from crossfade.model.snapshot import RegistrySnapshot, Resolution
from crossfade.model.writing import Attempt
from crossfade.status.conditions import conditions, registry_facts, version_facts

from tests.cluster.crd_valid import VALID
from tests.support.argo_lua import SCRIPTS
from tests.support.looks import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, health
from tests.unit.decide import test_sourcing as sourcing
from tests.unit.decide.test_version import FRESH, RESOLVED, SPEC

Object = dict[str, Any]

REWRITE = bool(os.environ.get("CROSSFADE_REWRITE_GOLDEN"))
AT = 1_800_000_000.0
MLFLOW = {"mlflow": {"address": "https://mlflow.example.com"}}


def stored(kind: str, spec: Object, status: ApiModel | None = None) -> Object:
    """An object as the API server has it; of its spec what people wrote."""
    metadata = {"name": "fraud", "namespace": "ml", "generation": 1}
    found = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
    return found if status is None else found | {"status": status.to_json()}


def of_version(resolution: Resolution | None) -> Object:
    """A ModelVersion after a look with this answer of its registry."""
    plan = plan_version(replace(FRESH, resolution=resolution))
    facts = version_facts(plan.status, plan.situation)
    found = conditions(plan.situation, facts, (), 1, AT)
    status = plan.status.model_copy(update={"conditions": found, "observed_generation": 1})
    return stored("ModelVersion", SPEC.model_dump(mode="json", by_alias=True, exclude_unset=True), status)


def of_source(more: Object | None = None, **seen: Any) -> Object:
    """A ModelSource after a look; `more` are further fields of its spec."""
    more = more or {}
    plan = plan_source(sourcing.snapshot(spec=sourcing.spec(**more), **seen))
    found = conditions(plan.situation, (), (), 1, AT)
    status = plan.status.model_copy(update={"conditions": found, "observed_generation": 1})
    return stored("ModelSource", sourcing.SPEC | more, status)


def of_registry(attempt: Attempt | None) -> Object:
    """A ModelRegistry after a look."""
    spec, before = ModelRegistrySpec.model_validate(MLFLOW), ModelRegistryStatus()
    plan = plan_registry(RegistrySnapshot(AT, "u", 1, spec, "", before, "https://mlflow.example.com", (), attempt, AT))
    found = conditions(plan.situation, registry_facts(plan.said), (), 1, AT)
    status = plan.status.model_copy(update={"conditions": found, "observed_generation": 1})
    return stored("ModelRegistry", MLFLOW, status)


def taken_back() -> Object:
    """A ModelSource whose Rollout was taken back from what is followed."""
    end = sourcing.end(sourcing.NAME, "RolledBack")
    held = sourcing.rollout(outcome=end, history=[end])
    version = sourcing.stored(sourcing.NAME, sourcing.means("7"))
    return of_source({"moves": {"rollout": "demo"}}, answer=sourcing.answer("7"), version=version, rollout=held)


WRONG = Resolution(error="sha256:1 is not sha256:0", reason=Reason.DIGEST_MISMATCH, retry=False)
SHOWN: dict[str, dict[str, tuple[Callable[[], Object], str]]] = {
    "ModelVersion": {
        "resolving": (lambda: of_version(None), PROGRESSING),
        "outage": (lambda: of_version(Resolution(error="MLflow does not answer")), PROGRESSING),
        "resolved": (lambda: of_version(Resolution(resolved=RESOLVED)), HEALTHY),
        "other_bytes": (lambda: of_version(WRONG), DEGRADED),
    },
    "ModelSource": {
        "asking": (of_source, PROGRESSING),
        "proposed": (
            lambda: of_source(answer=sourcing.answer("7"), version=sourcing.stored(sourcing.NAME, sourcing.means("7"))),
            HEALTHY,
        ),
        "suspended": (lambda: of_source({"suspend": True}), SUSPENDED),
        "taken_back": (taken_back, DEGRADED),
    },
    "ModelRegistry": {
        "asking": (lambda: of_registry(None), PROGRESSING),
        "away": (
            lambda: of_registry(Attempt(AT, None, error="https://mlflow.example.com does not answer")),
            PROGRESSING,
        ),
        "reached": (lambda: of_registry(Attempt(AT, Reason.REACHED)), HEALTHY),
    },
    "MetricTemplate": {
        "there": (lambda: stored("MetricTemplate", VALID["MetricTemplate"][0]), HEALTHY),
    },
}
"""By kind and name: what is looked at, and what a person expects to see."""


@pytest.mark.parametrize("kind", SHOWN)
def test_fixtures_are_statuses_that_the_operator_writes_and_look_as_expected(kind: str) -> None:
    folder = SCRIPTS / kind
    found = {name: make() for name, (make, _) in SHOWN[kind].items()}
    tests: list[Object] = [
        {"healthStatus": health(one), "inputPath": f"testdata/{name}.yaml"} for name, one in found.items()
    ]
    files = {folder / "testdata" / f"{name}.yaml": one for name, one in found.items()}
    files[folder / "health_test.yaml"] = {"tests": tests}
    if REWRITE:
        (folder / "testdata").mkdir(exist_ok=True)
        for file, document in files.items():
            file.write_text(yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True))
    shown = [one["healthStatus"]["status"] for one in tests]
    assert shown == [wanted for _, wanted in SHOWN[kind].values()]
    assert {file: yaml.safe_load(file.read_text()) for file in files} == files
    assert {file.stem for file in (folder / "testdata").iterdir()} == set(SHOWN[kind])
