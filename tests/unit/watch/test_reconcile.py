"""Would catch a loop that writes when nothing changed, does not converge after a lost write, or hides a refusal."""

import asyncio
from typing import Any

import pytest
from crossfade.act.execute import ActionError
from crossfade.decide.plan import Plan
from crossfade.model.evidence import Counters, Evidence, Series
from crossfade.ports import ClusterError
from crossfade.watch import reconcile
from prometheus_client import REGISTRY

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout, version


def ready(cluster: FakeCluster, name: str = "demo") -> dict[str, Any]:
    status = cluster.objects["Rollout", "ml", name]["status"]
    return next(c for c in status["conditions"] if c["type"] == "Ready")


async def promoted(count: int = 1) -> tuple[FakeCluster, FakeClock]:
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(version())
    for number in range(count):
        cluster.create(rollout(name=f"demo-{number}" if count > 1 else "demo"))
    await Loop(cluster, clock).settle()
    clock.at += 60
    await Loop(cluster, clock).settle()
    return cluster, clock


async def test_a_first_version_comes_to_serve_in_any_order_of_creation() -> None:
    """GitOps property 10."""
    cluster, clock = FakeCluster(), FakeClock()
    loop = Loop(cluster, clock)
    cluster.create(rollout())
    loop.watch()
    await loop.settle()
    assert ready(cluster)["reason"] == "WaitingForModelVersion"
    cluster.create(version())
    loop.watch()
    await loop.settle()
    assert ready(cluster)["status"] == "True"
    assert cluster.objects["Rollout", "ml", "demo"]["status"]["stable"]["modelVersion"] == "v1"


async def test_a_restart_and_a_resync_over_a_hundred_rollouts_write_nothing() -> None:
    """GitOps property 9."""
    cluster, clock = await promoted(count=100)
    cluster.writes.clear()
    clock.at += 3600
    await Loop(cluster, clock).settle()
    assert cluster.writes == []


def timed(result: str) -> float:
    """How many rollouts were counted that ended so."""
    return REGISTRY.get_sample_value("crossfade_rollout_seconds_count", {"result": result}) or 0.0


async def test_how_long_a_rollout_took_is_counted_once_when_it_ends() -> None:
    """Case B12."""
    before = timed("Promoted")
    cluster, clock = await promoted()
    assert timed("Promoted") == before + 1
    status = cluster.objects["Rollout", "ml", "demo"]["status"]
    assert (status["outcome"]["began"], "began" in status) == (status["history"][0]["began"], False)
    await Loop(cluster, clock).settle()
    assert timed("Promoted") == before + 1


async def test_a_route_that_others_changed_is_put_right_counted_and_told() -> None:
    cluster, clock = await promoted()
    route = cluster.objects["HTTPRoute", "ml", "demo"]
    before = REGISTRY.get_sample_value("crossfade_route_repairs_total") or 0.0
    cluster.create({**route, "spec": {**route["spec"], "rules": [{**route["spec"]["rules"][0], "backendRefs": []}]}})
    await Loop(cluster, clock).settle()
    assert cluster.objects["HTTPRoute", "ml", "demo"]["spec"] == route["spec"]
    assert REGISTRY.get_sample_value("crossfade_route_repairs_total") == before + 1
    assert [one["note"] for one in cluster.events if one["reason"] == "RouteRepaired"] != []


async def changed_by_others() -> tuple[FakeCluster, Loop]:
    """A route of ours in which others have put nobody."""
    cluster, clock = await promoted()
    route = cluster.objects["HTTPRoute", "ml", "demo"]
    cluster.create({**route, "spec": {**route["spec"], "rules": [{**route["spec"]["rules"][0], "backendRefs": []}]}})
    return cluster, Loop(cluster, clock)


async def test_a_second_repair_of_the_same_is_counted_where_the_first_was_told() -> None:
    cluster, loop = await changed_by_others()
    await loop.settle()
    route = cluster.objects["HTTPRoute", "ml", "demo"]
    cluster.create({**route, "spec": {**route["spec"], "rules": [{**route["spec"]["rules"][0], "backendRefs": []}]}})
    loop.watch()
    await loop.settle()
    assert [one["series"]["count"] for one in told(cluster, "RouteRepaired")] == [2]


