"""Which ModelSources a change of something else wakes: of their ModelRegistry, their ModelVersion, their Rollout."""

from collections.abc import Iterator
from typing import Any

from crossfade.observe.cache import Change
from crossfade.ports import Object
from crossfade.watch.queue import Key, Priority

Wake = tuple[Key, Priority]
Place = tuple[str, str]


class SourceWakes:
    """Knows what ModelSources name; kept up with the cache's changes."""

    def __init__(self) -> None:
        self._naming: dict[str, dict[Place, set[str]]] = {"ModelRegistry": {}, "ModelVersion": {}, "Rollout": {}}

    def of(self, change: Change) -> list[Wake]:
        """The keys of ModelSources to look at because of `change`."""
        if change.kind == "ModelSource":
            for raw, add in ((change.before, False), (change.after, True)):
                for kind, place, name in _named(raw):
                    note(self._naming[kind], place, name, add=add)
        return list(self._wakes(change))

    def _wakes(self, change: Change) -> Iterator[Wake]:
        named = self._naming.get(change.kind)
        if named is None or _looked_at(change.before) == _looked_at(change.after):
            return
        metadata = change.subject["metadata"]
        for source in named.get((metadata["namespace"], metadata["name"]), ()):
            yield Key("ModelSource", metadata["namespace"], source), Priority.CHANGE


def note(index: dict[Place, set[str]], place: Place, name: str, *, add: bool) -> None:
    """Take in that the object `name` names what is at the place, or does not any more."""
    names = index.setdefault(place, set())
    (names.add if add else names.discard)(name)
    if not names:
        del index[place]


def _named(raw: Object | None) -> Iterator[tuple[str, Place, str]]:
    """Kind and place of what this ModelSource names, and its own name."""
    if raw is None:
        return
    namespace, name, spec = raw["metadata"]["namespace"], raw["metadata"]["name"], raw.get("spec", {})
    found = {
        "ModelRegistry": (spec.get("registryRef") or {}).get("name"),
        "ModelVersion": ((raw.get("status") or {}).get("observed") or {}).get("modelVersion"),
        "Rollout": (spec.get("moves") or {}).get("rollout"),
    }
    for kind, said in found.items():
        if said:
            yield kind, (namespace, said), name


def _looked_at(raw: Object | None) -> Any:
    """What a decision about a ModelSource sees of such an object; not the figures of a rollout under way."""
    if raw is None:
        return None
    metadata, status = raw["metadata"], raw.get("status") or {}
    ready = next((one.get("status") for one in status.get("conditions", ()) if one.get("type") == "Ready"), None)
    return (
        *(metadata.get(key) for key in ("uid", "generation", "deletionTimestamp")),
        ready,
        "candidate" in status,
        *(status.get(key) for key in ("resolved", "outcome", "observedGeneration")),
    )
