"""The last known state of every watched object, by resourceVersion: the past never overwrites the present."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crossfade.api import meta
from crossfade.observe.prune import prune
from crossfade.ports import Object

_GRAVES = 4096
"""Objects gone from view that are remembered, so that a late answer about one does not bring it back."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an object was and is; None for not there."""

    kind: str
    before: Object | None
    after: Object | None

    @property
    def subject(self) -> Object:
        """The object as it is, or as it last was."""
        return self.after or self.before or {}


class Cache:
    """Objects by kind, namespace and name, and children by the value of their rollout label."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[tuple[str, str], Object]] = {}
        self._labelled: dict[tuple[str, str, str], dict[str, Object]] = {}
        self._graves: OrderedDict[str, int] = OrderedDict()
        self._ours: dict[tuple[str, str, str], Object] = {}

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        return self._objects.get(kind, {}).get((namespace, name))

    def all(self, kind: str) -> Iterator[Object]:
        """Every object of the kind."""
        return iter(list(self._objects.get(kind, {}).values()))

    def labelled(self, kind: str, namespace: str, rollout: str) -> list[Object]:
        """The children of a kind whose rollout label names this Rollout, by name."""
        found = self._labelled.get((kind, namespace, rollout), {})
        return [found[name] for name in sorted(found)]

    def put(self, raw: Object) -> Change | None:
        """Take in an object as read, watched or returned by a write; None when it is not newer than what is known."""
        after = prune(raw)
        kind, place, version = after["kind"], _place(after), _version(after)
        before = self._objects.get(kind, {}).get(place)
        if before is not None and version <= _version(before):
            return None
        if version <= self._graves.get(_uid(after), -1):
            return None
        self._unindex(before)
        self._objects.setdefault(kind, {})[place] = after
        label = _label(after)
        if label is not None:
            self._labelled.setdefault((kind, place[0], label), {})[place[1]] = after
        return Change(kind, before, after)

    def wrote(self, raw: Object) -> Change | None:
        """The same of an object as a write of ours returned it."""
        versions = {key: raw["metadata"][key] for key in ("generation", "resourceVersion") if key in raw["metadata"]}
        self._ours[raw["kind"], *_place(raw)] = {"metadata": versions}
        return self.put(raw)

    def ours(self, kind: str, namespace: str, name: str) -> Object | None:
        """The versions of the object as this process last wrote it; None when it did not, or it was deleted since."""
        return self._ours.get((kind, namespace, name))

    def remove(self, raw: Object) -> Change | None:
        """Take in that an object is deleted or has lost its label, so that a newer version of it may come back.

        None when there is no such object, another one has the name by now, or a newer version is known.
        """
        kind, place = raw["kind"], _place(raw)
        self._bury(_uid(raw), _version(raw))
        before = self._objects.get(kind, {}).get(place)
        if before is None or _uid(before) != _uid(raw) or _version(raw) < _version(before):
            return None
        self._unindex(before)
        del self._objects[kind][place]
        self._ours.pop((kind, *place), None)
        return Change(kind, before, None)

    def replace(self, kind: str, namespace: str | None, listed: Iterable[Object], version: int) -> list[Change]:
        """Take in a whole listing made at resource version `version`: newer objects come in, vanished ones go."""
        changes, seen = [], set()
        for raw in listed:
            seen.add(_place(raw))
            changes.append(self.put(raw))
        for ghost in self.all(kind):
            place = _place(ghost)
            inside = namespace is None or namespace == place[0]
            if inside and place not in seen and _version(ghost) <= version:
                changes.append(self.remove(ghost))
                self._bury(_uid(ghost), version)
        return [change for change in changes if change is not None]

    def lose(self, kind: str) -> list[Change]:
        """Take in that there is no such kind any more. Its objects are not buried: they may only be out of reach."""
        changes = [Change(kind, raw, None) for raw in self.all(kind)]
        for change in changes:
            self._unindex(change.before)
        self._objects.pop(kind, None)
        self._ours = {place: ours for place, ours in self._ours.items() if place[0] != kind}
        return changes

    def _bury(self, uid: str, version: int) -> None:
        self._graves[uid] = max(version, self._graves.get(uid, version))
        while len(self._graves) > _GRAVES:
            self._graves.popitem(last=False)

    def _unindex(self, gone: Object | None) -> None:
        label = _label(gone) if gone is not None else None
        if gone is None or label is None:
            return
        namespace, name = _place(gone)
        siblings = self._labelled.get((gone["kind"], namespace, label), {})
        siblings.pop(name, None)
        if not siblings:
            self._labelled.pop((gone["kind"], namespace, label), None)


def _place(raw: Object) -> tuple[str, str]:
    return raw["metadata"].get("namespace", ""), raw["metadata"]["name"]


def _uid(raw: Object) -> str:
    return str(raw["metadata"].get("uid", ""))


def _version(raw: Object) -> int:
    return int(raw["metadata"].get("resourceVersion") or 0)


def _label(raw: Object) -> str | None:
    value = raw["metadata"].get("labels", {}).get(meta.LABEL_ROLLOUT)
    return None if value is None else str(value)