def told(cluster: FakeCluster, reason: str) -> list[dict[str, Any]]:
    return [one for one in cluster.events if one["reason"] == reason]


async def test_hosts_that_are_edited_twice_before_the_gateway_follows_were_changed_by_nobody_else() -> None:
    cluster, clock = await promoted()
    loop = Loop(cluster, clock)
    for host in ("a.test", "b.test"):
        api = cluster.objects["Rollout", "ml", "demo"]["spec"]["traffic"]["gatewayAPI"]
        cluster.create(rollout(traffic={"gatewayAPI": {**api, "hostnames": [host]}}))
        await until_idle(loop)
        assert cluster.objects["HTTPRoute", "ml", "demo"]["spec"]["hostnames"] == [host]
    assert told(cluster, "RouteRepaired") == []


async def until_idle(loop: Loop) -> None:
    """Reconcile what there is to do, while no gateway answers."""
    loop.watch()
    while await loop.step() or loop.scout._tasks:
        await asyncio.gather(*loop.scout._tasks.values())


async def test_a_repair_that_was_refused_is_told_when_it_is_done() -> None:
    cluster, loop = await changed_by_others()
    cluster.refuse = lambda verb, kind, name: kind == "HTTPRoute"
    with pytest.raises(ActionError):
        await loop.settle()
    assert told(cluster, "RouteRepaired") == []
    cluster.refuse = lambda verb, kind, name: False
    loop.world.breach(("ml", "demo"))
    await loop.settle()
    assert len(told(cluster, "RouteRepaired")) == 1


async def test_a_repair_that_is_refused_again_and_again_is_said_once() -> None:
    """With a stage under way, whose proof goes first."""
    cluster, clock = await promoted()
    loop = await before_its_first_stage(cluster, clock)
    await loop.settle()
    route = cluster.objects["HTTPRoute", "ml", "demo"]
    cluster.create({**route, "spec": {**route["spec"], "rules": [{**route["spec"]["rules"][0], "backendRefs": []}]}})
    cluster.refuse = lambda verb, kind, name: kind == "HTTPRoute"
    loop.watch()
    written, said = [], []
    for _ in range(4):
        loop.world.breach(("ml", "demo"))
        with pytest.raises(ActionError):
            await until_idle(loop)
        written.append(len(cluster.writes))
        said.append(ready(cluster)["message"])
    assert written[0] == written[-1], "a refusal that stays is no news"
    assert "could not be written" in said[0]
    assert len({*said}) == 1


async def test_a_standstill_stays_one_while_a_write_is_refused() -> None:
    cluster, clock = await promoted()
    loop = await before_its_first_stage(cluster, clock)
    found = cluster.objects["Rollout", "ml", "demo"]
    order = {"crossfade.dev/abort": "token-1", "crossfade.dev/abort-by": "jo", "crossfade.dev/abort-reason": "a trial"}
    cluster.create({**found, "metadata": {**found["metadata"], "annotations": order}})
    loop.watch()
    await until_idle(loop)
    assert (ready(cluster)["status"], ready(cluster)["reason"]) == ("False", "Aborted")
    cluster.refuse = lambda verb, kind, name: kind == "HTTPRoute"
    route = cluster.objects["HTTPRoute", "ml", "demo"]
    cluster.create({**route, "spec": {**route["spec"], "rules": [{**route["spec"]["rules"][0], "backendRefs": []}]}})
    loop.watch()
    with pytest.raises(ActionError):
        await until_idle(loop)
    assert (ready(cluster)["status"], ready(cluster)["reason"]) == ("False", "Aborted")
    assert "could not be written" in ready(cluster)["message"]


async def test_a_repair_is_told_although_the_status_after_it_was_refused() -> None:
    cluster, loop = await changed_by_others()
    cluster.refuse = lambda verb, kind, name: verb == "status"
    with pytest.raises(ClusterError):
        await loop.settle()
    assert len(told(cluster, "RouteRepaired")) == 1


