"""Resolves ModelVersions in the background: reading and hashing a model can take minutes, a reconcile must not."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import ValidationError

from crossfade.api.conditions import Reason
from crossfade.api.problems import sentences
from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.facts import Facts
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.model.declared import with_declared
from crossfade.model.moments import stamp
from crossfade.model.reading import Reading
from crossfade.model.snapshot import RegistryFacts, Resolution
from crossfade.model.volume import Subject, VolumePlace
from crossfade.observe.credentials import recorded
from crossfade.observe.reading import read_model
from crossfade.observe.retries import note_fault, rest_after, spread
from crossfade.observe.turns import Turns
from crossfade.ports import Clock, Opened, Reference, SourceError, Volumes

log = logging.getLogger(__name__)

_HASHED_AT_ONCE = 8
"""Hashing is bound by the CPU and the network; more at once would only starve the reconcile loop."""

Place = tuple[str, str]
"""Namespace and name of a ModelVersion."""


@dataclass(slots=True)
class _Job:
    """The attempts for one ModelVersion in one registry; a namesake made later, and another registry or an edited one,
    has a job of its own."""

    uid: str
    registry: RegistryFacts | None
    attempts: int = 0
    wait: float = 0.0
    result: Resolution | None = None
    task: asyncio.Task[None] | None = None


class Resolver:
    """Resolutions of ModelVersions by place; `jitter` gives a number from 0 to 1."""

    def __init__(self, turns: Turns, volumes: Volumes, clock: Clock, jitter: Callable[[], float]) -> None:
        self._turns = turns
        self._volumes = volumes
        self._clock = clock
        self._jitter = jitter
        self._hashing = asyncio.Semaphore(_HASHED_AT_ONCE)
        self._jobs: dict[Place, _Job] = {}

    def result(self, place: Place, uid: str) -> Resolution | None:
        """What became of the last attempt, None before the first has ended."""
        job = self._jobs.get(place)
        return job.result if job is not None and job.uid == uid else None

    def forget(self, place: Place) -> None:
        """The ModelVersion is gone, or its status holds the result."""
        job = self._jobs.pop(place, None)
        if job is not None and job.task is not None:
            job.task.cancel()

    def request(
        self,
        place: Place,
        uid: str,
        spec: ModelVersionSpec,
        registry: RegistryFacts | None,
        on_done: Callable[[], None],
    ) -> None:
        """Have one more attempt made unless one is under way, and `on_done` called after it.

        After a failure an attempt waits 1 s, doubling to 5 min, less up to a half at random, and never less than the
        registry asked for.
        """
        job = self._jobs.get(place)
        if job is None or (job.uid, job.registry) != (uid, registry):
            self.forget(place)
            job = self._jobs[place] = _Job(uid, registry)
        if job.task is None:
            attempt = self._attempt(job, Subject(*place, uid), spec, on_done)
            job.task = asyncio.create_task(attempt, name=f"resolve-{'/'.join(place)}")

    async def close(self) -> None:
        """Cancel all attempts."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        for place in list(self._jobs):
            self.forget(place)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, job: _Job, subject: Subject, spec: ModelVersionSpec, on_done: Callable[[], None]) -> None:
        if job.attempts:
            await asyncio.sleep(max(spread(rest_after(job.attempts), self._jitter), job.wait))

        def say(why: str) -> None:
            job.result = Resolution(error=why, reason=Reason.WAITING_FOR_VOLUME) if why else None
            on_done()

        found = await self._resolve(job, subject, spec, say)
        job.attempts += 1
        job.result = replace(found, attempts=job.attempts)
        job.task = None
        on_done()

    async def _resolve(
        self, job: _Job, subject: Subject, spec: ModelVersionSpec, say: Callable[[str], None]
    ) -> Resolution:
        job.wait = 0.0
        try:
            reference, reading = await self._read(subject, spec, job.registry, say)
            resolved = self._frozen(spec, reference, reading, job.registry)
        except SourceError as error:
            job.wait = error.wait
            waiting = Reason.WAITING_FOR_REGISTRY if spec.source.volume is None else Reason.WAITING_FOR_VOLUME
            return Resolution(
                error=str(error), reason=waiting if error.retry else Reason.SOURCE_REFUSED, retry=error.retry
            )
        except Exception as error:
            note_fault(log, f"resolving version {spec.version} of {spec.model_name}", error)
            return Resolution(error="the source could not be read because of a fault in the operator; see its log")
        pinned = spec.artifact.digest if spec.artifact else None
        if pinned is not None and pinned != reading.digest:
            text = f"the bytes have the digest {reading.digest}, but `spec.artifact.digest` pins {pinned}"
            return Resolution(error=text, reason=Reason.DIGEST_MISMATCH, retry=False)
        return Resolution(resolved=resolved)

    async def _read(
        self, subject: Subject, spec: ModelVersionSpec, registry: RegistryFacts | None, say: Callable[[str], None]
    ) -> tuple[Reference, Reading]:
        """What the source means now, and what its bytes are. Raises SourceError."""
        if (volume := spec.source.volume) is not None:
            uri = VolumePlace(volume.claim_name, volume.path or "").uri
            return Reference(uri, uri), await self._volumes.read(subject, uri, say)
        async with self._turns.opened(subject.namespace, spec.source.system, registry) as turn:
            async with turn.asking:
                reference = await _followed(turn.opened, spec)
            async with turn.reading(), self._hashing:
                return reference, await read_model(turn.opened.artifacts, reference.immutable_uri)

    def _frozen(
        self, spec: ModelVersionSpec, reference: Reference, reading: Reading, registry: RegistryFacts | None
    ) -> Resolved:
        """What the status records. Raises SourceError where it has no room for it; no value is repeated."""
        # of a group that is of both the registry's is taken: a card among the files tells less of runs and their
        # results, and when MLflow logged a model is not when somebody registered it
        told = {name: fact for name, fact in reference.facts or Facts() if fact is not None}
        try:
            return Resolved(
                **dict(with_declared(reading.facts.model_copy(update=told), spec)),
                uri=reference.uri,
                immutable_uri=reference.immutable_uri,
                digest=reading.digest,
                files=reading.files,
                size_bytes=reading.size_bytes,
                weights_digest=reading.weights,
                registry_version=reference.registry_version or None,
                image_id=reference.image_id,
                access=recorded(registry) if registry else None,
                resolved_at=stamp(self._clock.now()),
            )
        except ValidationError as error:
            problems = "; ".join(sentences(error, "resolved"))
            raise SourceError(
                f"what the source says cannot be recorded: {problems}; register the model so that it fits", retry=False
            ) from None


async def _followed(opened: Opened, spec: ModelVersionSpec) -> Reference:
    """The immutable address of the bytes. A URI in no registry is its own: what it gave once is pinned by digest."""
    if spec.source.uri is not None and spec.source.registry_ref is None:
        return Reference(spec.source.uri.uri, spec.source.uri.uri)
    return await opened.registry.resolve(spec.source)
