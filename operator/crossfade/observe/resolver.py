"""Resolves ModelVersions in the background: reading and hashing a model can take minutes, a reconcile must not."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import ValidationError

from crossfade.api.conditions import Reason
from crossfade.api.problems import sentences
from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.model.moments import stamp
from crossfade.model.snapshot import Resolution
from crossfade.observe.verify import Measured, measure
from crossfade.ports import Artifacts, Clock, Reference, Registry, SourceError

log = logging.getLogger(__name__)

_AT_ONCE = 2
"""Hashing is bound by the CPU and the network; more at once would only starve the reconcile loop."""
_LONGEST_WAIT_SECONDS = 300.0

Place = tuple[str, str]
"""Namespace and name of a ModelVersion."""


@dataclass(slots=True)
class _Job:
    """The attempts for one ModelVersion; a namesake made later has another uid and a job of its own."""

    uid: str
    attempts: int = 0
    result: Resolution | None = None
    task: asyncio.Task[None] | None = None


class Resolver:
    """Resolutions of ModelVersions by place; `jitter` gives a number from 0 to 1."""

    def __init__(
        self, registry: Registry | None, artifacts: Artifacts, clock: Clock, jitter: Callable[[], float]
    ) -> None:
        self._registry = registry
        self._artifacts = artifacts
        self._clock = clock
        self._jitter = jitter
        self._slots = asyncio.Semaphore(_AT_ONCE)
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

    def request(self, place: Place, uid: str, spec: ModelVersionSpec, on_done: Callable[[], None]) -> None:
        """Have one more attempt made unless one is under way, and `on_done` called after it.

        After a failure an attempt waits 1 s, doubling to 5 min, less up to a half at random.
        """
        job = self._jobs.get(place)
        if job is None or job.uid != uid:
            self.forget(place)
            job = self._jobs[place] = _Job(uid)
        if job.task is None:
            job.task = asyncio.create_task(self._attempt(job, spec, on_done), name=f"resolve-{'/'.join(place)}")

    async def close(self) -> None:
        """Cancel all attempts."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        for place in list(self._jobs):
            self.forget(place)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, job: _Job, spec: ModelVersionSpec, on_done: Callable[[], None]) -> None:
        if job.attempts:
            longest = min(2.0 ** (job.attempts - 1), _LONGEST_WAIT_SECONDS)
            await asyncio.sleep(longest * (1.0 - self._jitter() / 2.0))
        async with self._slots:
            found = await self._resolve(spec)
        job.attempts += 1
        job.result = replace(found, attempts=job.attempts)
        job.task = None
        on_done()

    async def _resolve(self, spec: ModelVersionSpec) -> Resolution:
        try:
            reference = await self._follow(spec)
            measured = await measure(self._artifacts, reference.immutable_uri)
            resolved = self._frozen(reference, measured)
        except SourceError as error:
            reason = Reason.WAITING_FOR_REGISTRY if error.retry else Reason.SOURCE_REFUSED
            return Resolution(error=str(error), reason=reason, retry=error.retry)
        except Exception:
            log.exception("resolving version %s of %s failed", spec.version, spec.model_name)
            return Resolution(error="the source could not be read because of a fault in the operator; see its log")
        pinned = spec.artifact.digest if spec.artifact else None
        if pinned is not None and pinned != measured.digest:
            text = f"the bytes have the digest {measured.digest}, but `spec.artifact.digest` pins {pinned}"
            return Resolution(error=text, reason=Reason.DIGEST_MISMATCH, retry=False)
        return Resolution(resolved=resolved)

    def _frozen(self, reference: Reference, measured: Measured) -> Resolved:
        """What the status records. Raises SourceError where it has no room for it; no value is repeated."""
        try:
            return Resolved(
                uri=reference.uri,
                immutable_uri=reference.immutable_uri,
                digest=measured.digest,
                files=measured.files,
                size_bytes=measured.size_bytes,
                registry_version=reference.registry_version or None,
                run_id=reference.run_id,
                resolved_at=stamp(self._clock.now()),
            )
        except ValidationError as error:
            problems = "; ".join(sentences(error, "resolved"))
            raise SourceError(
                f"what the source says cannot be recorded: {problems}; register the model so that it fits", retry=False
            ) from None

    async def _follow(self, spec: ModelVersionSpec) -> Reference:
        """The immutable address of the bytes. A plain URI is its own: what it gave once is pinned by digest."""
        if spec.source.uri is not None:
            uri = spec.source.uri.uri
            return Reference(uri=uri, immutable_uri=uri, registry_version="", run_id=None)
        if spec.source.mlflow is None or self._registry is None:
            raise SourceError(
                "no MLflow server is configured; start the operator with --mlflow-address or CROSSFADE_MLFLOW_ADDRESS"
            )
        return await self._registry.resolve(spec.source.mlflow)
