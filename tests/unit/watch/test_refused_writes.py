"""Would catch a status that flips, or is written at every look, while the API server refuses one and the same write."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from crossfade.act.execute import ActionError
from crossfade.api import meta
from crossfade.api.conditions import Reason
from crossfade.decide.plan import Apply, Event, Plan, Situation, Standing, Target, Weigh
from crossfade.decide.rollout import plan_rollout
from crossfade.model.evidence import Counters, Evidence, Series
from crossfade.model.snapshot import Snapshot
from crossfade.ports import ClusterError, Object
from crossfade.watch import reconcile

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout, version
from tests.unit.watch.test_reconcile import before_its_first_stage, promoted, ready

KYVERNO = 'admission webhook "validate.kyverno.svc-fail" denied the request: resource Deployment/ml was blocked'
QUOTA = "deployments.apps is forbidden: exceeded quota: small"


class Statuses:
    """Each status that is written to the Rollout, in order."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.written: list[Object] = []
        self._apply = cluster.apply_status
        cluster.apply_status = self._noted  # type: ignore[method-assign]

    async def _noted(self, kind: Any, body: Object) -> Object:
        stored = await self._apply(kind, body)
        if kind.kind == "Rollout":
            self.written.append(body["status"])
        return stored

    @property
    def said(self) -> list[str]:
        """The sentence of Ready in each."""
        return [one["message"] for found in self.written for one in found["conditions"] if one["type"] == "Ready"]


def deny(cluster: FakeCluster, words: str, kind: str = "Deployment") -> None:
    """An admission webhook refuses objects of the kind."""

    def refuse(verb: str, other: str, name: str) -> bool:
        if verb in ("apply", "scale") and other == kind:
            raise ClusterError(words, 400)
        return False

    cluster.refuse = refuse


def allow(cluster: FakeCluster) -> None:
    cluster.refuse = lambda verb, kind, name: False


def names(cluster: FakeCluster, kind: str) -> frozenset[str]:
    return frozenset(name for other, _, name in cluster.objects if other == kind)


async def looked_at(loop: Loop) -> None:
    """One look, at which the write is tried, and refused."""
    loop.world.breach(("ml", "demo"))
    with pytest.raises(ActionError):
        await loop.settle()


async def denied() -> tuple[FakeCluster, FakeClock, Loop, Statuses]:
    """v1 serves, v2 is asked for, and a webhook denies its Deployment; that was met once."""
    cluster, clock = await promoted()
    deny(cluster, KYVERNO)
    cluster.create(version("v2"))
    cluster.create(rollout("v2"))
    loop = Loop(cluster, clock)
    with pytest.raises(ActionError):
        await loop.settle()
    return cluster, clock, loop, Statuses(cluster)


async def test_a_denied_deployment_is_tried_at_each_look_and_nothing_is_written_or_told_meanwhile() -> None:
    """kubectl get -w stays silent."""
    cluster, clock, loop, statuses = await denied()
    assert KYVERNO in ready(cluster)["message"]
    before, status = list(cluster.writes), cluster.objects["Rollout", "ml", "demo"]["status"]
    for _ in range(5):
        clock.at += 300
        await looked_at(loop)
    assert cluster.writes == before
    assert (statuses.said, cluster.objects["Rollout", "ml", "demo"]["status"]) == ([], status)


async def test_a_restart_changes_no_word_of_it() -> None:
    cluster, clock, _, statuses = await denied()
    before = list(cluster.writes)
    clock.at += 300
    again = Loop(cluster, clock)
    for _ in range(2):
        await looked_at(again)
    assert (cluster.writes, statuses.said) == (before, [])


async def first_denied(kind: str) -> tuple[FakeCluster, FakeClock, Loop, Statuses]:
    """v1 is to be the first version, and a webhook denies objects of the kind; that was met whenever it could be."""
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(version())
    cluster.create(rollout())
    deny(cluster, KYVERNO, kind)
    loop = Loop(cluster, clock)
    for _ in range(3):  # also when its pods are ready
        await looked_at(loop)
    return cluster, clock, loop, Statuses(cluster)


