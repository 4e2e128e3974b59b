"""Would catch a ModelSource that sleeps through what it waits for, or is woken by every figure of a rollout."""

from itertools import count
from typing import Any

from crossfade.watch.queue import Key

from tests.unit.fakes.objects import rollout, version
from tests.unit.watch.test_registry_wakes import registry
from tests.unit.watch.test_sourcing import source
from tests.unit.watch.test_wake import Watcher

SOURCE = Key("ModelSource", "ml", "fraud")
VERSIONS = count(10_000)
HEARD = {"observed": {"modelVersion": "v1"}}


def watcher(*objects: dict[str, Any]) -> Watcher:
    """A ModelSource that names all that it can, and heard of v1; what is woken is told by its name alone."""
    made = source(registryRef={"name": "risk"}, moves={"rollout": "demo"})
    found = Watcher(made, *objects)
    found.change("fraud", status=HEARD)
    return found


def woken(found: Watcher, name: str, *, metadata: dict[str, Any] | None = None, **change: Any) -> bool:
    newer = {"resourceVersion": str(next(VERSIONS)), **(metadata or {})}
    return SOURCE in [key for key, _ in found.change(name, metadata=newer, **change)]


def test_its_own_spec_wakes_it_and_its_own_status_does_not() -> None:
    found = watcher()
    assert woken(found, "fraud", metadata={"generation": 2}, status=HEARD)
    assert not woken(found, "fraud", metadata={"generation": 2}, status=HEARD | {"lastChecked": "x"})


def test_its_registry_its_version_and_its_rollout_wake_it() -> None:
    found = watcher(registry(), version(), rollout())
    assert woken(found, "risk", metadata={"generation": 2})
    assert woken(found, "v1", status={"resolved": {"digest": "x"}})
    edited = {"generation": 2}
    assert woken(found, "demo", metadata=edited)
    assert woken(found, "demo", metadata=edited, status={"candidate": {"ready": 0}})
    assert not woken(found, "demo", metadata=edited, status={"candidate": {"ready": 1}})
    assert woken(found, "demo", metadata=edited, status={"outcome": {"result": "Promoted"}})


def test_others_do_not() -> None:
    found = watcher(version("v2"), rollout(name="other"))
    assert not woken(found, "v2", status={"resolved": {"digest": "x"}})
    assert not woken(found, "other", metadata={"generation": 2})


def test_what_it_names_no_more_does_not() -> None:
    found = watcher(rollout())
    assert woken(found, "fraud", spec=source()["spec"], metadata={"generation": 2})
    assert not woken(found, "demo", metadata={"generation": 3})
