"""Would catch a change that wakes nobody, and a write of our own status that wakes ourselves for ever."""

import copy
from typing import Any

from crossfade.watch.queue import Key, Priority, WorkQueue
from crossfade.watch.world import World

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.objects import pod, rollout, version

DEMO, V1 = Key("Rollout", "ml", "demo"), Key("ModelVersion", "ml", "v1")


class Watcher:
    """A world in which everything was looked at already."""

    def __init__(self, *bodies: dict[str, Any]) -> None:
        self.queue = WorkQueue(FakeClock(), lambda: 0.0)
        self.world = World(self.queue)
        self.cluster = FakeCluster()
        self.raw = {body["metadata"]["name"]: self.cluster.create(body) for body in bodies}
        for raw in self.raw.values():
            self.world.absorb(raw)
        self.woken()

    def change(self, name: str, **parts: Any) -> list[tuple[Key, Priority]]:
        raw = copy.deepcopy(self.raw[name]) | {k: v for k, v in parts.items() if k != "metadata"}
        raw["metadata"] |= {"resourceVersion": "9000", **parts.get("metadata", {})}
        self.world.absorb(raw)
        return self.woken()

    def woken(self) -> list[tuple[Key, Priority]]:
        found = list(iter(self.queue.take, None))
        for key, _ in found:
            self.queue.done(key)
        return found


def test_a_new_rollout_and_its_version_are_looked_at() -> None:
    queue = WorkQueue(FakeClock(), lambda: 0.0)
    world, cluster = World(queue), FakeCluster()
    world.absorb(cluster.create(version()))
    world.absorb(cluster.create(rollout()))
    assert {taken[0] for taken in iter(queue.take, None)} == {DEMO, V1}


def test_our_own_status_writes_wake_nobody() -> None:
    assert Watcher(rollout()).change("demo", status={"observedGeneration": 1}) == []


def test_what_people_say_wakes_at_once() -> None:
    for said in ({"generation": 2}, {"annotations": {"crossfade.dev/retry": "1"}}, {"deletionTimestamp": "now"}):
        assert Watcher(rollout()).change("demo", metadata=said) == [(DEMO, Priority.USER)]


def test_other_annotations_wake_nobody() -> None:
    assert Watcher(rollout()).change("demo", metadata={"annotations": {"argocd.argoproj.io/refresh": "1"}}) == []


def test_a_resolved_version_wakes_the_rollouts_that_name_it_and_not_itself() -> None:
    watcher = Watcher(version(), rollout(), rollout("v2", name="other"))
    assert watcher.change("v1", status={"resolved": {}}) == [(DEMO, Priority.CHANGE)]


def test_a_rollout_is_found_by_the_version_that_it_names_now() -> None:
    watcher = Watcher(version(), rollout())
    watcher.change("demo", spec=rollout("v2")["spec"], metadata={"generation": 2})
    assert watcher.change("v1", status={"resolved": {}}) == []


def test_a_change_of_a_pod_wakes_its_rollout_and_a_mere_new_version_of_it_does_not() -> None:
    watcher = Watcher(rollout(), pod())
    assert watcher.change("p") == []
    watcher.raw["p"]["status"] = {"conditions": []}
    raw = copy.deepcopy(watcher.raw["p"])
    raw["metadata"]["resourceVersion"] = "9001"
    watcher.world.absorb(raw)
    assert watcher.woken() == [(DEMO, Priority.CHANGE)]
    watcher.world.remove(raw)
    assert watcher.woken() == [(DEMO, Priority.CHANGE)]


def test_what_an_autoscaler_says_of_its_metrics_wakes_nobody_and_another_bound_does() -> None:
    scaler = {**pod("a"), "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": {"minReplicas": 1}}
    watcher = Watcher(rollout(), scaler)
    assert watcher.change("a", status={"currentReplicas": 3}) == []
    assert watcher.change("a", spec={"minReplicas": 2}, metadata={"resourceVersion": "9001"}) == [
        (DEMO, Priority.CHANGE)
    ]


def test_a_child_of_a_rollout_that_is_not_there_wakes_nobody() -> None:
    watcher = Watcher(rollout(), pod(rollout_name="gone"))
    watcher.world.remove(watcher.raw["p"])
    assert watcher.woken() == []


def test_a_route_wakes_the_rollouts_that_adopted_it_whatever_its_label_says() -> None:
    adopted = {"gatewayAPI": {"mode": "Adopted", "adopted": {"name": "shop", "rule": "model"}}}
    shop = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": {"rules": []}}
    labels = {"crossfade.dev/rollout": "another"}
    shop["metadata"] = {"name": "shop", "namespace": "ml", "labels": labels}
    watcher = Watcher(rollout(traffic=adopted), rollout(name="other"), shop)
    assert watcher.change("shop", spec={"rules": [{}]}) == [(DEMO, Priority.CHANGE)]
    watcher.change("demo", spec=rollout()["spec"], metadata={"generation": 2})
    assert watcher.change("shop", spec={"rules": []}, metadata={"resourceVersion": "9001"}) == []
