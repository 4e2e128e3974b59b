"""Which replica may write: a Lease that its holder renews, and that others take when they have not seen it renewed.

Nobody believes another's clock. A holder counts its time from before it sent a renewal that was stored, and stops
writing three seconds before anybody may take the Lease; the others count the whole time from after they saw it change.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from crossfade.model.lease import Lease
from crossfade.model.moments import stamp
from crossfade.ports import Clock, ClusterError, LeaseStore
from crossfade.telemetry.metrics import LEASE_HOLDER
from crossfade.watch.tenure import Tenure

log = logging.getLogger(__name__)

LEASE_SECONDS = 8
"""A Lease that has not changed for so long may be taken, unless it asks for more."""
LONGEST_SECONDS = 60
"""So long at the most, whatever it asks for: who wrote it may be no operator, and then nobody would ever lead."""
RELEASED_SECONDS = 1
"""What a Lease says that was given back; if it names nobody but says otherwise, its holder may still write."""
WRITE_SECONDS = 5.0
"""A holder writes for so long after the last renewal."""
TRY_SECONDS = 1.0
"""Between two renewals, or two looks at another's Lease."""
CONFLICT_SECONDS = 0.1
"""After somebody was faster; twice as long each time that it happens again, up to TRY_SECONDS."""
NOBODY = "nobody-yet"
"""Who holds a Lease that had to be made: the one before it may have been deleted while its holder still writes."""
ANSWER_SECONDS = 2.0
"""The longest that the API server may take for one request about the Lease."""


class Election:
    """One candidate, `name`, which no other process may have. `clock` gives seconds that rise while it is paused."""

    def __init__(self, store: LeaseStore, name: str, tenure: Tenure, clock: Callable[[], float], wall: Clock) -> None:
        self._store = store
        self._name = name
        self._tenure = tenure
        self._clock = clock
        self._wall = wall
        self._seen: Lease | None = None
        self._seen_at = clock()
        self._fresh = False
        self._conflict_pause = CONFLICT_SECONDS
        self._told: str | None = None

    async def run(self) -> None:
        """Stand until cancelled."""
        while True:
            pause = await self.attempt()
            await asyncio.sleep(pause)

    async def attempt(self) -> float:
        """Renew, take or look at the Lease once. Returns in how many seconds to do so again. Never raises an error."""
        pause = TRY_SECONDS
        try:
            pause = await self._attempt()
        except ClusterError as error:
            self._fresh = False
            if error.status == HTTPStatus.CONFLICT:  # what is stored now says who was faster
                pause, self._conflict_pause = self._conflict_pause, min(2 * self._conflict_pause, TRY_SECONDS)
                return pause
            log.warning("the lease could not be renewed or looked at: %s", error)
        self._conflict_pause = CONFLICT_SECONDS
        return pause

    async def release(self) -> None:
        """Let the next one take the Lease at once. Nothing may be written any more, and all be answered."""
        self._tenure.end()
        if self._seen is None or self._seen.holder != self._name:
            return
        try:
            seen = await self._store.read()  # a renewal may have been broken off
            if seen is not None and seen.holder == self._name:
                now = stamp(self._wall.now())
                await self._store.write(replace(seen, holder="", seconds=RELEASED_SECONDS, renewed=now))
        except ClusterError as error:
            log.warning("the lease was not released, it will run out: %s", error)

    async def _attempt(self) -> float:
        if not self._fresh:
            self._observe(await self._store.read())
        seen = self._seen or await self._make()
        if (wait := self._wait(seen)) > 0:
            self._fresh = False
            return min(wait, TRY_SECONDS)
        sent = self._clock()
        self._observe(await self._store.write(self._mine(seen)))
        self._tenure.extend(sent + WRITE_SECONDS)
        return TRY_SECONDS

    async def _make(self) -> Lease:
        now = stamp(self._wall.now())
        made = await self._store.write(Lease(NOBODY, LEASE_SECONDS, now, now, 0, version=""))
        self._observe(made)
        return made

    def _observe(self, found: Lease | None) -> None:
        """Take in what is stored; the time of a change is when it was seen, which is never before it was made."""
        if found != self._seen:
            self._seen_at = self._clock()
        self._seen, self._fresh = found, True
        holder = found.holder if found else ""
        if holder != self._name:
            self._tenure.end()
        self._tell(holder)

    def _wait(self, seen: Lease) -> float:
        """Seconds until the Lease may be taken, 0 or less for now."""
        released = not seen.holder and seen.seconds == RELEASED_SECONDS
        if released or seen.holder == self._name:
            return 0.0
        rest = min(max(LEASE_SECONDS, seen.seconds), LONGEST_SECONDS)
        return self._seen_at + rest - self._clock()

    def _mine(self, seen: Lease) -> Lease:
        now, held = stamp(self._wall.now()), seen.holder == self._name
        acquired, transitions = (seen.acquired, seen.transitions) if held else (now, seen.transitions + 1)
        return Lease(self._name, LEASE_SECONDS, acquired, now, transitions, seen.version)

    def _tell(self, holder: str) -> None:
        if holder == self._told:
            return
        self._told = holder
        LEASE_HOLDER.clear()
        LEASE_HOLDER.labels(holder=holder).set(1.0)
        who = "this replica" if holder == self._name else holder or "nobody"
        log.info("%s holds the lease", who)
