"""What the CustomResourceDefinitions in the cluster know of a status: those of another release may know less."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from crossfade.ports import ClusterError, Object

log = logging.getLogger(__name__)

_LOOK_SECONDS = 10.0
"""Between two looks while something does not fit. One look is a GET of the index and of some 50 kB."""
_SOON_SECONDS = 1.0
"""Not sooner after the last look, however many writes are refused."""


class Schemas(Protocol):
    """Where the API server shows what it knows."""

    async def read(self) -> Mapping[str, Object]:
        """By kind the OpenAPI schemas of statuses. Raises ClusterError."""
        ...


class Definitions:
    """What the definitions know. Nothing is asked before the first write is refused, or once everything fits.

    `clock` gives seconds that only rise; `on_change` is called when the definitions are others than before.
    """

    def __init__(self, schemas: Schemas, clock: Callable[[], float], on_change: Callable[[], None]) -> None:
        self._schemas = schemas
        self._clock = clock
        self._on_change = on_change
        self._statuses: Mapping[str, Object] | None = None
        self._looked: float | None = None
        self._outdated = asyncio.Event()

    def fit(self, kind: str, status: Object) -> tuple[Object, frozenset[str]]:
        """The status without what is not known, and what that is: `semver`, `written[].stage`, `outcomes.*.at`,
        `mode=New`."""
        lost: set[str] = set()
        kept = _fitting(self._schema(kind), status, "", lost)
        if lost:
            self._outdated.set()
        return (kept if isinstance(kept, dict) else {}), frozenset(lost)

    def lacks(self, kind: str, field: str) -> bool:
        """Whether a field of `fit` is not known, as far as that can be told: what did not fit before does not, until it
        was looked at."""
        lacking = self._statuses is None or _lacks(self._schema(kind), field)
        if lacking:
            self._outdated.set()
        return lacking

    async def look(self) -> None:
        """Read the definitions again, unless that was just done. Not to be able to is no error: it is tried again."""
        now = self._clock()
        if self._looked is not None and now - self._looked < _SOON_SECONDS:
            return
        self._looked = now
        try:
            read = await self._schemas.read()
        except ClusterError as error:
            log.warning("what the CustomResourceDefinitions know cannot be read: %s", error)
            return
        if read != self._statuses:
            self._statuses = read
            self._outdated.clear()  # what does not fit still is met by the looks that this wakes
            self._on_change()

    def _schema(self, kind: str) -> Object:
        return (self._statuses or {}).get(kind, {})

    async def run(self) -> None:
        """Look again while something does not fit, until cancelled."""
        while True:
            await self._outdated.wait()
            await asyncio.sleep(_LOOK_SECONDS)
            await self.look()


def _fitting(schema: Object, value: Any, path: str, lost: set[str]) -> Any:
    """The value without what the schema does not know; None when without that it is not a whole."""
    if isinstance(value, list):
        fitting = [_fitting(schema.get("items", {}), item, f"{path}[]", lost) for item in value]
        return [item for item in fitting if item is not None]
    if isinstance(value, dict):
        return _fitting_object(schema, value, path, lost)
    if value not in schema.get("enum", (value,)):
        lost.add(f"{path}={value}")
        return None
    return value


def _fitting_object(schema: Object, value: Object, path: str, lost: set[str]) -> Object | None:
    kept = {}
    for name, item in value.items():
        said = name if name in schema.get("properties", {}) or "additionalProperties" not in schema else "*"
        inner, known = f"{path}.{said}".lstrip("."), _member(schema, name)
        if known is None:
            lost.add(inner)
        elif (fitting := _fitting(known, item, inner, lost)) is not None:
            kept[name] = fitting
    return kept if all(name in kept for name in schema.get("required", ()) if name in value) else None


def _member(schema: Object, name: str) -> Object | None:
    """The schema of a member; one that allows everything where nothing is said of members, None for no such member."""
    if name in schema.get("properties", {}):
        return dict(schema["properties"][name])
    extra = schema.get("additionalProperties")
    if extra is not None:
        return extra if isinstance(extra, dict) else {}
    return None if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields") else {}


def _lacks(schema: Object, field: str) -> bool:
    path, _, value = field.partition("=")
    found = schema
    for part in path.split("."):
        member = _member(found, part.removesuffix("[]"))
        if member is None:
            return True
        found = dict(member.get("items", {})) if part.endswith("[]") else member
    return bool(value) and value not in found.get("enum", (value,))
