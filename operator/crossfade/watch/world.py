"""All that the loop knows and whom a change wakes: the cache, its indexes and the queue, fed from one place."""

from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from crossfade.api.v1alpha1 import RolloutSpec
from crossfade.observe.cache import Cache, Change
from crossfade.observe.poller import Place, Watched
from crossfade.ports import Object
from crossfade.watch.queue import Key, Priority, WorkQueue
from crossfade.watch.wake import Wakes


class World:
    """Watch events, listings and the answers to our own writes come in here; the keys they concern go to the queue."""

    def __init__(self, queue: WorkQueue) -> None:
        self.cache = Cache()
        self.queue = queue
        self._wakes = Wakes(self.cache)

    def absorb(self, raw: Object) -> None:
        """Take in an object as read, watched or written."""
        self._wake(self.cache.put(raw))

    def remove(self, raw: Object) -> None:
        """Take in a deletion."""
        self._wake(self.cache.remove(raw))

    def replace(self, kind: str, namespace: str | None, listed: Iterable[Object], version: int) -> int:
        """Take in a whole listing; returns how many objects differed from what was known."""
        changes = self.cache.replace(kind, namespace, listed, version)
        for change in changes:
            self._wake(change)
        return len(changes)

    def breach(self, place: Place) -> None:
        """New evidence about a Rollout under way: it may be a breach, so it goes before everything else."""
        self.queue.add(Key("Rollout", *place), Priority.BREACH)

    def under_way(self) -> Iterator[Watched]:
        """The Rollouts with two arms: metrics must answer before the candidate's first request, and a first version,
        which has nothing to be compared with, needs none."""
        for raw in self.cache.all("Rollout"):
            status = raw.get("status", {})
            arms = [status[arm] for arm in ("stable", "candidate") if arm in status]
            if len(arms) < 2:
                continue
            try:
                metrics = RolloutSpec.model_validate(raw.get("spec", {})).analysis.metrics
            except ValidationError:
                continue  # the reconcile says so in the status
            place = raw["metadata"]["namespace"], raw["metadata"]["name"]
            yield Watched(place, metrics, frozenset(arm["revision"] for arm in arms))

    def _wake(self, change: Change | None) -> None:
        if change is not None:
            for key, priority in self._wakes.of(change):
                self.queue.add(key, priority)
