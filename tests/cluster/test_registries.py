"""Catches a registry whose model never serves, or whose credentials are seen where they have no business."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from testbed.bed import Bed
from tests.contract.conftest import MlflowBench
from tests.support import objects
from tests.support.endpoint import Endpoint, ready, serves
from tests.support.faults import proxy
from tests.support.operator_process import OperatorProcess
from tests.support.statuses import conditions
from tests.support.verified import assert_hidden, is_resolved

pytestmark = pytest.mark.cluster

EXAMPLES = Path(__file__).parents[2] / "examples" / "registries"
CANARY = "canary-of-a-tenant"


@pytest.fixture
def mlflow(mlflow_url: str) -> MlflowBench:
    """The bed's MLflow server."""
    return MlflowBench(mlflow_url)


def says(text: str) -> Callable[[dict[str, Any]], bool]:
    """Whether some condition's message has this in it."""
    return lambda found: text in json.dumps(found.get("status", {}).get("conditions", []))


@pytest.mark.slow
async def test_the_example_for_mlflow_is_resolved_as_it_is(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], mlflow: MlflowBench
) -> None:
    name, version = mlflow.model({"MLmodel": b"flavors: {}", "requirements.txt": b"numpy==2.0.0"}, "fraud-detector")
    mlflow.alias(name, "champion", version)
    start_operator(endpoint.namespace)
    bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / "mlflow.yaml"))
    found = await endpoint.recorder.until("ModelVersion", "fraud-detector-1-3-0", is_resolved)
    resolved = found["status"]["resolved"]
    assert resolved["registryVersion"] == version
    assert resolved["access"] == {
        "name": "mlflow",
        "system": "mlflow",
        "address": "http://mlflow.mlops:5000",
        "options": {},
        "secretName": "mlflow",
    }
    assert resolved["environment"]["requirements"] == {"numpy": "2.0.0"}


@pytest.mark.slow
async def test_the_example_whose_number_and_name_are_checked_is_ready_as_it_is(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], mlflow: MlflowBench
) -> None:
    """It means the version 7 of the operator's own MLflow."""
    while int(mlflow.model({"MLmodel": b"flavors: {}"}, "fraud-detector")[1]) < 7:
        pass
    start_operator(endpoint.namespace, mlflow=mlflow.url)
    bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES.parent / "model-versions/enforced.yaml"))
    name = "fraud-detector-v3.2.1-20240415-prod"
    found = await endpoint.recorder.until("ModelVersion", name, lambda found: ready(found)[0] == "True")
    assert found["status"]["resolved"]["registryVersion"] == "7"
    assert conditions(found)["SemverKept"]["reason"] == "FirstVersion"


async def test_a_model_behind_credentials_serves_and_nobody_but_the_loader_sees_them(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], mlflow: MlflowBench, tmp_path: Path
) -> None:
    objects.write_model(tmp_path / "model", "1.0.0")
    name, version = mlflow.model({"model.json": (tmp_path / "model" / "model.json").read_bytes()})
    operator = start_operator(endpoint.namespace)
    with proxy(mlflow.url, address="10.77.0.1") as front:
        front.refuses = lambda headers: None if headers.get("authorization") == f"Bearer {CANARY}" else 401
        source = {"mlflow": {"name": name, "version": version}, "registryRef": {"name": "risk"}}
        await endpoint.create(objects.model_version("fraud-1", "1.0.0", source))
        await endpoint.recorder.until("ModelVersion", "fraud-1", says("there is no ModelRegistry risk"))
        await endpoint.create(objects.model_registry("risk", mlflow={"address": front.url}))
        await endpoint.recorder.until("ModelVersion", "fraud-1", says("Secret risk, which"))
        await endpoint.create(objects.secret("risk", {"token": CANARY}))
        await endpoint.recorder.until("ModelVersion", "fraud-1", is_resolved)
        await endpoint.create(objects.rollout("fraud", "fraud-1", endpoint.host, endpoint.parent))
        await endpoint.until(lambda found: serves(found, 1))
        assert front.sent("Authorization") == {f"Bearer {CANARY}"}
    seen = json.dumps([found for found in endpoint.recorder.history if found["kind"] != "Secret"])
    assert "crossfade-registry" in seen, "the loader's pod is among what was seen"
    assert_hidden(endpoint, operator, CANARY)


async def test_a_secret_of_another_namespace_is_nobodys(
    new_endpoint: Callable[[], Awaitable[Endpoint]], start_operator: Callable[..., OperatorProcess], mlflow: MlflowBench
) -> None:
    """A tenant names it at a server of their own, to be told the token, and at its registry, to be given the model."""
    owner, other = await new_endpoint(), await new_endpoint()
    (owned, version), (coveted, _) = (mlflow.model({"model.json": b"{}"}) for _ in range(2))
    operator = start_operator(owner.namespace, other.namespace)
    with proxy(mlflow.url, address="10.77.0.1") as registry, proxy(mlflow.url, address="10.77.0.1") as own:
        registry.refuses = lambda headers: None if headers.get("authorization") == f"Bearer {CANARY}" else 401

        async def asks(endpoint: Endpoint, name: str, model: str, url: str) -> None:
            named = objects.model_registry("risk", mlflow={"address": url})
            await endpoint.create(named | {"metadata": {"name": name}})
            source = {"mlflow": {"name": model, "version": version}, "registryRef": {"name": name}}
            await endpoint.create(objects.model_version(name, "1.0.0", source))

        await owner.create(objects.secret("risk", {"token": CANARY}))
        await asks(owner, "owned", owned, registry.url)
        await owner.recorder.until("ModelVersion", "owned", is_resolved)
        for name, front in (("told", own), ("given", registry)):
            await asks(other, name, coveted, front.url)
            await other.create(objects.rollout(name, name, f"{name}.{other.host}", other.parent))
            why = f"Secret risk, which `credentials.secretRef` names, is not in the namespace {other.namespace}"
            found = await other.recorder.until("ModelVersion", name, says(why))
            assert ready(found)[1] == "WaitingForRegistry"
            await other.recorder.until("Rollout", name, says("WaitingForModelVersion"))
        assert own.seen == []
        assert registry.sent("Authorization") == {f"Bearer {CANARY}"}, "and by that the owner alone was known"
        assert [path for path, _ in registry.seen if coveted in path] == []
    assert [one["kind"] for one in other.recorder.history if one["kind"] in ("Deployment", "Pod")] == []
    for endpoint in (owner, other):
        assert_hidden(endpoint, operator, CANARY)
