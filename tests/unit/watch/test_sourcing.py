"""Would catch a ModelSource that makes a version twice, moves against an owner, is not woken, or writes for nothing."""

import asyncio
from typing import Any

import pytest
from crossfade.api import meta
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.ports import ClusterError, Kind, Object, Reference, SourceError
from crossfade.watch.queue import Key

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout, version

GRANTED = [
    {
        "manager": f"{meta.MOVES_MANAGER}fraud",
        "operation": "Apply",
        "fieldsV1": {"f:spec": {"f:modelVersion": {}}},
    }
]
KUBECTL = [
    {
        "manager": "kubectl-client-side-apply",
        "operation": "Update",
        "fieldsV1": {"f:spec": {"f:modelVersion": {}}},
    }
]


class Aliases:
    """The Registry port: an alias that means `version`. `asked` is how often it was asked what it means."""

    def __init__(self, version: str = "7") -> None:
        self.version = version
        self.asked = 0
        self.failure: Exception | None = None

    async def resolve(self, source: Source) -> Reference:
        """See ports.Registry."""
        assert source.mlflow is not None
        if source.mlflow.alias is None:
            number = source.mlflow.version or ""
        else:
            self.asked += 1
            if self.failure:
                raise self.failure
            number = self.version
        exact = source.mlflow.model_copy(update={"alias": None, "version": number})
        pinned = source.model_copy(update={"mlflow": exact})
        return Reference(f"models:/fraud/{number}", f"s3://m/{number}", number, None, pinned)


def source(name: str = "fraud", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": meta.API_VERSION,
        "kind": "ModelSource",
        "metadata": {"name": name, "namespace": "ml"},
        "spec": {
            "mlflow": {"name": "fraud", "alias": "champion"},
            "template": {"modelName": "fraud"},
            **spec,
        },
    }