async def test_what_is_recorded_is_told_although_the_write_after_it_was_refused() -> None:
    cluster, clock = await promoted()
    loop = await before_its_first_stage(cluster, clock)
    cluster.refuse = lambda verb, kind, name: kind == "HTTPRoute"
    with pytest.raises(ActionError):
        await loop.settle()
    (one,) = told(cluster, "Shifting")
    assert one["note"] == "1/2 ten: v2 is to get 10% of the requests"


async def test_an_autoscaler_and_a_budget_are_made_once_put_right_and_taken_away() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(version())
    cluster.create(rollout(serving={"autoscaling": {"max": 4}}))
    loop = Loop(cluster, clock)
    await loop.settle()
    (revision,) = (name for kind, _, name in cluster.objects if kind == "Deployment")
    scaler, budget = ("HorizontalPodAutoscaler", "ml", revision), ("PodDisruptionBudget", "ml", revision)
    assert cluster.objects[budget]["spec"]["maxUnavailable"] == 1
    cluster.writes.clear()
    await Loop(cluster, clock).settle()
    assert cluster.writes == []
    cluster.create({**cluster.objects[scaler], "spec": {**cluster.objects[scaler]["spec"], "maxReplicas": 9}})
    loop.watch()
    await loop.settle()
    assert cluster.writes == [("apply", "HorizontalPodAutoscaler", revision)]
    cluster.create(rollout(serving={"replicas": 1}))
    loop.watch()
    await loop.settle()
    assert not {scaler, budget} & cluster.objects.keys()


class Killed(BaseException):
    """The process ends between two writes."""


async def test_whatever_write_was_the_last_before_a_crash_the_next_process_finishes() -> None:
    survived = 0
    while True:
        cluster, clock = FakeCluster(), FakeClock()
        cluster.create(version())
        cluster.create(rollout())
        crash_after(cluster, survived)
        try:
            await Loop(cluster, clock).settle()
        except Killed:
            pass
        else:
            break
        cluster.refuse = lambda verb, kind, name: False
        await Loop(cluster, clock).settle()
        assert ready(cluster)["status"] == "True", f"after a crash at write {survived}"
        survived += 1
    assert survived >= 5


def crash_after(cluster: FakeCluster, writes: int) -> None:
    def crash(verb: str, kind: str, name: str) -> bool:
        if len(cluster.writes) == writes:
            raise Killed
        return False

    cluster.refuse = crash


async def before_its_first_stage(cluster: FakeCluster, clock: FakeClock) -> Loop:
    """A second version is asked for, and all is known that its first stage waits for."""
    cluster.create(version("v2"))
    cluster.create(rollout("v2"))
    loop = Loop(cluster, clock)
    await loop.settle()
    status = cluster.objects["Rollout", "ml", "demo"]["status"]
    stable = status["stable"]["revision"]
    assert "stage" not in status, "nothing is known of the metrics yet"
    counted = Series(stable, f"{stable}-0", ((clock.at - 15.0, 50.0), (clock.at, 90.0)))
    loop.poller.evidence["ml", "demo"] = Evidence(clock.at, {"errors": Counters(total=(counted,))})
    loop.world.breach(("ml", "demo"))
    await loop.settle()
    await asyncio.gather(*loop.foreseer._tasks.values())
    return loop


async def test_a_second_version_gets_its_first_stage_once_the_past_is_read_and_is_remembered_until_it_goes() -> None:
    cluster, clock = await promoted()
    loop = await before_its_first_stage(cluster, clock)
    await loop.settle()
    assert cluster.objects["Rollout", "ml", "demo"]["status"]["stage"]["name"] == "ten"
    assert [ledger.step for ledger in loop.world.ledgers.values()] == [15.0]
    assert loop.foreseer.found == {}, "what was made use of is not kept"
    loop.world.remove(cluster.objects["Rollout", "ml", "demo"])
    assert loop.world.ledgers == {}


async def test_a_refused_write_is_shown_in_the_status_and_retried() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(version())
    cluster.create(rollout())
    cluster.refuse = lambda verb, kind, name: kind == "Deployment"
    loop = Loop(cluster, clock)
    with pytest.raises(ActionError):
        await loop.settle()
    assert "could not be written" in ready(cluster)["message"]
    assert ready(cluster)["status"] == "Unknown"
    cluster.refuse = lambda verb, kind, name: False
    loop.world.breach(("ml", "demo"))
    await loop.settle()
    assert ready(cluster)["status"] == "True"


