"""Catches a version that breaks its callers, says it does not, and gets a pod although its ModelVersion forbids it."""

import json
from collections.abc import Callable

import pytest

from testbed.bed import Bed
from tests.support import objects
from tests.support.endpoint import Endpoint, ready
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import Object
from tests.support.statuses import conditions

pytestmark = pytest.mark.cluster

POLICY = {"semver": "Enforce", "naming": "Convention"}


def stored(endpoint: Endpoint, number: str, *inputs: str) -> Object:
    """A ModelVersion of a model with these inputs, as MLflow writes them."""
    folder = endpoint.files / endpoint.namespace / number
    address = objects.write_model(folder, number)
    columns = [{"name": name, "type": "double", "required": True} for name in inputs]
    signature = {"inputs": json.dumps(columns), "outputs": json.dumps([{"name": "score", "type": "double"}])}
    (folder / "MLmodel").write_text(json.dumps({"signature": signature}))
    version = objects.model_version(f"{objects.MODEL}-v{number}", number, {"uri": {"uri": address}})
    version["spec"]["policy"] = POLICY
    return version


def is_judged(found: Object) -> bool:
    return "semver" in found.get("status", {})


async def test_a_version_that_breaks_callers_is_refused_while_the_one_before_serves(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess]
) -> None:
    start_operator(endpoint.namespace)
    first, broken, trained, major = (
        stored(endpoint, "1.0.0", "age", "city"),
        stored(endpoint, "1.1.0", "age"),
        stored(endpoint, "1.2.0", "age", "city"),
        stored(endpoint, "2.0.0", "age"),
    )
    told = {}
    for version in (first, broken, trained, major):
        await endpoint.create(version)
        name = version["metadata"]["name"]
        told[name] = await endpoint.recorder.until("ModelVersion", name, is_judged)
        if version is first:
            await endpoint.create(objects.rollout("fraud", name, endpoint.host, endpoint.parent))
            await endpoint.until(lambda found: ready(found)[0] == "True")
    refused = told[broken["metadata"]["name"]]
    assert ready(refused)[1] == conditions(refused)["SemverKept"]["reason"] == "SemverBroken"
    assert (
        "the input 'city' is gone: `spec.version` is 1.1.0 and must be at least 2.0.0"
        in (conditions(refused)["Ready"]["message"])
    )
    listed = bed.kubectl("get", "modelversions", "--namespace", endpoint.namespace, "--no-headers")
    verdicts = {line.split()[0]: line.split()[3] for line in listed.splitlines()}
    assert verdicts == {
        first["metadata"]["name"]: "First",
        broken["metadata"]["name"]: "Broken",
        trained["metadata"]["name"]: "Kept",
        major["metadata"]["name"]: "Kept",
    }
