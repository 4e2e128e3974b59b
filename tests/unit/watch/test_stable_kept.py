"""Would catch a stable version whose Deployment somebody deleted in mid-rollout and that is not made again."""

from typing import Any

import pytest

from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.watch.test_reconcile import before_its_first_stage, promoted, ready


async def without_its_deployment() -> tuple[FakeCluster, Loop, dict[str, Any]]:
    """v2 is on its way beside v1, whose Deployment is gone."""
    cluster, clock = await promoted()
    loop = await before_its_first_stage(cluster, clock)
    gone = cluster.objects.pop(("Deployment", "ml", stable_of(cluster)))
    return cluster, loop, gone


def stable_of(cluster: FakeCluster) -> str:
    name = cluster.objects["Rollout", "ml", "demo"]["status"]["stable"]["revision"]
    assert isinstance(name, str)
    return name


async def looks_again(loop: Loop) -> None:
    loop.watch()
    await loop.settle()


async def test_it_is_made_again_of_the_same_bytes() -> None:
    cluster, loop, gone = await without_its_deployment()
    await looks_again(loop)
    assert cluster.objects["Deployment", "ml", stable_of(cluster)]["spec"]["template"] == gone["spec"]["template"]


@pytest.mark.parametrize("status", [None, {"resolved": 5}], ids=["it is gone", "it cannot be read"])
async def test_and_not_where_its_model_version_does_not_say_which(status: dict[str, Any] | None) -> None:
    cluster, loop, _ = await without_its_deployment()
    if status is None:
        del cluster.objects["ModelVersion", "ml", "v1"]
    else:
        stored = cluster.objects["ModelVersion", "ml", "v1"]
        newer = {**stored["metadata"], "resourceVersion": str(int(stored["metadata"]["resourceVersion"]) + 1000)}
        cluster.objects["ModelVersion", "ml", "v1"] = {**stored, "metadata": newer, "status": status}
    await looks_again(loop)
    assert ("Deployment", "ml", stable_of(cluster)) not in cluster.objects
    assert "v1" in ready(cluster)["message"]
