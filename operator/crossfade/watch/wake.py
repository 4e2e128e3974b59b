"""Which keys a change wakes. Our own status writes change nothing that is looked at here, so they wake nobody."""

from collections.abc import Iterator
from typing import Any

from crossfade.api import meta
from crossfade.model.order import VERBS
from crossfade.observe.cache import Cache, Change
from crossfade.ports import Object
from crossfade.watch.queue import Key, Priority
from crossfade.watch.source_wakes import SourceWakes, Wake, note


class Wakes:
    """Knows which Rollouts name a ModelVersion or a route, which ModelVersions wait for a ModelRegistry, and which of
    those are told of rollouts; kept up with the cache's changes."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._naming: dict[tuple[str, str], set[str]] = {}
        self._adopting: dict[tuple[str, str], set[str]] = {}
        self._waiting: dict[tuple[str, str], set[str]] = {}
        self._told: dict[tuple[str, str], set[str]] = {}
        self._sources = SourceWakes()

    def of(self, change: Change) -> list[Wake]:
        """The keys to look at because of `change`, each with its urgency."""
        if change.kind == "Rollout":
            self._index(change)
        if change.kind == "ModelVersion":
            self._index_waiting(change)
        sources = self._sources.of(change)
        if change.kind == "ModelRegistry":
            self._index_told(change)
            return [*self._wakes_of_registry(change), *sources]
        return [*self._wakes(change), *sources]

    def _wakes(self, change: Change) -> Iterator[Wake]:
        namespace, name = change.subject["metadata"]["namespace"], change.subject["metadata"]["name"]
        known = change.before is not None
        if change.kind in ("Rollout", "ModelVersion", "ModelSource"):
            if _intent(change.before) != _intent(change.after):
                yield Key(change.kind, namespace, name), Priority.USER if known else Priority.CHANGE
            if change.kind == "ModelVersion" and _resolution(change.before) != _resolution(change.after):
                for rollout in self._naming.get((namespace, name), ()):
                    yield Key("Rollout", namespace, rollout), Priority.CHANGE
            yield from self._tellings(change, namespace)
        elif _content(change.before) != _content(change.after):
            for rollout in self._adopting.get((namespace, name), ()) if change.kind == "HTTPRoute" else ():
                yield Key("Rollout", namespace, rollout), Priority.CHANGE
            for label in {_label(change.before), _label(change.after)} - {None}:
                if self._cache.get("Rollout", namespace, str(label)) is not None:
                    yield Key("Rollout", namespace, str(label)), Priority.CHANGE

    def _tellings(self, change: Change, namespace: str) -> Iterator[Wake]:
        if change.kind == "Rollout" and _progress(change.before) != _progress(change.after):
            for registry in self._told.get((namespace, ""), ()):
                yield Key("ModelRegistry", namespace, registry), Priority.PERIODIC

    def _wakes_of_registry(self, change: Change) -> Iterator[Wake]:
        namespace, name = change.subject["metadata"]["namespace"], change.subject["metadata"]["name"]
        if _intent(change.before) != _intent(change.after):
            yield Key("ModelRegistry", namespace, name), Priority.CHANGE
            for version in self._waiting.get((namespace, name), ()):
                yield Key("ModelVersion", namespace, version), Priority.CHANGE

    def _index(self, change: Change) -> None:
        for raw, add in ((change.before, False), (change.after, True)):
            if raw is None:
                continue
            namespace, name = raw["metadata"]["namespace"], raw["metadata"]["name"]
            spec = raw.get("spec", {})
            note(self._naming, (namespace, spec.get("modelVersion", "")), name, add=add)
            gateway = (spec.get("traffic") or {}).get("gatewayAPI") or {}
            if (adopted := gateway.get("adopted")) is not None:
                note(self._adopting, (namespace, adopted.get("name", "")), name, add=add)

    def _index_told(self, change: Change) -> None:
        """By namespace, for any Rollout there may speak of them."""
        for raw, add in ((change.before, False), (change.after, True)):
            if raw is not None and (raw.get("spec") or {}).get("writeBack"):
                note(self._told, (raw["metadata"]["namespace"], ""), raw["metadata"]["name"], add=add)

    def _index_waiting(self, change: Change) -> None:
        for raw, add in ((change.before, False), (change.after, True)):
            ref = ((raw or {}).get("spec", {}).get("source") or {}).get("registryRef")
            if raw is not None and ref and not (raw.get("status") or {}).get("resolved"):
                note(
                    self._waiting, (raw["metadata"]["namespace"], ref.get("name", "")), raw["metadata"]["name"], add=add
                )


def _intent(raw: Object | None) -> Any:
    """What people, pipelines and the garbage collector say through the object."""
    if raw is None:
        return None
    metadata = raw["metadata"]
    return (
        metadata.get("uid"),
        metadata.get("generation"),
        metadata.get("deletionTimestamp"),
        metadata.get("finalizers"),
        *((metadata.get("annotations") or {}).get(f"{meta.ORDER}{verb}") for verb in VERBS),
    )


def _resolution(raw: Object | None) -> Any:
    return None if raw is None else (raw["metadata"].get("uid"), raw.get("status"))


def _progress(raw: Object | None) -> Any:
    """What a Rollout has to tell registries."""
    status = (raw or {}).get("status") or {}
    arms = (status.get("stable") or {}, status.get("candidate") or {})
    return (*(arm.get("modelVersion") for arm in arms), [end.get("at") for end in status.get("history") or ()])


def _content(raw: Object | None) -> Any:
    """A child as it was cached, but for the version that every write moves."""
    if raw is None:
        return None
    metadata = {key: value for key, value in raw["metadata"].items() if key not in ("resourceVersion", "generation")}
    return {**raw, "metadata": metadata}


def _label(raw: Object | None) -> str | None:
    return None if raw is None else raw["metadata"].get("labels", {}).get(meta.LABEL_ROLLOUT)
