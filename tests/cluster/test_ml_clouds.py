"""Catches an example for Weights & Biases or Vertex AI that is not resolved, and a model of theirs that never serves or
serves other bytes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.address import HOST
from testbed.bed import Bed
from tests.cluster.test_writing_back import tells, written_back
from tests.support import objects
from tests.support.endpoint import Endpoint
from tests.support.operator_process import OperatorProcess
from tests.support.verified import assert_hidden, is_resolved, never_serves
from tests.support.vertex_cloud import Cloud as Vertex
from tests.support.vertex_cloud import serving as serving_vertex
from tests.support.wandb_cloud import Cloud, Run, serving

pytestmark = pytest.mark.cluster

EXAMPLES = Path(__file__).parents[2] / "examples" / "registries"
EXAMPLE_KEY, KEY = "change-me", "canaryOfATenant"


def vertex() -> Vertex:
    """One that asks nobody who they are."""
    return Vertex(lambda *_: None, lambda _: None)


@pytest.mark.slow
async def test_the_examples_are_resolved_as_they_are(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess]
) -> None:
    cloud = Cloud(keys={EXAMPLE_KEY: "reader"}, organizations={"acme": "acme-org"})
    made = cloud.log("risk/fraud/model", {"model.json": b"{}", "requirements.txt": b"numpy==2.0.0"}, run=Run())
    cloud.link(made, "acme-org/wandb-registry-model/fraud-detector")
    cloud.alias("acme-org/wandb-registry-model/fraud-detector", "production", 0)
    google = vertex()
    google.register("fraud-detector", {"model.json": b"{}"}, aliases={"default"}, more={"labels": {"team": "risk"}})
    with serving(cloud, HOST, 8093), serving_vertex(google, HOST, 8094):
        start_operator(endpoint.namespace)
        for name in ("vertex", "wandb"):
            bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / f"{name}.yaml"))
        found = await endpoint.recorder.until("ModelVersion", "fraud-detector-1-7-0", is_resolved)
        of_google = await endpoint.recorder.until("ModelVersion", "fraud-detector-1-8-0", is_resolved)
    resolved = of_google["status"]["resolved"]
    assert (resolved["registryVersion"], resolved["immutableUri"]) == ("1", "gs://models/fraud-detector/1")
    assert resolved["tags"]["values"]["team"] == "risk"
    assert resolved["access"]["options"] == {
        "location": "europe-west4",
        "project": "risk-1",
        "storage": "http://vertex.models:8094",
    }
    resolved = found["status"]["resolved"]
    assert (resolved["registryVersion"], resolved["files"]) == ("v0", 2)
    assert resolved["access"] == {
        "name": "wandb",
        "system": "wandb",
        "address": "http://wandb.models:8093",
        "options": {},
        "secretName": "wandb",
    }
    assert resolved["lineage"]["gitCommit"] == "a" * 40
    assert resolved["environment"]["requirements"] == {"numpy": "2.0.0"}


@pytest.mark.slow
async def test_the_example_that_writes_back_tells_wandb_what_serves_as_it_is(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess]
) -> None:
    cloud = Cloud(keys={EXAMPLE_KEY: "writer"}, organizations={"acme": "acme-org"})
    model = json.dumps({"name": objects.MODEL, "version": "1.7.0"}).encode()
    path = "acme-org/wandb-registry-model/fraud-detector"
    made = cloud.log("risk/fraud/model", {"model.json": model})
    cloud.link(made, path)
    cloud.alias(path, "candidate", 0)
    with serving(cloud, HOST, 8093):
        start_operator(endpoint.namespace)
        bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / "wandb-write-back.yaml"))
        await endpoint.recorder.until("ModelVersion", "fraud-detector-1-7-0", is_resolved)
        await endpoint.create(objects.rollout("fraud", "fraud-detector-1-7-0", endpoint.host, endpoint.parent))
        await endpoint.recorder.until("ModelRegistry", "wandb", tells(champion="v0"))
        await endpoint.recorder.until("ModelRegistry", "wandb", written_back("True"))
    assert cloud.collections["acme-org", "wandb-registry-model", "fraud-detector"].aliases["champion"] == 0
    said = made.metadata["crossfade"]
    assert said["outcome"] == "Promoted"
    assert f"var-namespace={endpoint.namespace}&var-rollout=fraud&var-revision=" in said["link"]


@pytest.mark.slow
async def test_a_model_of_wandb_serves_and_one_with_a_byte_changed_never_does(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess]
) -> None:
    cloud = Cloud(keys={KEY: "reader"}, readers={("risk", "fraud"): {"reader"}})
    operator = start_operator(endpoint.namespace)
    with serving(cloud, HOST):
        await endpoint.create(objects.secret("wandb", {"apiKey": KEY}))
        await endpoint.create(objects.model_registry("wandb", wandb={"address": cloud.url}))
        where = {"entity": "risk", "project": "fraud", "collection": "model"}
        for number in (1, 2):
            model = json.dumps({"name": objects.MODEL, "version": f"{number}.0.0"}).encode()
            made = cloud.log("risk/fraud/model", {"model.json": model})
            source = {"wandb": where | {"version": f"v{made.version}"}, "registryRef": {"name": "wandb"}}
            await endpoint.create(objects.model_version(f"fraud-{number}", f"{number}.0.0", source))
            await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved)
        stable = (await endpoint.serve(1))["status"]["stable"]["revision"]
        cloud.artifacts[1].files["model.json"] = model.replace(b"2.0.0", b"2.0.1")
        await never_serves(endpoint, 2, stable)
    assert_hidden(endpoint, operator, KEY)


@pytest.mark.slow
async def test_a_model_of_vertex_serves_and_one_with_a_byte_changed_never_does(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess]
) -> None:
    google = vertex()
    start_operator(endpoint.namespace)
    with serving_vertex(google, HOST):
        where = {"project": "risk-1", "location": "europe-west4"}
        system = {**where, "endpoint": google.url, "storageEndpoint": google.url}
        registry = objects.model_registry("vertex", vertexAI=system)
        del registry["spec"]["credentials"]
        await endpoint.create(registry)
        for number in (1, 2):
            model = json.dumps({"name": objects.MODEL, "version": f"{number}.0.0"}).encode()
            google.register("fraud", {"model.json": model})
            source = {"vertexAI": {"model": "fraud", "version": str(number)}, "registryRef": {"name": "vertex"}}
            await endpoint.create(objects.model_version(f"fraud-{number}", f"{number}.0.0", source))
            await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved)
        stable = (await endpoint.serve(1))["status"]["stable"]["revision"]
        google.put("gs://models/fraud/2/model.json", model.replace(b"2.0.0", b"2.0.1"))
        await never_serves(endpoint, 2, stable)