async def test_a_kind_of_route_that_goes_is_named_and_all_goes_on_when_it_is_back() -> None:
    cluster, clock = await promoted()
    before = cluster.objects.pop(("HTTPRoute", "ml", "demo"))
    cluster.unserved.add("HTTPRoute")
    loop = Loop(cluster, clock)
    with pytest.raises(ActionError):
        await loop.settle()
    assert "this cluster does not have HTTPRoutes" in ready(cluster)["message"]
    assert ready(cluster)["status"] == "Unknown"
    assert loop.world.doubted.is_set(), "whether the kind is there is looked at now"
    cluster.unserved.clear()
    await Loop(cluster, clock).settle()
    assert ready(cluster)["status"] == "True"
    assert cluster.objects["HTTPRoute", "ml", "demo"]["spec"] == before["spec"]


async def test_a_route_of_others_with_the_rollouts_name_stays_theirs_and_the_status_says_so() -> None:
    """Cases E4 and S28."""
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(version())
    cluster.create(rollout())
    theirs = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": {"parentRefs": []}}
    cluster.create({**theirs, "metadata": {"name": "demo", "namespace": "ml"}})
    loop = Loop(cluster, clock)
    with pytest.raises(ActionError):
        await loop.settle()
    assert cluster.objects["HTTPRoute", "ml", "demo"]["spec"] == theirs["spec"]
    assert "rename the Rollout or delete the HTTPRoute" in ready(cluster)["message"]


async def test_a_fault_of_the_operator_is_shown_without_its_details_and_goes_when_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster, clock = await promoted()
    healthy = cluster.objects["Rollout", "ml", "demo"]["status"]
    with monkeypatch.context() as broken:
        broken.setattr(reconcile, "plan_rollout", lambda snapshot: fail("secret"))
        with pytest.raises(ZeroDivisionError):
            await Loop(cluster, clock).settle()
    faulty = cluster.objects["Rollout", "ml", "demo"]["status"]
    said = {condition["type"]: condition for condition in faulty["conditions"]}
    assert said["Ready"]["status"] == "Unknown"
    assert "a fault of its own" in said["Reconciling"]["message"]
    assert "secret" not in str(faulty)
    assert said["Available"]["status"] == "True"
    assert faulty["stable"] == healthy["stable"]
    await Loop(cluster, clock).settle()
    assert ready(cluster)["status"] == "True"


async def test_a_fault_that_cannot_be_shown_either_is_still_the_one_that_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster, clock = await promoted()
    cluster.refuse = lambda verb, kind, name: True
    monkeypatch.setattr(reconcile, "plan_rollout", lambda snapshot: fail("secret"))
    with pytest.raises(ZeroDivisionError):
        await Loop(cluster, clock).settle()


def fail(text: str) -> Plan:
    raise ZeroDivisionError(text)


async def test_a_status_that_cannot_be_written_is_an_error_and_not_a_loss() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(version())
    cluster.refuse = lambda verb, kind, name: verb == "status"
    with pytest.raises(ClusterError):
        await Loop(cluster, clock).settle()
    cluster.refuse = lambda verb, kind, name: False
    await Loop(cluster, clock).settle()
    assert cluster.objects["ModelVersion", "ml", "v1"]["status"]["resolved"]["files"] == 1


async def test_bytes_that_are_not_the_pinned_ones_are_refused_for_good() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(version(artifact={"digest": "sha256:" + "0" * 64}))
    cluster.create(rollout())
    await Loop(cluster, clock).settle()
    stored = cluster.objects["ModelVersion", "ml", "v1"]["status"]
    assert {c["type"]: c["reason"] for c in stored["conditions"]}["Stalled"] == "DigestMismatch"
    assert ready(cluster)["status"] == "False"


async def test_an_unreadable_spec_is_said_so_with_its_field() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(rollout(strategy={"stages": []}))
    await Loop(cluster, clock).settle()
    assert ready(cluster)["reason"] == "InvalidSpec"
    assert "spec.strategy.stages" in ready(cluster)["message"]
