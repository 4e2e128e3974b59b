"""Whose turn it is to ask a registry: all who ask one share what it is given to do at once."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from crossfade.model.access import Access
from crossfade.model.snapshot import RegistryFacts
from crossfade.observe.credentials import access_to
from crossfade.ports import Cluster, Opened, SourceError, Sources

_ASKED_AT_ONCE = 20
"""Questions that one registry is asked side by side: one that hangs holds up only its own."""
_READ_AT_ONCE = 2
"""Models of one registry that are read side by side."""
_READ_AT_ONCE_OF_A_NAMESPACE = 4
"""Of all its registries: whatever hangs there, the others have as many places left."""
_LISTED_AT_ONCE_OF_A_NAMESPACE = 2
"""Lists of versions, which are many pages: what they wait for keeps no question from its place."""
_LISTING_SECONDS = 120.0
"""For all pages together."""


@dataclass(slots=True)
class _Slots:
    """How much one registry is given to do at once, or with `together` and `listing` all of a namespace."""

    asking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_ASKED_AT_ONCE))
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READ_AT_ONCE))
    together: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READ_AT_ONCE_OF_A_NAMESPACE))
    listing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_LISTED_AT_ONCE_OF_A_NAMESPACE))
    users: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """A registry that is open, and the places in which it may be asked and its models read."""

    opened: Opened
    asking: asyncio.Semaphore
    _reading: asyncio.Semaphore
    _together: asyncio.Semaphore
    _listing: asyncio.Semaphore

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """A place to read a model's files in."""
        async with self._reading, self._together:
            yield

    @asynccontextmanager
    async def listing(self) -> AsyncIterator[None]:
        """A place to list all versions of a model in, for two minutes at most. Raises SourceError after them."""
        async with self._listing:
            try:
                async with asyncio.timeout(_LISTING_SECONDS):
                    yield
            except TimeoutError:
                raise SourceError(
                    f"to list the versions of what is followed took longer than {_LISTING_SECONDS:.0f} s; remove old "
                    "ones, or follow something else than `semver`"
                ) from None


class Turns:
    """Opens registries, each with its places."""

    def __init__(self, sources: Sources, cluster: Cluster) -> None:
        self._sources = sources
        self._cluster = cluster
        self._slots: defaultdict[str, _Slots] = defaultdict(_Slots)

    @asynccontextmanager
    async def opened(self, namespace: str, system: str | None, registry: RegistryFacts | None) -> AsyncIterator[Turn]:
        """The registry that a source of this system is in; None for those of the operator's own configuration.
        Entering raises SourceError."""
        one = f"{namespace}/{registry.name}" if registry else ""
        async with self._slotted(namespace) as shared, self._slotted(one) as slots:
            async with slots.asking:
                access = await self._access(namespace, system, registry)
            async with self._sources.open(access) as opened:
                yield Turn(opened, slots.asking, slots.reading, shared.together, shared.listing)

    async def _access(self, namespace: str, system: str | None, registry: RegistryFacts | None) -> Access | None:
        """The way in, None for what the operator itself is configured with. Raises SourceError."""
        if registry is None:
            return None
        access = await access_to(self._cluster, namespace, registry)
        if access.system != system:
            raise SourceError(
                f"the source is `{system}`, but the ModelRegistry {registry.name} is "
                f"`{access.system}`; name one in `source.registryRef` that is `{system}`"
            )
        return access

    @asynccontextmanager
    async def _slotted(self, whose: str) -> AsyncIterator[_Slots]:
        """The slots of a registry or a namespace, which are there while anybody wants them."""
        slots = self._slots[whose]
        slots.users += 1
        try:
            yield slots
        finally:
            slots.users -= 1
            if not slots.users:
                del self._slots[whose]
