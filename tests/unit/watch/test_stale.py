"""Would catch a replica that decides from a record that is not the stored one any more, and writes that over it."""

import copy
from typing import Any

import pytest
from crossfade.model.evidence import Counters, Evidence, Series
from crossfade.ports import ClusterError, Object

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout, version
from tests.unit.watch.test_reconcile import before_its_first_stage, promoted, ready

DEMO = ("Rollout", "ml", "demo")


def status_of(cluster: FakeCluster) -> Object:
    found: Object = cluster.objects[DEMO]["status"]
    return found


def shares(cluster: FakeCluster) -> dict[str, int]:
    """What the stored route gives, by revision."""
    backends = cluster.objects["HTTPRoute", "ml", "demo"]["spec"]["rules"][0]["backendRefs"]
    return {one["name"]: one.get("weight", 1) for one in backends if one.get("weight", 1)}


def annotate(cluster: FakeCluster, **said: str) -> None:
    """Somebody annotates the Rollout."""
    found = cluster.objects[DEMO]
    known = found["metadata"].get("annotations", {})
    told = {**known, **{f"crossfade.dev/{key}": value for key, value in said.items()}}
    cluster.create({**found, "metadata": {**found["metadata"], "annotations": told}}, generation=0)


def counted(cluster: FakeCluster, clock: FakeClock, loop: Loop) -> None:
    """Prometheus answers."""
    arms = [status_of(cluster)["stable"]["revision"]]
    seen = [Series(arm, f"{arm}-0", ((clock.at - 15.0, 50.0), (clock.at, 90.0))) for arm in arms]
    loop.poller.evidence["ml", "demo"] = Evidence(clock.at, {"errors": Counters(total=tuple(seen))})


async def on_its_first_stage() -> tuple[FakeCluster, FakeClock, Loop]:
    """v1 serves, and v2 gets a tenth."""
    cluster, clock = await promoted()
    loop = await before_its_first_stage(cluster, clock)
    await loop.settle()
    assert status_of(cluster)["stage"]["name"] == "ten"
    return cluster, clock, loop


def behind(cluster: FakeCluster, clock: FakeClock, old: Object) -> Loop:
    """Another process, which knows all but that the Rollout is not what it was."""
    now = cluster.objects[DEMO]
    cluster.objects[DEMO] = old
    loop = Loop(cluster, clock)
    cluster.objects[DEMO] = now
    counted(cluster, clock, loop)
    return loop


async def test_what_was_taken_back_is_not_given_again_by_whoever_did_not_hear_of_it() -> None:
    cluster, clock, loop = await on_its_first_stage()
    old = copy.deepcopy(cluster.objects[DEMO])
    annotate(cluster, abort="1")
    loop.watch()
    await loop.settle()
    told = status_of(cluster)
    assert (told["outcome"]["result"], len(shares(cluster))) == ("Aborted", 1)
    annotate(cluster)  # what `old` does not have is not what keeps it back
    cluster.objects[DEMO]["metadata"].pop("annotations")
    after = behind(cluster, clock, old)
    cluster.writes.clear()
    clock.at += 5
    counted(cluster, clock, after)
    await after.step()
    assert [one for one in cluster.writes if one[1] != "Event"] == [], "nothing is written from it at all"
    await after.settle()
    assert len(shares(cluster)) == 1
    assert (status_of(cluster)["outcome"], ready(cluster)["reason"]) == (told["outcome"], "Aborted")


async def test_a_stage_is_not_entered_by_whoever_did_not_hear_of_the_abort() -> None:
    """Here the record comes before the route, and is refused."""
    cluster, clock = await promoted()
    loop = await before_its_first_stage(cluster, clock)
    old = copy.deepcopy(cluster.objects[DEMO])
    annotate(cluster, abort="1")
    foresights = dict(loop.foreseer.found)
    loop.watch()
    await loop.settle()
    told = status_of(cluster)
    after = behind(cluster, clock, old)
    after.foreseer.found.update(foresights)
    before = list(cluster.writes)
    await after.step()
    assert cluster.writes == before
    await after.settle()
    assert (len(shares(cluster)), status_of(cluster)["outcome"]) == (1, told["outcome"])


async def test_a_rollback_that_is_written_is_told_whoever_annotates_the_rollout_meanwhile() -> None:
    """By the next look it could look as if there had been no traffic to lose."""
    cluster, _, loop = await on_its_first_stage()
    annotate(cluster, abort="1")
    loop.watch()
    apply, late = cluster.apply, [1, 2, 3]

    async def applied(kind: Any, body: Object, *, force: bool) -> Object:
        stored = await apply(kind, body, force=force)
        annotate(cluster, note="by a dashboard")
        return stored

    told = cluster.apply_status

    async def dashed(kind: Any, body: Object) -> Object:
        if late:
            annotate(cluster, note=str(late.pop()))
        return await told(kind, body)

    cluster.apply = applied  # type: ignore[method-assign]
    cluster.apply_status = dashed  # type: ignore[method-assign]
    loop.world.breach(("ml", "demo"))
    await loop.step()
    assert len(shares(cluster)) == 1
    assert status_of(cluster)["outcome"]["result"] == "Aborted"


