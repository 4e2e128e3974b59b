"""Would catch a ModelVersion that goes on waiting after its ModelRegistry has come, changed or gone."""

from typing import Any

from crossfade.api import meta
from crossfade.watch.queue import Key, Priority

from tests.unit.fakes.objects import rollout, version
from tests.unit.watch.test_wake import Watcher

RISK = [(Key("ModelRegistry", "ml", "risk"), Priority.CHANGE)]
V1 = [*RISK, (Key("ModelVersion", "ml", "v1"), Priority.CHANGE)]
ASKED = {"writeBack": {"champion": "champion"}}
NAMING = {"mlflow": {"name": "churn", "version": "1"}, "registryRef": {"name": "risk"}}


def registry(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "risk", "namespace": "ml"}
    spec = {"mlflow": {"address": "http://mlflow"}, **spec}
    return {"apiVersion": meta.API_VERSION, "kind": "ModelRegistry", "metadata": metadata, "spec": spec}


def test_a_registry_that_comes_changes_and_goes_wakes_the_versions_that_wait_for_it() -> None:
    watcher = Watcher(version(source=NAMING), version("v2"))
    made = watcher.cluster.create(registry())
    watcher.raw["risk"] = made
    watcher.world.absorb(made)
    assert watcher.woken() == V1
    assert watcher.change("risk", metadata={"generation": 2}) == V1
    watcher.world.remove({**made, "metadata": {**made["metadata"], "resourceVersion": "9001"}})
    assert watcher.woken() == V1


def test_a_label_on_a_registry_wakes_nobody() -> None:
    watcher = Watcher(version(source=NAMING), registry())
    assert watcher.change("risk", metadata={"labels": {"team": "risk"}}) == []


def test_a_version_that_is_resolved_waits_for_no_registry() -> None:
    watcher = Watcher(version(source=NAMING), registry())
    watcher.change("v1", status={"resolved": {"uri": "models:/churn/1"}})
    assert watcher.change("risk", metadata={"generation": 2}) == RISK


def test_what_a_rollout_comes_to_wakes_the_registries_that_are_told_of_it() -> None:
    told = [(Key("ModelRegistry", "ml", "risk"), Priority.PERIODIC)]
    for status in (
        {"stable": {"modelVersion": "v1"}},
        {"candidate": {"modelVersion": "v2"}},
        {"history": [{"at": "1"}]},
    ):
        assert Watcher(rollout(), registry(**ASKED)).change("demo", status=status) == told
        assert Watcher(rollout(), registry()).change("demo", status=status) == []
    watcher = Watcher(rollout(), registry(**ASKED))
    watcher.change("risk", spec=registry()["spec"], metadata={"generation": 2})
    assert watcher.change("demo", status={"stable": {"modelVersion": "v1"}}) == []


def test_our_own_status_of_a_registry_and_that_of_a_stage_wake_nobody() -> None:
    watcher = Watcher(rollout(), registry(**ASKED))
    assert watcher.change("risk", status={"observedGeneration": 1}) == []
    assert watcher.change("demo", status={"stage": {"index": 1}}) == []
