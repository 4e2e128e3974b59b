"""What stays open between its uses, so that connections are shared: as many as are in use, and a few of the others."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What holds connections."""

    def close(self) -> Awaitable[None]:
        """Close them."""
        ...


Key = TypeVar("Key", bound=Hashable)
Open = TypeVar("Open", bound=Closable)


class KeptOpen(Generic[Key, Open]):
    """By key; `most` are kept, and those in use beyond it. The ones that were used longest ago are closed first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: OrderedDict[Key, Open] = OrderedDict()
        self._users: dict[Key, int] = {}

    @asynccontextmanager
    async def use(self, key: Key, make: Callable[[], Open]) -> AsyncIterator[Open]:
        """The one of this key, made when there is none, and open at least until the end of the block."""
        if key not in self._open:
            self._open[key] = make()
            self._users[key] = 0
        self._open.move_to_end(key)
        self._users[key] += 1
        try:
            yield self._open[key]
        finally:
            self._users[key] -= 1
            await self._close_idle(self._most)

    async def close(self) -> None:
        """Close all that nobody uses."""
        await self._close_idle(0)

    async def _close_idle(self, most: int) -> None:
        idle = [key for key in self._open if not self._users[key]]
        falling = [self._pop(key) for key in idle[: max(len(self._open) - most, 0)]]
        for one in falling:
            await one.close()

    def _pop(self, key: Key) -> Open:
        del self._users[key]
        return self._open.pop(key)
