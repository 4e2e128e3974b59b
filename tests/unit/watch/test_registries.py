"""Would catch a ModelVersion that does not wait for its ModelRegistry, or waits on, and a secret that gets out."""

import asyncio
import logging
from typing import Any

import pytest
from crossfade.api.v1alpha1.facts import Facts, Lineage
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.ports import Reference, SourceError

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import version
from tests.unit.observe.test_credentials import CANARY, secret
from tests.unit.watch.test_registry_wakes import NAMING, registry

GUARDED = {"credentials": {"secretRef": {"name": "mlflow"}}}


class Answering:
    """The Registry port: says the same each time, or fails with `failure`."""

    def __init__(self) -> None:
        self.asked = 0
        self.failure: Exception | None = None

    async def resolve(self, source: Source) -> Reference:
        """See ports.Registry."""
        self.asked += 1
        if self.failure:
            raise self.failure
        facts = Facts(lineage=Lineage(origin="Registry", run_id="r1", parameters={"depth": "x" * 9000}))
        return Reference("models:/churn/1", "s3://m/1", "1", facts)


def stored(cluster: FakeCluster) -> dict[str, Any]:
    return dict(cluster.objects["ModelVersion", "ml", "v1"]["status"])


def said(cluster: FakeCluster) -> tuple[str, str]:
    ready = next(one for one in stored(cluster)["conditions"] if one["type"] == "Ready")
    return ready["reason"], ready["message"]


async def waiting() -> tuple[FakeCluster, Loop, Answering]:
    """A version whose registry is not there."""
    cluster, answering = FakeCluster(), Answering()
    cluster.create(version(source=NAMING))
    loop = Loop(cluster, FakeClock(), answering)
    await loop.settle()
    return cluster, loop, answering


async def test_a_version_waits_for_its_registry_and_is_resolved_when_that_comes() -> None:
    cluster, loop, answering = await waiting()
    assert said(cluster) == (
        "WaitingForRegistry",
        "there is no ModelRegistry risk in the namespace ml, which `source.registryRef` names",
    )
    assert answering.asked == 0
    cluster.create(registry(**GUARDED))
    cluster.create(secret(token=CANARY.encode()))
    loop.watch()
    await loop.settle()
    resolved = stored(cluster)["resolved"]
    assert resolved["access"] == {"name": "risk", "system": "mlflow", "address": "http://mlflow", "options": {}} | {
        "secretName": "mlflow"
    }
    assert resolved["lineage"]["runId"] == "r1"
    assert len(resolved["lineage"]["parameters"]["depth"]) == 512, "what users wrote is cut, not refused"
    (access,) = set(loop.sources.opened)
    assert access is not None
    assert dict(access.secrets) == {"token": CANARY}


async def test_a_registry_and_a_secret_of_another_namespace_are_nobodys() -> None:
    """Tenants have a namespace each; names in it mean what is there and nothing else."""
    cluster, answering = FakeCluster(), Answering()
    theirs = version(source=NAMING)
    cluster.create({**theirs, "metadata": {**theirs["metadata"], "namespace": "theirs"}})
    cluster.create(registry(**GUARDED))
    cluster.create(secret(token=CANARY.encode()))
    loop = Loop(cluster, FakeClock(), answering)
    await loop.settle()

    def told() -> str:
        return str(cluster.objects["ModelVersion", "theirs", "v1"]["status"]["conditions"])

    assert "there is no ModelRegistry risk in the namespace theirs" in told()
    ours = registry(**GUARDED)
    cluster.create({**ours, "metadata": {**ours["metadata"], "namespace": "theirs"}})
    loop.watch()
    while await loop.step():
        pass
    await asyncio.gather(*(job.task for job in loop.resolver._jobs.values() if job.task is not None))
    while await loop.step():
        pass
    assert "Secret mlflow, which `credentials.secretRef` names, is not in the namespace theirs" in told()
    assert answering.asked == 0
    await loop.resolver.close()


async def test_a_restart_asks_nobody_for_what_is_resolved() -> None:
    cluster, _, answering = await waiting()
    cluster.create(registry())
    await Loop(cluster, FakeClock(), answering).settle()
    assert answering.asked == 1
    cluster.writes.clear()
    cluster.create(registry(mlflow={"address": "http://elsewhere"}))
    await Loop(cluster, FakeClock(), answering).settle()
    assert (answering.asked, [write for write in cluster.writes if write[1] != "ModelRegistry"]) == (1, [])


async def test_no_secret_gets_out_whatever_fails(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for failure in (SourceError("no", retry=False), ValueError(CANARY), RuntimeError(f"Bearer {CANARY}")):
        cluster, answering = FakeCluster(), Answering()
        answering.failure = failure
        cluster.create(version(source=NAMING))
        cluster.create(registry(**GUARDED))
        cluster.create(secret(token=CANARY.encode()))
        loop = Loop(cluster, FakeClock(), answering)
        while await loop.step():
            pass
        job = loop.resolver._jobs["ml", "v1"]
        assert job.task is not None
        await job.task
        while await loop.step():
            pass
        await loop.resolver.close()
        assert answering.asked == 1
        shown = f"{stored(cluster)} {cluster.events} {loop.sources.opened} {job} {caplog.text}"
        assert CANARY not in shown


async def test_an_edited_registry_is_asked_at_once_whatever_was_to_be_waited() -> None:
    cluster, answering = FakeCluster(), Answering()
    answering.failure = SourceError("busy", wait=300.0)
    cluster.create(version(source=NAMING))
    cluster.create(registry())
    loop = Loop(cluster, FakeClock(), answering)
    while await loop.step():
        pass
    first = loop.resolver._jobs["ml", "v1"].task
    assert first is not None
    await first
    while await loop.step():
        pass
    assert said(cluster) == ("WaitingForRegistry", "busy")
    answering.failure = None
    cluster.create(registry(mlflow={"address": "http://elsewhere"}))
    loop.watch()
    async with asyncio.timeout(60):
        await loop.settle()
    assert said(cluster)[0] == "Resolved"
    assert stored(cluster)["resolved"]["access"]["address"] == "http://elsewhere"
