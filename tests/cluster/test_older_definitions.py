"""Catches an operator that older CustomResourceDefinitions silence, or that does not go on once they are current."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.bed import Bed
from tests.cluster.conftest import StartOperator
from tests.support.endpoint import Endpoint, at_least, failed_by_route, serves
from tests.support.recorder import Object

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

CRDS = Path(__file__).parents[2] / "crds"
PREVIOUS = Path(__file__).with_name("charts") / "crossfade-0.0.9.tgz"
_KINDS = ("rollouts", "modelversions", "modelsources", "modelregistries")


def properties(definition: Object) -> Object:
    """Of its only version."""
    return dict(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"])


def older() -> list[Object]:
    """Those of the previous chart, of which that of Rollouts does not know when a rollout began either. The rules for
    its stages are the present ones: those of then are taken by no API server before 1.33."""
    found = []
    with tarfile.open(PREVIOUS) as chart:
        for kind in _KINDS:
            member = chart.extractfile(f"crossfade/files/crds/{kind}.crossfade.dev.yaml")
            assert member is not None
            found.append(yaml.safe_load(member))
    del properties(found[0])["status"]["properties"]["began"]
    present = yaml.safe_load((CRDS / "rollouts.crossfade.dev.yaml").read_text())
    then, now = (properties(one)["spec"]["properties"]["strategy"]["properties"] for one in (found[0], present))
    then["stages"]["x-kubernetes-validations"] = now["stages"]["x-kubernetes-validations"]
    return found


@pytest.fixture
def downgrade(bed: Bed) -> Iterator[Any]:
    """Brings the older definitions; in the end the present ones are there again."""

    def bring() -> None:
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": older()})
        bed.kubectl("replace", "-f", "-", input=body)

    yield bring
    bed.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))


def said(found: Object) -> str:
    """What DefinitionOutdated says, empty where there is none."""
    conditions = found.get("status", {}).get("conditions", ())
    return next((str(one["message"]) for one in conditions if one["type"] == "DefinitionOutdated"), "")


async def version(endpoint: Endpoint, name: str) -> Object:
    """The ModelVersion as stored."""
    return next(one for one in await endpoint.items("ModelVersion") if one["metadata"]["name"] == name)


async def test_what_serves_serves_the_cure_is_named_and_a_rollout_goes_on_after_it(
    endpoint: Endpoint, bed: Bed, downgrade: Any, start_operator: StartOperator
) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.serve(1)
    async with endpoint.load(50.0) as load:
        await at_least(load, 50)
        downgrade()
        await endpoint.model(2)
        await endpoint.ask(2)
        held = await endpoint.until(lambda found: bool(said(found)) and "candidate" in found["status"])
        assert "`status.began`" in said(held)
        assert "kubectl apply -f crds/" in said(held)
        second = await version(endpoint, "fraud-2")
        assert "resolved" in second["status"]
        assert "`status.semver`" in said(second)
        held = await endpoint.until(lambda found: found["status"]["conditions"][0]["reason"] == "DefinitionOutdated")
        assert "stage" not in held["status"], "it goes forward, and could not remember how"
        await at_least(load, 100)
        bed.kubectl("apply", "-f", str(CRDS))
        done = await endpoint.until(lambda found: serves(found, 2))
        await at_least(load, 50)
    assert said(done) == ""
    assert failed_by_route(load.samples) == {}
