"""Resolved ModelVersions by namespace, model and version: the one before another is found without looking at all."""

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Any

from semver import Version

from crossfade.model.loose import member
from crossfade.observe.cache import Change
from crossfade.ports import Object

Model = tuple[str, str]
"""Namespace and name of a model."""


@dataclass(frozen=True, slots=True)
class _Release:
    model: Model
    version: Version
    name: str
    digest: str


class Releases:
    """Kept up with the cache's changes; a change costs a place in a sorted list."""

    def __init__(self) -> None:
        self._sorted: dict[Model, list[tuple[Version, str]]] = {}
        """Releases alone: pre-releases promise nothing to those who come after them."""
        self._alike: dict[tuple[Model, str], dict[str, str]] = {}
        """Digests by name, of those of one version; what follows a `+` makes no other one."""

    def take(self, change: Change) -> None:
        """Take a change in."""
        if change.kind != "ModelVersion":
            return
        before, after = _read(change.before), _read(change.after)
        if before == after:
            return
        if before is not None:
            self._drop(before)
        if after is not None:
            self._add(after)

    def compared(self, namespace: str, model: str, version: str, digest: str) -> str | None:
        """The name of the ModelVersion that one with these bytes is to be compared with: of the same version with other
        bytes, else the highest lower release. Of equals the last in the alphabet; None where there is none."""
        parsed, place = Version.parse(version), (namespace, model)
        alike = self._alike.get((place, _precedence(parsed)), {})
        if others := [name for name, known in alike.items() if known != digest]:
            return max(others)
        releases = self._sorted.get(place, [])
        at = bisect_left(releases, (parsed, ""))
        return releases[at - 1][1] if at else None

    def _add(self, one: _Release) -> None:
        if one.version.prerelease is None:
            insort(self._sorted.setdefault(one.model, []), (one.version, one.name))
        self._alike.setdefault((one.model, _precedence(one.version)), {})[one.name] = one.digest

    def _drop(self, one: _Release) -> None:
        place = one.model, _precedence(one.version)
        self._alike[place].pop(one.name)
        if not self._alike[place]:
            del self._alike[place]
        if one.version.prerelease is None:
            releases = self._sorted[one.model]
            del releases[bisect_left(releases, (one.version, one.name))]
            if not releases:
                del self._sorted[one.model]


def _read(raw: Object | None) -> _Release | None:
    """None of what is not resolved, or has no version that can be read."""
    digest = member(member(raw or {}, "status"), "resolved").get("digest")
    spec: dict[str, Any] = member(raw or {}, "spec")
    if raw is None or not isinstance(digest, str):
        return None
    try:
        version = Version.parse(spec.get("version", ""))
    except (TypeError, ValueError):
        return None
    metadata = raw["metadata"]
    return _Release((metadata["namespace"], str(spec.get("modelName"))), version, metadata["name"], digest)


def _precedence(version: Version) -> str:
    return str(version.replace(build=None))
