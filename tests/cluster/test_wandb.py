"""Catches an artifact of Weights & Biases whose model never serves or serves other bytes, or whose key is seen."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.address import HOST
from testbed.bed import Bed
from tests.support import objects
from tests.support.endpoint import Endpoint
from tests.support.operator_process import OperatorProcess
from tests.support.verified import assert_hidden, is_resolved, never_serves
from tests.support.wandb_cloud import Cloud, Run, serving

pytestmark = pytest.mark.cluster

EXAMPLES = Path(__file__).parents[2] / "examples" / "registries"
EXAMPLE_KEY, KEY = "change-me", "canaryOfATenant"


async def test_the_example_for_wandb_is_resolved_as_it_is(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess]
) -> None:
    cloud = Cloud(keys={EXAMPLE_KEY: "reader"}, organizations={"acme": "acme-org"})
    made = cloud.log("risk/fraud/model", {"model.json": b"{}", "requirements.txt": b"numpy==2.0.0"}, run=Run())
    cloud.link(made, "acme-org/wandb-registry-model/fraud-detector")
    cloud.alias("acme-org/wandb-registry-model/fraud-detector", "production", 0)
    with serving(cloud, HOST, 8093):
        start_operator(endpoint.namespace)
        bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / "wandb.yaml"))
        found = await endpoint.recorder.until("ModelVersion", "fraud-detector-1-7-0", is_resolved, 60)
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
            await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved, 60)
        stable = (await endpoint.serve(1))["status"]["stable"]["revision"]
        cloud.artifacts[1].files["model.json"] = model.replace(b"2.0.0", b"2.0.1")
        await never_serves(endpoint, 2, stable)
    assert_hidden(endpoint, operator, KEY)
