"""Would catch a namespace that cannot go because a Rollout in it holds on to what cannot be made any more."""

import asyncio
from itertools import permutations
from typing import Any

import pytest
from crossfade.act.execute import ActionError
from crossfade.ports import ClusterError
from crossfade.watch.queue import Key

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout, version

CHILDREN = ("Deployment", "Service", "HTTPRoute")
KEPT = {"stages": [{"name": "ten", "weight": 10}], "onRollback": {"keepCandidate": "1h"}}


class Terminating(FakeCluster):
    """An API server that, once `ending`, makes nothing anew."""

    ending = False

    async def apply(self, kind: Any, body: dict[str, Any], *, force: bool) -> dict[str, Any]:
        """See ports.Cluster."""
        place = kind.kind, body["metadata"]["namespace"], body["metadata"]["name"]
        if self.ending and place not in self.objects:
            raise ClusterError(f"{place[2]} is forbidden: namespace {place[1]} is being terminated", 403)
        return await super().apply(kind, body, force=force)


async def nothing() -> tuple[Terminating, Loop]:
    cluster, clock = Terminating(), FakeClock()
    cluster.create(version())
    cluster.create(rollout(strategy=KEPT))
    loop = Loop(cluster, clock)
    return cluster, loop


async def starting() -> tuple[Terminating, Loop]:
    cluster, loop = await nothing()
    for _ in range(20):
        await loop.step()
        attempts = [job.task for job in loop.resolver._jobs.values() if job.task is not None]
        await asyncio.gather(*attempts, *loop.scout._tasks.values())
        loop.watch()
    assert any(kind == "Deployment" for kind, _, _ in cluster.objects)
    return cluster, loop


async def serving() -> tuple[Terminating, Loop]:
    cluster, loop = await nothing()
    await loop.settle()
    return cluster, loop


async def candidate() -> tuple[Terminating, Loop]:
    cluster, loop = await serving()
    cluster.create(version("v2"))
    cluster.create({**rollout("v2", strategy=KEPT), "status": cluster.objects["Rollout", "ml", "demo"]["status"]})
    loop.watch()
    await loop.settle()
    assert cluster.objects["Rollout", "ml", "demo"]["status"]["candidate"]["modelVersion"] == "v2"
    return cluster, loop


async def aborted() -> tuple[Terminating, Loop]:
    cluster, loop = await candidate()
    found = cluster.objects["Rollout", "ml", "demo"]
    cluster.create({**found, "metadata": {**found["metadata"], "annotations": {"crossfade.dev/abort": "1"}}})
    loop.watch()
    await loop.settle()
    assert cluster.objects["Rollout", "ml", "demo"]["status"]["outcome"]["result"] == "Aborted"
    return cluster, loop


@pytest.mark.parametrize("order", list(permutations((*CHILDREN, "Rollout"))), ids="-".join)
@pytest.mark.parametrize("begun", [nothing, starting, serving, candidate, aborted])
async def test_it_lets_go_in_whatever_order_its_namespace_is_emptied(begun: Any, order: tuple[str, ...]) -> None:
    cluster, loop = await begun()
    cluster.ending = True
    for kind in order:
        if kind == "Rollout":
            found = cluster.objects["Rollout", "ml", "demo"]
            metadata = {**found["metadata"], "deletionTimestamp": "2026-01-01T00:10:00Z"}
            cluster.create({**found, "metadata": metadata})
        for place in [place for place in cluster.objects if place[0] == kind != "Rollout"]:
            del cluster.objects[place]
        await looked_at(loop)
    for _ in range(3):
        loop.clock.at += 40
        await looked_at(loop)
    assert not cluster.objects["Rollout", "ml", "demo"]["metadata"].get("finalizers")


async def looked_at(loop: Loop) -> None:
    """A few looks, whatever they meet, with the pauses that failures have."""
    loop.watch()
    for _ in range(6):
        try:
            await loop.step()
        except ActionError:
            loop.queue.retry(Key("Rollout", "ml", "demo"))
        loop.watch()
