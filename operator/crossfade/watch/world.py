"""All that the loop knows and whom a change wakes: the cache, its indexes and the queue, fed from one place."""

import asyncio
import logging
from collections.abc import Iterable, Iterator

from crossfade.model.ledger import Ledger
from crossfade.observe.answers import Place, Watched
from crossfade.observe.cache import Cache, Change
from crossfade.observe.claims import Claims
from crossfade.observe.releases import Releases
from crossfade.observe.watchlist import Watchlist
from crossfade.ports import Kind, Object
from crossfade.watch.queue import Key, Priority, WorkQueue
from crossfade.watch.wake import Wakes

log = logging.getLogger(__name__)


class World:
    """Watch events, listings and the answers to our own writes come in here; the keys they concern go to the queue."""

    def __init__(self, queue: WorkQueue) -> None:
        self.cache = Cache()
        self.queue = queue
        self.ledgers: dict[str, Ledger] = {}
        """What the judge remembers, by uid of the Rollout; only those under way."""
        self.absent: set[Kind] = set()
        """The kinds that the cluster was seen to lack since the start."""
        self.doubted = asyncio.Event()
        """Set when a write was answered as if the cluster had no such kind: it is to be looked at now."""
        self.claims = Claims()
        self.releases = Releases()
        self._wakes = Wakes(self.cache)
        self._watchlist = Watchlist(self.cache)

    def absorb(self, raw: Object) -> None:
        """Take in an object as read, watched or written."""
        self._wake(self.cache.put(raw))

    def wrote(self, raw: Object) -> None:
        """Take in an object as a write of ours returned it."""
        self._wake(self.cache.wrote(raw))

    def remove(self, raw: Object) -> None:
        """Take in a deletion."""
        self._wake(self.cache.remove(raw))

    def replace(self, kind: str, namespace: str | None, listed: Iterable[Object], version: int) -> int:
        """Take in a whole listing; returns how many objects differed from what was known."""
        changes = self.cache.replace(kind, namespace, listed, version)
        for change in changes:
            self._wake(change)
        return len(changes)

    def lose(self, kind: Kind) -> None:
        """Take in that the cluster has no such kind, or not any more: its objects went with it."""
        if kind not in self.absent:
            log.warning("the cluster has no %ss", kind.kind)
        self.absent.add(kind)
        for change in self.cache.lose(kind.kind):
            self._wake(change)

    def doubt(self, kind: Kind, *, goes: bool) -> None:
        """Take in that a write was answered as if there were no such kind, or as if it were about to go."""
        if goes:  # it may be back before anybody looks
            self.lose(kind)
        else:
            self.doubted.set()

    def look_anew(self) -> None:
        """Have everything looked at without what was remembered, as after a restart."""
        self.ledgers.clear()
        self.look_again()

    def look_again(self) -> None:
        """Have everything looked at."""
        for kind in ("ModelSource", "ModelVersion", "Rollout", "ModelRegistry"):
            for raw in self.cache.all(kind):
                self.queue.add(Key(kind, raw["metadata"]["namespace"], raw["metadata"]["name"]))

    def breach(self, place: Place) -> None:
        """New evidence about a Rollout under way: it may be a breach, so it goes before everything else."""
        self.queue.add(Key("Rollout", *place), Priority.BREACH)

    def remember(self, uid: str, ledger: Ledger | None) -> None:
        """Keep the newest ledger of a Rollout; None when it has none under way any more."""
        if ledger is None:
            self.ledgers.pop(uid, None)
        else:
            self.ledgers[uid] = ledger

    def under_way(self) -> Iterator[Watched]:
        """The Rollouts whose metrics are to be read."""
        return self._watchlist.under_way(self.ledgers)

    def _wake(self, change: Change | None) -> None:
        if change is not None:
            if change.kind == "Rollout" and change.after is None:
                self.remember(change.subject["metadata"]["uid"], None)
            self.releases.take(change)
            for key, priority in self._wakes.of(change):
                self.queue.add(key, priority)
            for place in self.claims.take(change):
                self.queue.add(Key("Rollout", *place), Priority.CHANGE)
