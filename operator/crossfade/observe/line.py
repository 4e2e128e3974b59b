"""The line to one Prometheus: what is asked of it at once, and how often when it is slow or answers nothing."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from crossfade.observe.answers import Answer
from crossfade.observe.pace import LEAST_SECONDS
from crossfade.ports import Clock, Metrics, MetricsError
from crossfade.telemetry.metrics import EVIDENCE_READ_AT

log = logging.getLogger(__name__)

_AT_ONCE = 8
_AT_ONCE_A_NAMESPACE = 2
"""Whoever asks what Prometheus takes long to answer waits alone: three more namespaces go on beside it."""
LONGEST_PAUSE_SECONDS = 30.0
_SHARE_OF_TIME = 0.05
"""A query takes no more of the time than this: what takes long to answer and to read is asked less often."""


@dataclass(frozen=True, slots=True)
class Query:
    """A selector and how many seconds back to read."""

    selector: str
    seconds: int


@dataclass(frozen=True, slots=True)
class _Failed:
    at: float
    pause: float


class Line:
    """One Prometheus. `interval` (s) is the longest pause between two queries that it answers.

    A query that fails again and again is asked less and less often, up to every 30 s, but only while the Prometheus
    answers nothing else either: one selector that is wrong tells nothing of the others.
    """

    def __init__(self, metrics: Metrics, clock: Clock, interval: float) -> None:
        self._metrics = metrics
        self._clock = clock
        self._interval = interval
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._owners: Mapping[str, str] = {}
        self._shares: dict[str, asyncio.Semaphore] = {}
        self._asking: dict[Query, asyncio.Task[Answer]] = {}
        self._paced: dict[str, float] = {}
        self._failed: dict[str, _Failed] = {}
        self._answered_at = 0.0

    def serve(self, owners: Mapping[str, str]) -> None:
        """Keep what is known of these selectors alone; `owners` are the namespaces in whose share they are asked."""
        self._owners = owners
        self._shares = {
            owner: self._shares.get(owner) or asyncio.Semaphore(_AT_ONCE_A_NAMESPACE) for owner in owners.values()
        }
        self._paced = {selector: at for selector, at in self._paced.items() if selector in owners}
        self._failed = {selector: failed for selector, failed in self._failed.items() if selector in owners}

    def free_at(self, selector: str) -> float:
        """Before when (unix seconds) a selector that is served is not to be asked again."""
        failed = self._failed.get(selector)
        if failed is None:
            return self._paced.get(selector, 0.0)
        return failed.at + (failed.pause if failed.at >= self._answered_at else self._interval)

    def ask(self, query: Query) -> asyncio.Task[Answer]:
        """The answer to a query whose selector is served: the one under way if there is one."""
        task = self._asking.get(query)
        if task is None:
            task = asyncio.create_task(self._ask(query, self._shares[self._owners[query.selector]]))
            self._asking[query] = task
            task.add_done_callback(lambda _: self._asking.pop(query, None))
        return task

    async def _ask(self, query: Query, share: asyncio.Semaphore) -> Answer:
        async with share, self._slots:
            at = self._clock.now()  # Prometheus evaluates when it is asked, however late it answers
            try:
                found = await self._metrics.window(query.selector, query.seconds)
            except MetricsError as error:
                log.warning("metrics cannot be read: %s", error, extra={"selector": query.selector})
                self._failed[query.selector] = _Failed(self._clock.now(), self._next_pause(query.selector))
                return Answer(at, error=str(error))
        self._answered_at = now = self._clock.now()
        self._failed.pop(query.selector, None)
        self._paced[query.selector] = at + min(max(LEAST_SECONDS, (now - at) / _SHARE_OF_TIME), self._interval)
        EVIDENCE_READ_AT.set(at)
        return Answer(at, found)

    def _next_pause(self, selector: str) -> float:
        before = self._failed.get(selector)
        if before is None or before.at < self._answered_at:
            return self._interval
        return min(before.pause * 2, max(LONGEST_PAUSE_SECONDS, self._interval))
