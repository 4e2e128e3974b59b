"""How long this process may write, known by its own clock alone; what is being written ends with it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from math import inf

from crossfade.ports import ClusterError


class Tenure:
    """Over until it is extended. `clock` gives seconds that rise whether or not the process runs."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = -inf
        self._changed = asyncio.Event()
        self._writing: set[asyncio.Timeout] = set()

    @property
    def left(self) -> float:
        """Seconds that remain, 0 when it is over."""
        return max(self._until - self._clock(), 0.0)

    def extend(self, until: float) -> None:
        """It lasts until the clock says `until`; writes under way may last as long."""
        self._set(until)

    def end(self) -> None:
        """It is over now; writes under way are cut off."""
        self._set(-inf)

    async def begun(self) -> None:
        """Wait until it is not over."""
        while not self.left:
            await self._changed.wait()

    async def over(self) -> None:
        """Wait until it is over."""
        while left := self.left:
            with suppress(TimeoutError):
                async with asyncio.timeout(None if left == inf else left):
                    await self._changed.wait()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Around one write. Raises ClusterError instead of beginning it, or in the midst of it, when it is over.

        A process that was paused sees the end of a timeout before anything that it waited for, so a write that was on
        its way to be sent is not sent.
        """
        if not self.left:
            raise ClusterError("nothing is written, for this replica does not hold the lease")
        try:
            async with asyncio.timeout_at(self._cut()) as limit:
                self._writing.add(limit)
                try:
                    yield
                finally:
                    self._writing.discard(limit)
        except TimeoutError:
            raise ClusterError("the write was cut off, for this replica could not renew the lease in time") from None

    def _set(self, until: float) -> None:
        self._until = until
        for limit in self._writing:
            if not limit.expired():
                limit.reschedule(self._cut())
        self._changed.set()
        self._changed = asyncio.Event()

    def _cut(self) -> float | None:
        """When the event loop's clock will say that it is over, None for never."""
        left = self.left
        return None if left == inf else asyncio.get_running_loop().time() + left
