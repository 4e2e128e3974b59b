"""Catches a registry that does not say what serves, or whose outage holds a rollout up or loses how it ended."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from testbed.address import HOST
from testbed.bed import Bed
from tests.contract.conftest import MlflowBench
from tests.support import objects
from tests.support.endpoint import Endpoint, at_stage, failed_by_route, serves
from tests.support.faults import proxy
from tests.support.operator_process import OperatorProcess
from tests.support.statuses import conditions
from tests.support.verified import assert_hidden, is_resolved

pytestmark = pytest.mark.cluster

CANARY = "canary-of-a-tenant"
EXAMPLES = Path(__file__).parents[2] / "examples" / "registries"
GATED = {"stages": [{"name": "at-50", "weight": 50, "minDuration": "1s", "gate": "Manual"}]}
GO = {"metadata": {"annotations": {"crossfade.dev/advance": "go"}}}
"""The registry is away before anything goes on, however late the test comes to see to that."""
ALL = {"champion": "champion", "challenger": "challenger", "tags": "Outcome"}


class Book:
    """What the MLflow server says of one model, to anybody who asks it."""

    def __init__(self, mlflow: MlflowBench, model: str) -> None:
        self._mlflow, self._model = mlflow, model

    def alias(self, alias: str) -> str | None:
        found = self._get("registered-models/alias", alias=alias)
        return str(found["version"]) if found else None

    def tags(self, number: str) -> dict[str, str]:
        found = self._get("model-versions/get", version=number).get("tags", [])
        return {tag["key"].removeprefix("crossfade.dev/"): tag["value"] for tag in found}

    def _get(self, path: str, **which: str) -> dict[str, Any]:
        which = {"name": self._model, **which}
        answer = httpx.get(f"{self._mlflow.url}/api/2.0/mlflow/{path}", params=which, timeout=60)
        return dict(answer.json().get("model_version", {}))


def written_back(status: str) -> Callable[[dict[str, Any]], bool]:
    return lambda found: conditions(found).get("WrittenBack", {}).get("status") == status


async def test_the_registry_says_what_serves_and_is_told_later_when_it_was_away(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], mlflow_url: str, tmp_path: Path
) -> None:
    mlflow = MlflowBench(mlflow_url)
    content = {number: stored(tmp_path, number) for number in (1, 2)}
    name, first = mlflow.model({"model.json": content[1]})
    _, second = mlflow.model({"model.json": content[2]}, name)
    book, operator = Book(mlflow, name), start_operator(endpoint.namespace)
    with ExitStack() as stopping:
        front = stopping.enter_context(proxy(mlflow.url, address=HOST))
        front.refuses = lambda headers: None if headers.get("authorization") == f"Bearer {CANARY}" else 401
        await resolved_from(endpoint, front.url, name, first, second)
        await endpoint.serve(1, serving=objects.serving(1), strategy=GATED)  # with its first pod all have been loaded
        await endpoint.recorder.until("ModelRegistry", "risk", tells(champion=first))
        assert (book.alias("champion"), book.alias("challenger")) == (first, None)
        assert book.tags(first)["outcome"] == "Promoted"
        async with endpoint.load(100.0) as load:
            await endpoint.ask(2)
            await endpoint.until(at_stage("at-50"))
            await endpoint.recorder.until("ModelRegistry", "risk", tells(challenger=second))
            assert book.alias("challenger") == second
            stopping.close()
            await endpoint.patch("Rollout", objects.MODEL, GO)
            done = await endpoint.until(lambda found: serves(found, 2))
            await endpoint.recorder.until("ModelRegistry", "risk", written_back("False"))
            summary = await load.stop()
    assert failed_by_route(load.samples) == {}
    assert summary.arms
    assert (book.alias("champion"), book.alias("challenger")) == (first, second), "nobody was there to be told"
    with proxy(mlflow.url, address=HOST, port=urlsplit(front.url).port or 0):
        await endpoint.recorder.until("ModelRegistry", "risk", tells(champion=second))
        await endpoint.recorder.until("ModelRegistry", "risk", written_back("True"))
    assert (book.alias("champion"), book.alias("challenger")) == (second, None)
    said, outcome = book.tags(second), done["status"]["outcome"]
    assert said == {
        "outcome": "Promoted",
        "reason": f"{outcome['cause']}: {outcome['message']}",
        "rollout": f"{endpoint.namespace}/fraud",
        "evidence": f"{endpoint.namespace}/fraud/{outcome['revision']}",
        "at": outcome["at"],
        "digest": done["status"]["stable"]["digest"],
    }
    assert "pending: alias champion" in json.dumps(endpoint.recorder.history)
    assert_hidden(endpoint, operator, CANARY)


@pytest.mark.slow
async def test_an_operator_that_is_killed_while_the_registry_is_away_tells_it_once_when_both_are_back(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], mlflow_url: str, tmp_path: Path
) -> None:
    mlflow = MlflowBench(mlflow_url)
    name, first = mlflow.model({"model.json": stored(tmp_path, 1)})
    _, second = mlflow.model({"model.json": stored(tmp_path, 2)}, name)
    book, operator = Book(mlflow, name), start_operator(endpoint.namespace)
    with ExitStack() as stopping:
        front = stopping.enter_context(proxy(mlflow.url, address=HOST))
        await resolved_from(endpoint, front.url, name, first, second)
        await endpoint.serve(1, serving=objects.serving(1), strategy=GATED)
        await endpoint.recorder.until("ModelRegistry", "risk", tells(champion=first))
        async with endpoint.load(100.0):
            await endpoint.ask(2)
            await endpoint.until(at_stage("at-50"))
            await endpoint.recorder.until("ModelRegistry", "risk", tells(challenger=second))
            stopping.close()
            await endpoint.patch("Rollout", objects.MODEL, GO)
            await endpoint.until(lambda found: serves(found, 2))
            await endpoint.recorder.until("ModelRegistry", "risk", written_back("False"))
    operator.kill()
    operator.start()
    operator.until_audited()
    assert (book.alias("champion"), book.alias("challenger")) == (first, second), "nobody was there to be told"
    with proxy(mlflow.url, address=HOST, port=urlsplit(front.url).port or 0) as back:
        await endpoint.recorder.until("ModelRegistry", "risk", tells(champion=second))
        await endpoint.recorder.until("ModelRegistry", "risk", written_back("True"))
        assert (book.alias("champion"), book.alias("challenger")) == (second, None)
        assert book.tags(second)["outcome"] == "Promoted"
        told = [json.loads(body) for body in back.told]
        assert {"name": name, "alias": "champion", "version": second} in told
        assert [one for one in told if told.count(one) > 1] == []
        operator.kill()
        operator.start()
        operator.until_audited()
        assert [json.loads(body) for body in back.told] == told, "another life knows what was told"


@pytest.mark.slow
async def test_the_example_tells_mlflow_what_serves_as_it_is(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], mlflow_url: str, tmp_path: Path
) -> None:
    mlflow = MlflowBench(mlflow_url)
    name, version = mlflow.model({"model.json": stored(tmp_path, 1)}, "fraud-detector")
    mlflow.alias(name, "candidate", version)
    book = Book(mlflow, name)
    start_operator(endpoint.namespace)
    bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / "mlflow-write-back.yaml"))
    await endpoint.recorder.until("ModelVersion", "fraud-detector-1-4-0", is_resolved)
    await endpoint.create(objects.rollout("fraud", "fraud-detector-1-4-0", endpoint.host, endpoint.parent))
    await endpoint.recorder.until("ModelRegistry", "mlflow", tells(champion=version))
    await endpoint.recorder.until("ModelRegistry", "mlflow", written_back("True"))
    assert (book.alias("champion"), book.alias("challenger")) == (version, None)
    assert book.tags(version)["outcome"] == "Promoted"


async def resolved_from(endpoint: Endpoint, address: str, model: str, *versions: str) -> None:
    """A ModelRegistry for MLflow at this address, which is told everything, and a resolved ModelVersion of each of its
    model's versions."""
    await endpoint.create(objects.secret("risk", {"token": CANARY}))
    registry = objects.model_registry("risk", mlflow={"address": address})
    registry["spec"]["writeBack"] = ALL
    await endpoint.create(registry)
    for number, version in enumerate(versions, 1):
        source = {"mlflow": {"name": model, "version": version}, "registryRef": {"name": "risk"}}
        await endpoint.create(objects.model_version(f"fraud-{number}", f"{number}.0.0", source))
        await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved)


def stored(folder: Path, number: int) -> bytes:
    """The one file of a model."""
    objects.write_model(folder / str(number), f"{number}.0.0")
    return (folder / str(number) / "model.json").read_bytes()


def tells(**roles: str) -> Callable[[dict[str, Any]], bool]:
    """Whether the registry has acknowledged these versions of the one model."""

    def check(found: dict[str, Any]) -> bool:
        written = next(iter(found.get("status", {}).get("written", [])), {})
        return all(written.get(role, {}).get("version") == version for role, version in roles.items())

    return check