def written_late(cluster: FakeCluster, **changed: Any) -> None:
    """Somebody writes the Rollout, once, just before its status is stored: these of its metadata are others."""
    told = cluster.apply_status

    async def late(kind: Any, body: Object) -> Object:
        cluster.apply_status = told  # type: ignore[method-assign]
        found = cluster.objects[DEMO]
        cluster.version += 1
        metadata = {**found["metadata"], "resourceVersion": str(cluster.version), **changed}
        cluster.objects[DEMO] = {**found, "metadata": metadata}
        return await told(kind, body)

    cluster.apply_status = late  # type: ignore[method-assign]
    cluster.writes.clear()


async def test_nothing_is_told_of_a_spec_that_was_not_looked_at() -> None:
    cluster, _, loop = await on_its_first_stage()
    annotate(cluster, abort="1")
    loop.watch()
    written_late(cluster, generation=7)
    loop.world.breach(("ml", "demo"))
    await loop.step()
    assert len(shares(cluster)) == 1
    assert ("status", "Rollout", "demo") not in cluster.writes
    await loop.settle()
    assert status_of(cluster)["outcome"]["result"] == "Aborted"
    assert status_of(cluster)["observedGeneration"] == 7


async def test_nothing_is_told_of_another_rollout_of_the_same_name() -> None:
    """Deleted and made anew, neither has a status, and both are of the first generation."""
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(version())
    await Loop(cluster, clock).settle()
    cluster.create(rollout())
    loop = Loop(cluster, clock)
    written_late(cluster, uid="of-another")
    loop.world.breach(("ml", "demo"))
    await loop.step()
    assert ("status", "Rollout", "demo") not in cluster.writes
    await loop.settle()
    assert ("status", "Rollout", "demo") in cluster.writes


async def test_whoever_annotates_without_a_pause_costs_looks_and_no_error() -> None:
    cluster, _, loop = await on_its_first_stage()
    annotate(cluster, abort="1")
    loop.watch()
    told = cluster.apply_status

    async def dashed(kind: Any, body: Object) -> Object:
        annotate(cluster, note=str(cluster.version))
        return await told(kind, body)

    cluster.apply_status = dashed  # type: ignore[method-assign]
    for _ in range(3):
        loop.world.breach(("ml", "demo"))
        await loop.step()
    assert len(shares(cluster)) == 1, "it is back all the same"
    cluster.apply_status = told  # type: ignore[method-assign]
    await loop.settle()
    assert status_of(cluster)["outcome"]["result"] == "Aborted"


async def test_an_annotation_that_says_nothing_to_us_costs_a_look() -> None:
    cluster, clock, loop = await on_its_first_stage()
    scaled = cluster.objects["Deployment", "ml", status_of(cluster)["stable"]["revision"]]
    cluster.create({**scaled, "spec": {**scaled["spec"], "replicas": 3}})
    loop.watch()
    annotate(cluster, note="by a dashboard")
    clock.at += 1
    loop.world.breach(("ml", "demo"))
    cluster.writes.clear()
    await loop.step()
    assert cluster.writes == []
    await loop.step()
    assert [verb for verb, _, _ in cluster.writes] == ["scale", "status"]


async def test_an_answer_that_was_lost_costs_a_look_and_no_backoff() -> None:
    """The status was stored, and nobody was told."""
    cluster, clock, loop = await on_its_first_stage()
    apply = cluster.apply_status

    async def lost(kind: Any, body: Object) -> Object:
        await apply(kind, body)
        cluster.apply_status = apply  # type: ignore[method-assign]
        raise ClusterError("the API server did not answer within 10 s")

    cluster.apply_status = lost  # type: ignore[method-assign]
    clock.at += 60
    counted(cluster, clock, loop)
    loop.world.breach(("ml", "demo"))
    with pytest.raises(ClusterError):
        await loop.step()
    loop.world.breach(("ml", "demo"))
    await loop.step()
    assert loop.world.cache.get(*DEMO) == cluster.objects[DEMO]


async def test_a_version_that_was_annotated_meanwhile_is_looked_at_again() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(version())
    loop = Loop(cluster, clock)
    found = cluster.objects["ModelVersion", "ml", "v1"]
    cluster.create({**found, "metadata": {**found["metadata"], "annotations": {"team": "x"}}}, generation=0)
    await loop.step()
    assert "status" not in cluster.objects["ModelVersion", "ml", "v1"]
    await loop.step()
    assert "status" in cluster.objects["ModelVersion", "ml", "v1"]


@pytest.mark.parametrize("stored", ["as it was seen", "of an older version, as from a backup"])
async def test_a_conflict_of_another_kind_is_told_and_backs_off(stored: str) -> None:
    """Else it would be tried without a pause."""
    cluster, _, loop = await on_its_first_stage()

    async def refused(kind: Any, body: Object) -> Object:
        raise ClusterError("the webhook says that there is a conflict", 409)

    cluster.apply_status = refused  # type: ignore[method-assign]
    if stored != "as it was seen":
        cluster.objects[DEMO]["metadata"]["resourceVersion"] = "7"
    annotate_in_cache(loop)
    with pytest.raises(ClusterError, match="the webhook says"):
        await loop.step()


def annotate_in_cache(loop: Loop) -> None:
    """An order that has to be answered in the status."""
    found = copy.deepcopy(loop.world.cache.get(*DEMO))
    assert found is not None
    found["metadata"]["annotations"] = {"crossfade.dev/retry": "9"}
    loop.world.cache._objects["Rollout"]["ml", "demo"] = found
    loop.world.breach(("ml", "demo"))
