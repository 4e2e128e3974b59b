"""Workers on the queue: each takes one key at a time; one of them keeps itself free for breaches."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from crossfade.act.execute import ActionError
from crossfade.observe.gather import UnreadableStatusError
from crossfade.ports import ClusterError
from crossfade.watch.queue import Key, Priority, WorkQueue

log = logging.getLogger(__name__)

Reconcile = Callable[[Key], Awaitable[float | None]]
"""Looks at one key; returns in how many seconds to look again, None when only a change can matter. May raise."""


class Workers:
    """Runs `reconcile` for the keys of `queue`. `ordinary` workers take any key, one more only breaches."""

    def __init__(self, queue: WorkQueue, reconcile: Reconcile, clock: Callable[[], float], ordinary: int = 8) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._clock = clock
        self._ordinary = ordinary
        self._added = asyncio.Event()
        queue.on_add = self._wake

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._worker(urgent_only=True), name="worker-breach")
            for number in range(self._ordinary):
                group.create_task(self._worker(urgent_only=False), name=f"worker-{number}")

    async def _worker(self, *, urgent_only: bool) -> None:
        while True:
            taken = self._queue.take(urgent_only=urgent_only)
            if taken is None:
                await self._next_chance()
                continue
            key, priority = taken
            try:
                await self._one(key, priority)
            finally:
                self._queue.done(key)

    async def _one(self, key: Key, priority: Priority) -> None:
        try:
            again = await self._reconcile(key)
        except (ClusterError, ActionError, UnreadableStatusError) as error:
            self._again(key, priority, error, traceback=False)
            return
        except Exception as error:
            self._again(key, priority, error, traceback=True)
            return
        self._queue.forget_failures(key)
        if again is not None:
            self._queue.add(key, Priority.PERIODIC if again else priority, again)

    def _again(self, key: Key, priority: Priority, error: Exception, *, traceback: bool) -> None:
        delay = self._queue.retry(key, priority)
        extra = {"key": "/".join(key), "retry_seconds": round(delay, 1)}
        log.error("%s", error, exc_info=error if traceback else None, extra=extra)

    def _wake(self) -> None:
        """Every idle worker looks at the queue again; the next wait is for the next addition."""
        self._added.set()
        self._added = asyncio.Event()

    async def _next_chance(self) -> None:
        due = self._queue.next_due()
        added = self._added
        try:
            async with asyncio.timeout(None if due is None else max(due - self._clock(), 0.0)):
                await added.wait()
        except TimeoutError:
            pass