@pytest.mark.parametrize("kind", ["Deployment", "HTTPRoute"])
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_first_version_says_so_throughout_although_its_gateways_are_read_anew(
    kind: str, *, restarted: bool
) -> None:
    cluster, clock, loop, statuses = await first_denied(kind)
    assert KYVERNO in ready(cluster)["message"]
    before = list(cluster.writes)
    for _ in range(3):
        clock.at += 300  # what was read of a Gateway is too old by now
        await looked_at(Loop(cluster, clock) if restarted else loop)
    assert (cluster.writes, statuses.said) == (before, [])
    allow(cluster)
    clock.at += 300
    loop.world.breach(("ml", "demo"))
    await loop.settle()
    assert KYVERNO not in ready(cluster)["message"]


async def test_what_else_a_first_version_lacks_meanwhile_is_said() -> None:
    cluster, clock, loop, _ = await first_denied("Deployment")
    del cluster.objects["ModelVersion", "ml", "v1"]
    clock.at += 300
    loop.watch()
    await loop.settle()
    assert ready(cluster)["reason"] == "WaitingForModelVersion"


async def test_the_look_at_which_it_goes_through_says_what_is_so() -> None:
    cluster, clock, loop, statuses = await denied()
    for _ in range(3):
        await looked_at(loop)
    allow(cluster)
    clock.at += 300
    loop.world.breach(("ml", "demo"))
    assert await loop.step()
    assert len(names(cluster, "Deployment")) == 2
    assert len(statuses.said) == 1
    assert KYVERNO not in ready(cluster)["message"]
    await loop.settle()
    assert not [said for said in statuses.said if KYVERNO in said]


async def test_other_words_of_the_refusal_are_told_once() -> None:
    cluster, _, loop, statuses = await denied()
    deny(cluster, QUOTA)
    for _ in range(4):
        await looked_at(loop)
    (said,) = statuses.said
    assert QUOTA in said
    assert ready(cluster)["message"] == said


async def test_another_version_that_is_asked_for_meanwhile_is_started_and_nothing_is_said_of_the_former() -> None:
    cluster, _, loop, statuses = await denied()
    await looked_at(loop)
    allowed = names(cluster, "Deployment")
    cluster.create(version("v3"))
    cluster.create(rollout("v3"))
    deny(cluster, QUOTA)  # in other words, so that they are told apart
    loop.watch()
    for _ in range(4):
        await looked_at(loop)
    status = cluster.objects["Rollout", "ml", "demo"]["status"]
    assert status["candidate"]["modelVersion"] == "v3"
    assert QUOTA in ready(cluster)["message"]
    assert not [said for said in statuses.said if KYVERNO in said]
    settled = len(statuses.said)
    await looked_at(loop)
    assert len(statuses.said) == settled
    allow(cluster)
    loop.world.breach(("ml", "demo"))
    await loop.settle()
    assert "could not be written" not in ready(cluster)["message"]
    assert len(names(cluster, "Deployment") - allowed) == 1


async def on_its_first_stage() -> tuple[FakeCluster, FakeClock, Loop, Statuses]:
    """v2 gets a tenth, somebody has scaled v1, and a webhook denies that it is scaled back; that was met once."""
    cluster, clock = await promoted()
    loop = await before_its_first_stage(cluster, clock)
    await loop.settle()
    status = cluster.objects["Rollout", "ml", "demo"]["status"]
    assert status["stage"]["name"] == "ten"
    scaled = cluster.objects["Deployment", "ml", status["stable"]["revision"]]
    cluster.create({**scaled, "spec": {**scaled["spec"], "replicas": 3}})
    deny(cluster, KYVERNO)
    loop.watch()
    await looked_at(loop)
    return cluster, clock, loop, Statuses(cluster)


