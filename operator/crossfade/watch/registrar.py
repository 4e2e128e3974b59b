"""Asks and tells registries in the background: one that hangs holds up neither a look nor another registry."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from traceback import format_tb

from crossfade.act.record import Recorded, record
from crossfade.api.conditions import Reason
from crossfade.model.snapshot import RegistryFacts
from crossfade.model.writing import Attempt, Deed
from crossfade.observe.credentials import access_to
from crossfade.ports import Asked, Clock, Cluster, SourceError, Sources, WriteBack

log = logging.getLogger(__name__)

_AT_ONCE = 16
_LONGEST_WAIT_SECONDS = 300.0

Place = tuple[str, str]
"""Namespace and name of a ModelRegistry."""


@dataclass(slots=True)
class _Job:
    """The attempts for one ModelRegistry as it is written now; another spec, and a namesake made later, have a job of
    their own. `deeds` are the newest that were asked for."""

    registry: RegistryFacts
    deeds: tuple[Deed, ...] = ()
    failures: int = 0
    wait: float = 0.0
    result: Attempt | None = None
    task: asyncio.Task[None] | None = None


class Registrar:
    """Attempts by place; `jitter` gives a number from 0 to 1."""

    def __init__(self, sources: Sources, cluster: Cluster, clock: Clock, jitter: Callable[[], float]) -> None:
        self._sources = sources
        self._cluster = cluster
        self._clock = clock
        self._jitter = jitter
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._jobs: dict[Place, _Job] = {}
        self.began = clock.now()

    def result(self, place: Place, registry: RegistryFacts) -> Attempt | None:
        """What became of the last attempt, None before the first has ended."""
        job = self._jobs.get(place)
        return job.result if job is not None and job.registry == registry else None

    def forget(self, place: Place) -> None:
        """The ModelRegistry is gone."""
        job = self._jobs.pop(place, None)
        if job is not None and job.task is not None:
            job.task.cancel()

    def request(
        self, place: Place, registry: RegistryFacts, deeds: tuple[Deed, ...], on_done: Callable[[], None]
    ) -> None:
        """Have the registry asked whether it is there, and told this; `on_done` is called afterwards. An attempt that
        has not begun yet takes what was asked for last.

        After a failure an attempt waits 1 s, doubling to 5 min, less up to a half at random, and never less than the
        registry asked for.
        """
        job = self._jobs.get(place)
        if job is None or job.registry != registry:
            self.forget(place)
            job = self._jobs[place] = _Job(registry)
        job.deeds = deeds
        if job.task is None:
            job.task = asyncio.create_task(self._attempt(job, place[0], on_done), name=f"tell-{'/'.join(place)}")

    async def close(self) -> None:
        """Cancel all attempts."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        for place in list(self._jobs):
            self.forget(place)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, job: _Job, namespace: str, on_done: Callable[[], None]) -> None:
        if job.failures:
            await asyncio.sleep(max(_longest(job.failures) * (1.0 - self._jitter() / 2.0), job.wait))
        async with self._slots:
            found = await self._guarded(job, namespace)
        failed = bool(found.error or found.refused)
        job.failures = job.failures + 1 if failed else 0
        within = max(_longest(job.failures), job.wait) if failed else 0.0
        job.result = replace(found, within=within)
        job.task = None
        on_done()

    async def _guarded(self, job: _Job, namespace: str) -> Attempt:
        job.wait = 0.0
        try:
            return await self._try(job, namespace)
        except SourceError as failure:
            job.wait = failure.wait
            return Attempt(self._clock.now(), None, str(failure))
        except Exception as failure:
            # where it happened, and not what the error says: libraries repeat what they were given
            where, name = "".join(format_tb(failure.__traceback__)), type(failure).__name__
            log.error("asking the ModelRegistry %s failed: %s at\n%s", job.registry.name, name, where)  # noqa: TRY400
            return Attempt(self._clock.now(), None, "asking failed because of a fault in the operator; see its log")

    async def _try(self, job: _Job, namespace: str) -> Attempt:
        """Reach it, ask it where it can be asked, tell it. Raises SourceError where it is not reached at all."""
        access = await access_to(self._cluster, namespace, job.registry)
        async with self._sources.open(access) as opened:
            registry, deeds = opened.registry, job.deeds
            asked = isinstance(registry, Asked)
            if isinstance(registry, Asked):
                await registry.check()
            told = await record(registry, deeds) if isinstance(registry, WriteBack) else Recorded()
        job.wait = told.failure.wait if told.failure is not None else 0.0
        reached = Reason.REACHED if asked else Reason.NOT_ASKED
        return Attempt(
            self._clock.now(),
            reached if told.failure is None else None,
            str(told.failure) if told.failure is not None else "",
            told.done,
            told.refused,
        )


def _longest(failures: int) -> float:
    return min(2.0 ** (min(failures, 30) - 1), _LONGEST_WAIT_SECONDS)