def managed(raw: dict[str, Any], fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {**raw, "metadata": {**raw["metadata"], "managedFields": fields}}


def made(cluster: FakeCluster) -> list[str]:
    """The versions that were made, by their versions in the registry."""
    found = [raw for (kind, _, name), raw in cluster.objects.items() if kind == "ModelVersion" and name != "v1"]
    return [raw["spec"]["source"]["mlflow"]["version"] for raw in found]


def said(cluster: FakeCluster, name: str = "fraud") -> str:
    status = cluster.objects["ModelSource", "ml", name]["status"]
    return str(next(one["reason"] for one in status["conditions"] if one["type"] == "Ready"))


async def settled(loop: Loop, seconds: float = 0.0) -> None:
    loop.clock.at += seconds
    for _ in range(4):  # what one object's look brings about, another's has to see
        await loop.settle()


def named(cluster: FakeCluster) -> str:
    return str(cluster.objects["Rollout", "ml", "demo"]["spec"]["modelVersion"])


async def test_an_alias_that_moves_makes_a_version_and_one_that_stays_makes_none() -> None:
    cluster, registry = FakeCluster(), Aliases()
    cluster.create(source())
    loop = Loop(cluster, FakeClock(), registry)
    await settled(loop)
    assert (made(cluster), registry.asked, said(cluster)) == (["7"], 1, "Proposed")
    await settled(loop, 70.0)
    assert (made(cluster), registry.asked) == (["7"], 2)
    registry.version = "8"
    await settled(loop, 70.0)
    assert made(cluster) == ["7", "8"]
    registry.version = "7"
    await settled(loop, 70.0)
    assert made(cluster) == ["7", "8"]
    assert [event["note"] for event in cluster.events if event["regarding"]["kind"] == "ModelSource"] == [
        f"alias champion of fraud is version {number}, ModelVersion {name}, was made"
        for number, name in (("7", _name(cluster, "7")), ("8", _name(cluster, "8")))
    ]


def _name(cluster: FakeCluster, number: str) -> str:
    found = [name for (kind, _, name) in cluster.objects if kind == "ModelVersion"]
    return next(one for one in found if one.startswith(f"fraud-0-0-{number}-"))


async def test_a_restart_and_a_look_for_nothing_ask_and_write_nothing() -> None:
    cluster, registry = FakeCluster(), Aliases()
    cluster.create(source())
    clock = FakeClock()
    await settled(Loop(cluster, clock, registry))
    cluster.writes.clear()
    again = Loop(cluster, clock, registry)
    await settled(again)
    again.queue.add(Key("ModelSource", "ml", "fraud"))
    await settled(again, 30.0)
    assert (cluster.writes, registry.asked) == ([], 1)


async def test_a_kill_between_the_version_and_its_record_makes_no_second_one() -> None:
    cluster, registry, clock = FakeCluster(), Aliases(), FakeClock()
    cluster.create(source())
    cluster.refuse = lambda verb, kind, name: verb == "status" and kind == "ModelSource" and bool(made(cluster))
    loop = Loop(cluster, clock, registry)
    with pytest.raises(ClusterError, match="refused"):
        await settled(loop)
    assert made(cluster) == ["7"]
    cluster.refuse = lambda verb, kind, name: False
    await settled(Loop(cluster, clock, registry))
    assert (made(cluster), said(cluster)) == (["7"], "Proposed")


async def test_two_sources_that_hear_the_same_share_its_version() -> None:
    cluster, registry = FakeCluster(), Aliases()
    cluster.create(source())
    cluster.create(source("other"))
    loop = Loop(cluster, FakeClock(), registry)
    await settled(loop)
    loop.clock.at += 2.0
    await settled(loop)
    assert (made(cluster), said(cluster), said(cluster, "other")) == (["7"], "Proposed", "Proposed")


async def test_a_registry_that_fails_is_asked_once_an_interval_and_keeps_what_was_heard() -> None:
    cluster, registry = FakeCluster(), Aliases()
    cluster.create(source())
    loop = Loop(cluster, FakeClock(), registry)
    await settled(loop)
    registry.failure = SourceError("no alias; correct `source.mlflow`", retry=False)
    await settled(loop, 70.0)
    await settled(loop, 10.0)
    status = cluster.objects["ModelSource", "ml", "fraud"]["status"]
    assert (registry.asked, said(cluster), status["observed"]["version"]) == (2, "WaitingForRegistry", "7")
    assert status["failure"] == "no alias; correct `spec.mlflow`"
    registry.failure = None
    await settled(loop, 70.0)
    assert (registry.asked, said(cluster)) == (3, "Proposed")


async def test_a_rollout_that_was_handed_over_is_moved_and_one_that_somebody_owns_is_not() -> None:
    for fields, reason in ((GRANTED, "Moved"), (KUBECTL, "FieldOwned")):
        cluster, registry = FakeCluster(), Aliases()
        cluster.create(version())
        cluster.create(managed(rollout(), fields))
        loop = Loop(cluster, FakeClock(), registry)
        await settled(loop)
        cluster.create(source(moves={"rollout": "demo"}))
        loop.watch()
        await settled(loop)
        assert said(cluster) == reason
        assert named(cluster) == (_name(cluster, "7") if reason == "Moved" else "v1")
        writes = [one for one in cluster.writes if one[0] == "claim"]
        assert writes == ([("claim", "Rollout", "demo")] if reason == "Moved" else [])
        cluster.writes.clear()
        loop.queue.add(Key("ModelSource", "ml", "fraud"))
        await settled(loop)
        assert [one for one in cluster.writes if one[1] in ("Rollout", "ModelSource")] == []


async def test_a_version_that_is_resolved_before_the_source_has_said_whose_it_waits_for_is_not_missed() -> None:
    cluster, registry = FakeCluster(), Aliases()
    cluster.create(version())
    cluster.create(managed(rollout(), GRANTED))
    loop = Loop(cluster, FakeClock(), registry)
    await settled(loop)
    cluster.create(source(moves={"rollout": "demo"}, interval="24h"))
    loop.watch()
    apply = cluster.apply_status

    async def late(kind: Kind, body: Object) -> Object:
        heard = body["status"].get("observed") if kind.kind == "ModelSource" else None
        if heard is not None and _resolved(cluster, heard["modelVersion"]) is None:
            for _ in range(4):  # others look at the ModelVersion while this is being written
                await loop.reconciler.reconcile(Key("ModelVersion", "ml", heard["modelVersion"]))
                await asyncio.gather(*[job.task for job in loop.resolver._jobs.values() if job.task])
            loop.watch()
            assert _resolved(cluster, heard["modelVersion"]) is not None
        return await apply(kind, body)

    cluster.apply_status = late  # type: ignore[method-assign]
    await settled(loop)
    await settled(loop, 2.0)
    assert (named(cluster), registry.asked) == (_name(cluster, "7"), 1)


def _resolved(cluster: FakeCluster, name: str) -> Any:
    return cluster.objects["ModelVersion", "ml", name].get("status", {}).get("resolved")


async def test_what_one_source_moves_no_other_does_and_it_is_told_whose_it_is() -> None:
    cluster, registry = FakeCluster(), Aliases()
    cluster.create(version())
    cluster.create(managed(rollout(), GRANTED))
    loop = Loop(cluster, FakeClock(), registry)
    await settled(loop)
    cluster.create(source("other", moves={"rollout": "demo"}))
    loop.watch()
    await settled(loop)
    ready = next(one for one in _status(cluster, "other")["conditions"] if one["type"] == "Ready")
    assert (ready["reason"], named(cluster)) == ("FieldOwned", "v1")
    assert "is owned by crossfade-modelsource/fraud, so nothing was written" in ready["message"]


def _status(cluster: FakeCluster, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.objects["ModelSource", "ml", name]["status"]
    return found


async def test_a_source_waits_for_the_rollout_that_is_under_way_and_is_woken_at_its_end() -> None:
    cluster, registry = FakeCluster(), Aliases()
    cluster.create(version())
    cluster.create(managed(rollout(suspend=True), GRANTED))
    cluster.create(source(moves={"rollout": "demo"}))
    loop = Loop(cluster, FakeClock(), registry)
    await settled(loop)
    assert (said(cluster), named(cluster)) == ("WaitingForRollout", "v1")
    cluster.create(managed(rollout(), GRANTED))
    loop.watch()
    await settled(loop)
    assert (said(cluster), named(cluster)) == ("Moved", _name(cluster, "7"))
    assert registry.asked == 1


async def test_a_source_that_is_deleted_takes_no_version_along_and_asks_no_more() -> None:
    cluster, registry = FakeCluster(), Aliases()
    raw = cluster.create(source())
    loop = Loop(cluster, FakeClock(), registry)
    await settled(loop)
    made_by_it = cluster.objects["ModelVersion", "ml", _name(cluster, "7")]
    assert "ownerReferences" not in made_by_it["metadata"]
    del cluster.objects["ModelSource", "ml", "fraud"]
    loop.world.remove({**raw, "metadata": {**raw["metadata"], "resourceVersion": "9001"}})
    await settled(loop, 70.0)
    assert (made(cluster), registry.asked, loop.asker._answers) == (["7"], 1, {})


async def test_what_the_api_server_refuses_is_said_and_asked_again_an_interval_later() -> None:
    for verb, words in (("make", "the ModelVersion could not be made"), ("claim", "the Rollout could not be moved")):
        cluster, registry = FakeCluster(), Aliases()
        cluster.create(version())
        cluster.create(managed(rollout(), GRANTED))
        loop = Loop(cluster, FakeClock(), registry)
        await settled(loop)
        cluster.refuse = lambda done, kind, name, verb=verb: done == verb
        cluster.create(source(moves={"rollout": "demo"}))
        loop.watch()
        await settled(loop)
        (ready,) = [
            one
            for one in cluster.objects["ModelSource", "ml", "fraud"]["status"]["conditions"]
            if one["type"] == "Ready"
        ]
        assert (ready["reason"], ready["message"].partition(":")[0]) == ("NotWritten", words)
        assert (named(cluster), registry.asked) == ("v1", 1)
        cluster.refuse = lambda done, kind, name: False
        await settled(loop, 70.0)
        assert (said(cluster), registry.asked) == ("Moved", 2)


async def test_what_stays_refused_is_said_throughout_and_told_once_however_often_it_is_asked_for() -> None:
    for verb in ("make", "claim"):
        cluster, clock, registry = FakeCluster(), FakeClock(), Aliases()
        cluster.create(version())
        cluster.create(managed(rollout(), GRANTED))
        loop = Loop(cluster, clock, registry)
        await settled(loop)
        cluster.refuse = lambda done, kind, name, verb=verb: done == verb
        cluster.create(source(moves={"rollout": "demo"}))
        loop.watch()
        await settled(loop)
        words, apply = [], cluster.apply_status

        async def noted(kind: Kind, body: Object, words: list[Any] = words, apply: Any = apply) -> Object:
            if kind.kind == "ModelSource":
                words.append([one["message"] for one in body["status"]["conditions"]])
            return await apply(kind, body)

        cluster.apply_status = noted  # type: ignore[method-assign]
        for _ in range(3):
            await settled(loop, 70.0)
        assert registry.asked == 4
        assert len({str(one) for one in words}) == 1, words
        assert len(words) == 3, "when it was asked last"
        assert ["series" in one for one in cluster.events if one["reason"] == "NotWritten"] == [False]


async def test_from_a_source_that_was_changed_meanwhile_nothing_is_made() -> None:
    cluster, key = FakeCluster(), Key("ModelSource", "ml", "fraud")
    cluster.create(source())
    loop = Loop(cluster, FakeClock(), Aliases())
    await loop.reconciler.reconcile(key)
    await asyncio.gather(*[job.task for job in loop.asker._jobs.values()])
    found = cluster.objects[key]
    cluster.create({**found, "metadata": {**found["metadata"], "annotations": {"team": "x"}}}, generation=0)
    assert await loop.reconciler.reconcile(key) == 1.0
    assert made(cluster) == []
    await loop.reconciler.reconcile(key)
    assert len(made(cluster)) == 1