def count(cluster: FakeCluster, clock: FakeClock, loop: Loop, requests: float) -> None:
    """Prometheus is read again: so many requests have come to each arm."""
    status = cluster.objects["Rollout", "ml", "demo"]["status"]
    arms = [status[arm]["revision"] for arm in ("stable", "candidate")]
    counted = [Series(arm, f"{arm}-0", ((clock.at - 15.0, requests - 50.0), (clock.at, requests))) for arm in arms]
    loop.poller.evidence["ml", "demo"] = Evidence(clock.at, {"errors": Counters(total=tuple(counted))})


async def test_figures_of_a_stage_are_recorded_as_ever_and_the_refusal_is_said_throughout() -> None:
    cluster, clock, loop, statuses = await on_its_first_stage()
    assert KYVERNO in ready(cluster)["message"]
    figures = []
    for number in range(1, 5):
        clock.at += 60
        count(cluster, clock, loop, 100.0 * number)
        await looked_at(loop)
        assert len(statuses.written) <= number, "once a look"
        figures.append(cluster.objects["Rollout", "ml", "demo"]["status"]["analysis"]["at"])
    assert len(set(figures)) > 1
    assert [said for said in statuses.said if KYVERNO not in said] == []


async def test_a_rollback_that_is_decided_meanwhile_is_written_and_recorded_at_once() -> None:
    cluster, _, loop, statuses = await on_its_first_stage()
    for _ in range(2):
        await looked_at(loop)
    found = cluster.objects["Rollout", "ml", "demo"]
    cluster.create({**found, "metadata": {**found["metadata"], "annotations": {"crossfade.dev/abort": "1"}}})
    loop.watch()
    loop.world.breach(("ml", "demo"))
    assert await loop.step()
    status = cluster.objects["Rollout", "ml", "demo"]["status"]
    backends = cluster.objects["HTTPRoute", "ml", "demo"]["spec"]["rules"][0]["backendRefs"]
    weights = {one["name"]: one.get("weight", 1) for one in backends if one.get("weight", 1)}
    assert [*weights] == [status["stable"]["revision"]]
    assert (status["outcome"]["result"], status["handled"][0]["effect"]) == ("Aborted", "Obeyed")
    assert ready(cluster)["reason"] == "Aborted"
    assert KYVERNO not in ready(cluster)["message"]
    assert len(statuses.said) == 1


async def test_a_warning_that_comes_while_a_write_is_refused_is_told_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has to do what about another trouble is said nowhere else: the sentence is the refusal's."""
    cluster, clock, loop, _ = await denied()

    def contested(snapshot: Snapshot) -> Plan:
        plan, why = plan_rollout(snapshot), "kubectl wrote the weights: say retry"
        told = Event(Reason.ROUTE_CONTESTED, why, warning=True)
        return replace(plan, situation=Situation(Standing.FAILED, Reason.ROUTE_CONTESTED, why), events=(told,))

    monkeypatch.setattr(reconcile, "plan_rollout", contested)
    for _ in range(3):
        clock.at += 300
        await looked_at(loop)
    (event,) = (one for one in cluster.events if one["reason"] == "RouteContested")
    assert event["note"] == "kubectl wrote the weights: say retry"
    assert (ready(cluster)["reason"], KYVERNO in ready(cluster)["message"]) == ("RouteContested", True)


async def kept() -> tuple[FakeCluster, FakeClock, Loop, Statuses]:
    """v1 serves, v2 is there, and the Service of a version before may not be deleted; that was met once."""
    cluster, clock = await promoted()
    cluster.create(version("v2"))
    await Loop(cluster, clock).settle()
    for kind in ("Deployment", "Service"):
        serves = next(raw for (other, _, _), raw in cluster.objects.items() if other == kind)
        labels = {**serves["metadata"]["labels"], meta.LABEL_REVISION: "demo-0"}
        old = {"name": "demo-0", "namespace": "ml", "labels": labels}
        template = {**serves["spec"].get("template", {}), "metadata": {"labels": labels}}
        spec = {**serves["spec"], "template": template} if kind == "Deployment" else serves["spec"]
        cluster.create({**serves, "metadata": old, "spec": spec})

    def protect(verb: str, other: str, name: str) -> bool:
        if (verb, other) == ("delete", "Service"):
            raise ClusterError(KYVERNO, 400)
        return False

    cluster.refuse = protect
    loop = Loop(cluster, clock)
    with pytest.raises(ActionError):
        await loop.settle()
    return cluster, clock, loop, Statuses(cluster)


