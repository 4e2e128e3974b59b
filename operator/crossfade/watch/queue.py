"""A level-triggered queue of keys: it remembers that something is to be looked at, never what happened.

Pure but for its injected clock and randomness. A key is handed to one worker at a time; added while it is being
processed, it runs again afterwards. A key waits once, at its earliest due time and with its most urgent priority.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from typing import NamedTuple

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 300.0


class Priority(IntEnum):
    """How urgent a look is; lower goes first."""

    BREACH = 0
    USER = 1
    CHANGE = 5
    PERIODIC = 10


class Key(NamedTuple):
    """One object to reconcile."""

    kind: str
    namespace: str
    name: str


@dataclass(slots=True)
class _Entry:
    due: float
    priority: Priority
    turn: int


class WorkQueue:
    """Keys to look at. `clock` gives seconds that only rise; `jitter` gives a number from 0 to 1."""

    def __init__(self, clock: Callable[[], float], jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._jitter = jitter
        self._turns = count()
        self._waiting: dict[Key, _Entry] = {}
        self._processing: set[Key] = set()
        self._later: list[tuple[float, int, Key]] = []
        self._ready: list[tuple[Priority, int, Key]] = []
        self._failures: dict[Key, int] = {}
        self.on_add: Callable[[], None] = lambda: None
        """Called after each addition, to wake whoever waits for keys."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: Key, priority: Priority = Priority.CHANGE, delay: float = 0.0) -> None:
        """Have `key` looked at after `delay` seconds, or earlier where an earlier addition says so."""
        due = self._clock() + max(delay, 0.0)
        entry = self._waiting.get(key)
        if entry is not None:
            if due >= entry.due and priority >= entry.priority:
                return
            due, priority = min(due, entry.due), min(priority, entry.priority)
        self._put(key, _Entry(due, priority, next(self._turns)))
        self.on_add()

    def retry(self, key: Key, priority: Priority = Priority.CHANGE) -> float:
        """Have a failed `key` looked at again after 1 s, doubling to 5 min, less up to a half at random.

        Returns the delay in seconds.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        longest = min(FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 30), LONGEST_BACKOFF_SECONDS)
        delay = max(longest * (1.0 - self._jitter() / 2.0), FIRST_BACKOFF_SECONDS)
        self.add(key, priority, delay)
        return delay

    def forget_failures(self, key: Key) -> None:
        """The key went well: its next failure backs off from the start."""
        self._failures.pop(key, None)

    def take(self, *, urgent_only: bool = False) -> tuple[Key, Priority] | None:
        """The most urgent due key that no worker has, or None. The caller owes a `done`."""
        self._promote()
        while self._ready:
            priority, turn, key = self._ready[0]
            entry = self._waiting.get(key)
            if entry is None or entry.turn != turn or key in self._processing:
                heapq.heappop(self._ready)  # superseded; or in work, and `done` puts it back
                continue
            if urgent_only and priority > Priority.BREACH:
                return None
            heapq.heappop(self._ready)
            del self._waiting[key]
            self._processing.add(key)
            return key, priority
        return None

    def done(self, key: Key) -> None:
        """The worker is through with `key`; what was added meanwhile becomes takeable."""
        self._processing.discard(key)
        entry = self._waiting.get(key)
        if entry is not None:
            self._put(key, entry)
            self.on_add()

    def next_due(self) -> float | None:
        """When the next delayed key becomes due, None when none is delayed."""
        while self._later:
            due, turn, key = self._later[0]
            entry = self._waiting.get(key)
            if entry is not None and entry.turn == turn:
                return due
            heapq.heappop(self._later)
        return None

    def _put(self, key: Key, entry: _Entry) -> None:
        self._waiting[key] = entry
        heapq.heappush(self._later, (entry.due, entry.turn, key))

    def _promote(self) -> None:
        """Move what has become due from the order of time to the order of urgency."""
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            _, turn, key = heapq.heappop(self._later)
            entry = self._waiting.get(key)
            if entry is not None and entry.turn == turn:
                heapq.heappush(self._ready, (entry.priority, turn, key))
