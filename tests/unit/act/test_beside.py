"""Would catch an apply that is refused for a port of others, and a finalizer of ours that others hold for ever, or that
is taken from who has it from Git."""

from typing import Any

import pytest
from crossfade.act.beside import clearing, letting_go
from crossfade.act.execute import execute
from crossfade.api import meta
from crossfade.decide.plan import Apply, Target
from crossfade.decide.workloads import ports
from crossfade.model.moments import stamp
from crossfade.ports import ROLLOUTS, Kind, Object

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout, version

(OURS,) = ports()
METRICS: Object = {"name": "metrics", "port": 9090, "targetPort": 9090, "protocol": "TCP"}
NAMED: Object = {"name": "demo", "namespace": "ml", "labels": {meta.LABEL_ROLLOUT: "demo"}}


def service(*found: Object) -> Object:
    selector = {meta.LABEL_REVISION: "demo-0123456789"}
    spec = {"selector": selector, "ports": list(found)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": NAMED, "spec": spec}


@pytest.mark.parametrize(
    ("found", "then"),
    [
        ([{**OURS, "port": 8080}], [OURS]),
        ([METRICS, {**OURS, "port": 8080}], [OURS, METRICS]),
        ([{"port": 8080, "targetPort": "http"}], [OURS]),
        ([{**OURS, "protocol": "UDP"}], [OURS]),
        (
            [{**OURS, "name": "web", "nodePort": 30080}, {**OURS, "port": 8080}],
            [{**OURS, "name": "web", "nodePort": 30080}],
        ),
    ],
)
def test_a_port_under_the_name_of_ours_goes_and_others_stay(found: list[Object], then: list[Object]) -> None:
    (one,) = clearing(service(*found), service(OURS))
    assert one == {"op": "replace", "path": "/spec/ports", "value": then}


@pytest.mark.parametrize(
    "found",
    [[OURS], [OURS, METRICS], [METRICS], [], [{"port": 80, "targetPort": 9}], [{**OURS, "name": "web"}]],
)
def test_what_ours_can_stand_beside_or_is_merged_with_is_left_to_the_apply(found: list[Object]) -> None:
    assert clearing(service(*found), service(OURS)) == ()


@pytest.mark.parametrize("label", [True, False], ids=["with our label", "without"])
async def test_the_port_is_taken_out_of_the_way_before_the_service_is_written(label: bool) -> None:
    """Without the label nobody but the API server knows the Service, nor its ports."""
    cluster, stored = FakeCluster(), service({**OURS, "port": 8080}, METRICS)
    wrote = {"manager": "crossfade", "fieldsV1": {"f:spec": {"f:selector": {}}}}
    others: Object = {"name": "demo", "namespace": "ml", "managedFields": [wrote]}
    found = cluster.create(stored if label else {**stored, "metadata": others})
    actions = [Apply(Target.SERVICE, service(OURS), "why")]
    await execute(cluster, "ml", actions, lambda *_: found if label else None, lambda _: None, lambda _: None)
    assert cluster.writes == [("patch", "Service", "demo"), ("apply", "Service", "demo")]


class Restored(FakeCluster):
    """Somebody made the Rollout from a copy, with all finalizers: they are his too."""

    async def apply(self, kind: Kind, body: Object, *, force: bool) -> Object:
        """As the API server: what others hold stays, and what changes nothing is no other version."""
        if kind is not ROLLOUTS:
            return await super().apply(kind, body, force=force)
        stored = self.objects[kind.kind, "ml", "demo"]
        held = stored["metadata"].get("finalizers", [])
        named = [*held, *(one for one in body["metadata"]["finalizers"] if one not in held)]
        if named == held:
            self._record("apply", kind, "demo")
            return stored
        return await super().apply(kind, {**body, "metadata": {**body["metadata"], "finalizers": named}}, force=force)


DELETED = {"deletionTimestamp": "2026-01-01T00:10:00Z"}


def held(*finalizers: str, **more: Any) -> Object:
    metadata = {"name": "demo", "namespace": "ml", "finalizers": list(finalizers), **more}
    return {"apiVersion": meta.API_VERSION, "kind": "Rollout", "metadata": metadata}


@pytest.mark.parametrize("others", [[], ["others/one"]], ids=["alone", "beside another"])
async def test_our_finalizer_goes_from_a_deleted_rollout_although_somebody_else_wrote_it_too(others: list[str]) -> None:
    cluster, seen = Restored(), list[dict[str, Any]]()
    found = cluster.create(held(*others, meta.FINALIZER, **DELETED))
    actions = [Apply(Target.ROLLOUT, held(), "nothing is left to undo")]
    await execute(cluster, "ml", actions, lambda *_: found, seen.append, lambda _: None)
    assert seen[-1]["metadata"]["finalizers"] == others
    assert cluster.writes == [("apply", "Rollout", "demo"), ("patch", "Rollout", "demo")]


async def test_a_finalizer_that_git_has_too_stays_at_rest_and_holds_up_no_deletion() -> None:
    """GitOps property 3. Who puts it back would wake us, and we would take it again, without an end."""
    cluster, clock = Restored(), FakeClock()
    cluster.create(version())
    asked = rollout()
    cluster.create({**asked, "metadata": {**asked["metadata"], "finalizers": [meta.FINALIZER]}})
    for _ in range(3):
        await Loop(cluster, clock).settle()
        clock.at += 60
    found = cluster.objects["Rollout", "ml", "demo"]
    assert found["status"]["conditions"][0]["reason"] == "Promoted"
    assert found["metadata"]["finalizers"] == [meta.FINALIZER]
    assert ("patch", "Rollout", "demo") not in cluster.writes
    cluster.create({**found, "metadata": {**found["metadata"], "deletionTimestamp": stamp(clock.at)}})
    loop = Loop(cluster, clock)
    for _ in range(3):
        await loop.settle()
        clock.at += 10
    assert cluster.objects["Rollout", "ml", "demo"]["metadata"]["finalizers"] == []


def test_a_rollout_that_is_let_go_is_patched_no_more() -> None:
    assert letting_go(held("others/one", **DELETED)) == ()
    assert letting_go({"metadata": DELETED}) == ()