async def test_a_child_that_may_not_be_deleted_is_said_once() -> None:
    cluster, clock, loop, statuses = await kept()
    assert ready(cluster)["message"].startswith(
        "Service demo-0 could not be deleted (it has no traffic and no role any"
    )
    assert KYVERNO in ready(cluster)["message"]
    for _ in range(3):
        clock.at += 300
        await looked_at(loop)
    assert statuses.said == []
    allow(cluster)
    clock.at += 300
    loop.world.breach(("ml", "demo"))
    await loop.settle()
    assert "demo-0" not in names(cluster, "Deployment") | names(cluster, "Service")
    assert ready(cluster)["status"] == "True"


async def test_the_next_version_starts_although_an_old_child_may_not_be_deleted() -> None:
    """And what else is to come comes at its own time, not at that of the next try."""
    cluster, clock, loop, _ = await kept()
    cluster.create(rollout("v2"))
    clock.at += 300
    loop.watch()
    await looked_at(loop)
    await asyncio.gather(*loop.scout._tasks.values())  # what the Gateways are is read meanwhile
    await looked_at(loop)
    assert len(names(cluster, "Deployment")) == 3
    await looked_at(loop)
    assert loop.queue.next_due() == clock.at + 10


async def test_an_abort_is_recorded_although_an_old_child_may_not_be_deleted() -> None:
    """It is news, and what was refused is told by the next look."""
    cluster, clock, loop, _ = await kept()
    asked = rollout("v2")
    cluster.create({**asked, "metadata": {**asked["metadata"], "annotations": {"crossfade.dev/abort": "1"}}})
    clock.at += 300
    loop.watch()
    await looked_at(loop)
    status = cluster.objects["Rollout", "ml", "demo"]["status"]
    assert (status["outcome"]["result"], status["handled"][0]["effect"]) == ("Aborted", "Obeyed")
    assert len(names(cluster, "Deployment")) == 2, "v2 was not begun"


async def test_weights_that_nobody_may_write_are_told_once_with_what_was_done_in_their_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is no error of the look, which goes on, and its status is what is so."""
    cluster, clock = await promoted()
    route = {**cluster.objects["HTTPRoute", "ml", "demo"], "metadata": {"name": "shop", "namespace": "ml"}}
    backend = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "demo-green", "namespace": "ml"},
        "spec": {"ports": []},
    }
    version = cluster.create(route)["metadata"]["resourceVersion"]
    test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    weigh = Weigh("shop", "demo", {}, (test,), "v1 must have all", (Apply(Target.SERVICE, backend, "v1 must answer"),))
    monkeypatch.setattr(reconcile, "plan_rollout", lambda seen: replace(plan_rollout(seen), first=(weigh,)))
    cluster.refuse = lambda verb, kind, name: verb == "patch" and kind == "HTTPRoute"
    loop = Loop(cluster, clock)
    for _ in range(3):
        loop.world.breach(("ml", "demo"))
        await loop.step()
    assert ("apply", "Service", "demo-green") in cluster.writes
    assert ready(cluster)["status"] == "True"
    (event,) = (one for one in cluster.events if one["reason"] == "RouteRefused")
    assert event["type"] == "Warning"
    assert event["note"] == (
        "HTTPRoute shop could not be written (v1 must have all): patch of shop is refused;"
        " written in its place: Service demo-green (v1 must answer)"
    )
