"""Asks and tells registries in the background: one that hangs holds up neither a look nor another registry."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from crossfade.act.record import Recorded, record
from crossfade.api.conditions import Reason
from crossfade.model.snapshot import RegistryFacts
from crossfade.model.writing import Attempt, Deed
from crossfade.observe.credentials import recorded
from crossfade.observe.retries import note_fault, rest_after, spread
from crossfade.observe.turns import Turns
from crossfade.ports import Asked, Clock, SourceError, WriteBack
from crossfade.watch.refusals import Refusals

log = logging.getLogger(__name__)

_AT_ONCE_OF_A_NAMESPACE = 4
"""Attempts: whatever hangs in one namespace, the others have as many of their own."""
_ATTEMPT_SECONDS = 120.0
"""For all of one attempt. What is acknowledged by then is, and the rest is told by the next one."""

Place = tuple[str, str]
"""Namespace and name of a ModelRegistry."""


@dataclass(slots=True)
class _Job:
    """The attempts for one ModelRegistry as it is written now; another spec, and a namesake made later, have a job of
    their own. `deeds` are the newest that were asked for, `broke` has how often it broke off at one. After `failures`
    it is not asked before `due` (s of the loop); `task` may be `resting` until there is something to do."""

    registry: RegistryFacts
    refusals: Refusals
    deeds: tuple[Deed, ...] = ()
    broke: dict[Deed, int] = field(default_factory=dict)
    failures: int = 0
    due: float = 0.0
    result: Attempt | None = None
    task: asyncio.Task[None] | None = None
    resting: bool = False


@dataclass(slots=True)
class _Found:
    """What one attempt has come to so far: whether its turn came, how the registry was found, or why it was not, and
    the seconds that it asked for."""

    told: Recorded
    begun: bool = False
    reached: Reason | None = None
    error: str = ""
    wait: float = 0.0


class Registrar:
    """Attempts by place; `jitter` gives a number from 0 to 1."""

    def __init__(self, turns: Turns, clock: Clock, jitter: Callable[[], float]) -> None:
        self._turns = turns
        self._clock = clock
        self._jitter = jitter
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
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
        self,
        place: Place,
        registry: RegistryFacts,
        deeds: tuple[Deed, ...],
        on_done: Callable[[], None],
        *,
        check: bool,
    ) -> None:
        """Have the registry told this, all that it is to be told by now, and with `check` asked in any case whether it
        is there; `on_done` is called afterwards. An attempt that has not begun yet takes what was asked for last.

        After a failure an attempt waits 1 s, doubling to 5 min, less up to a half at random, and never less than the
        registry asked for. What it refused waits as long, by itself: what is new is told at once.
        """
        job = self._jobs.get(place)
        if job is None or job.registry != registry:
            self.forget(place)
            job = self._jobs[place] = _Job(registry, Refusals(self._jitter))
        job.deeds = deeds
        job.refusals.keep(deeds)
        job.broke = {deed: job.broke[deed] for deed in deeds if deed in job.broke}
        if job.task is not None and job.resting:
            job.task.cancel()
            job.task = None
        if job.task is None and (check or deeds):
            rest = self._rest(job, check=check)
            job.resting = rest > 0.0
            attempt = self._attempt(job, place[0], rest, on_done)
            job.task = asyncio.create_task(attempt, name=f"tell-{'/'.join(place)}")

    async def close(self) -> None:
        """Cancel all attempts."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        for place in list(self._jobs):
            self.forget(place)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _rest(self, job: _Job, *, check: bool) -> float:
        """Seconds until there is something to do that may be done."""
        now, due = asyncio.get_running_loop().time(), job.due
        if not check and not job.refusals.due(job.deeds, now):
            due = max(due, job.refusals.next())
        return max(due - now, 0.0)

    async def _attempt(self, job: _Job, namespace: str, rest: float, on_done: Callable[[], None]) -> None:
        if rest:
            await asyncio.sleep(rest)
        job.resting = False
        share = self._shares.setdefault(namespace, asyncio.Semaphore(_AT_ONCE_OF_A_NAMESPACE))
        async with share:
            found = await self._guarded(job, namespace)
        self._conclude(job, found)
        job.task = None
        on_done()

    def _conclude(self, job: _Job, found: _Found) -> None:
        """Keep what was found, and when to go on. Whoever is slow and takes something each time is not failing."""
        now, told = asyncio.get_running_loop().time(), found.told
        job.refusals.note(told.done, told.refused, now)
        refused, within = job.refusals.standing
        job.failures = (1 if told.done else job.failures + 1) if found.error else 0
        job.due = 0.0
        if found.error:
            within = max(rest_after(job.failures), found.wait)
            job.due = now + max(spread(rest_after(job.failures), self._jitter), found.wait)
        if told.under_way is not None:
            job.broke[told.under_way] = job.broke.get(told.under_way, 0) + 1
        done = tuple(told.done)
        job.result = Attempt(self._clock.now(), found.reached, found.error, done, refused, within, told.under_way)

    async def _guarded(self, job: _Job, namespace: str) -> _Found:
        found = _Found(Recorded())
        try:
            async with asyncio.timeout(_ATTEMPT_SECONDS):
                found.reached = await self._try(job, namespace, found)
        except SourceError as failure:
            found.error, found.wait = str(failure), failure.wait
        except TimeoutError:
            within = f"within {_ATTEMPT_SECONDS:.0f} s"
            found.error = f"its turn did not come {within}, for the registry is being asked so much else"
            if found.begun:
                found.error = f"the registry did not take it all {within}"
        except Exception as failure:
            note_fault(log, f"asking the ModelRegistry {job.registry.name}", failure)
            found.error = "asking failed because of a fault in the operator; see its log"
        return found

    async def _try(self, job: _Job, namespace: str, found: _Found) -> Reason:
        """Reach it, ask it where it can be asked, tell it. Raises SourceError where it is not reached, or not any
        more. What it broke off at goes last, for it may be about that alone."""
        system = recorded(job.registry).system
        async with self._turns.opened(namespace, system, job.registry) as turn, turn.asking:
            found.begun = True
            registry = turn.opened.registry
            asked = isinstance(registry, Asked)
            if isinstance(registry, Asked):
                await registry.check()
            if isinstance(registry, WriteBack):
                due = job.refusals.due(job.deeds, asyncio.get_running_loop().time())
                await record(registry, sorted(due, key=lambda deed: job.broke.get(deed, 0)), found.told)
        return Reason.REACHED if asked else Reason.NOT_ASKED
