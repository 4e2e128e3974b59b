"""Asks registries in the background what ModelSources follow: that may take half a minute, a reconcile must not."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import ValidationError

from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.decide.following import followed
from crossfade.decide.ranges import newest
from crossfade.model.snapshot import RegistryFacts
from crossfade.model.sourcing import Answer, Meaning
from crossfade.observe.retries import note_fault
from crossfade.observe.turns import Turn, Turns
from crossfade.ports import Clock, Reference, SourceError, catalogue

log = logging.getLogger(__name__)

_TAG = "version"
"""What people call the tag in which they write a semantic version; GTO's versions come by the same name."""
Place = tuple[str, str]
"""Namespace and name of a ModelSource."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a ModelSource of this `uid` and `generation` follows, and the ModelRegistry that it is in."""

    uid: str
    generation: int
    spec: ModelSourceSpec
    registry: RegistryFacts | None


@dataclass(slots=True)
class _Job:
    question: Question
    task: asyncio.Task[None]


class Asker:
    """One question of a ModelSource at a time, and the newest answer."""

    def __init__(self, turns: Turns, clock: Clock) -> None:
        self._turns = turns
        self._clock = clock
        self._jobs: dict[Place, _Job] = {}
        self._answers: dict[Place, tuple[str, Answer]] = {}
        self.began = clock.now()
        """When this process began to look, in unix seconds."""

    def answer(self, place: Place, uid: str) -> Answer | None:
        """What came last of a question of this object; None when none came."""
        of, answer = self._answers.get(place, ("", None))
        return answer if of == uid else None

    def ask(self, place: Place, question: Question, on_done: Callable[[], None]) -> None:
        """Have it asked, unless it is being asked, and `on_done` called after it."""
        job = self._jobs.get(place)
        if job is not None and job.question == question:
            return
        if job is not None:
            job.task.cancel()
        asking = self._ask(place, question, on_done)
        self._jobs[place] = _Job(question, asyncio.create_task(asking, name=f"ask-{'/'.join(place)}"))

    def forget(self, place: Place) -> None:
        """The ModelSource is gone."""
        self._answers.pop(place, None)
        job = self._jobs.pop(place, None)
        if job is not None:
            job.task.cancel()

    async def close(self) -> None:
        """Cancel all questions."""
        tasks = [job.task for job in self._jobs.values()]
        for place in list(self._jobs):
            self.forget(place)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, place: Place, question: Question, on_done: Callable[[], None]) -> None:
        meaning, error, wait = await self._meaning(place[0], question)
        about = question.generation, question.registry
        self._answers[place] = question.uid, Answer(self._clock.now(), *about, meaning, error, wait)
        del self._jobs[place]
        on_done()

    async def _meaning(self, namespace: str, question: Question) -> tuple[Meaning | None, str, float]:
        """What it means, or why it is not known, and for how long the registry is to be left alone."""
        try:
            async with self._turns.opened(namespace, question.spec.system, question.registry) as turn:
                return await _asked(turn, question.spec), "", 0.0
        except SourceError as error:
            return None, _in_words_of_its_spec(str(error)), error.wait
        except Exception as error:
            note_fault(log, "asking for a ModelSource", error)
            return None, "the registry could not be asked because of a fault in the operator; see its log", 0.0


async def _asked(turn: Turn, spec: ModelSourceSpec) -> Meaning:
    """What is followed means this. Raises SourceError."""
    registry = turn.opened.registry
    source, tag = (followed(spec), None) if spec.semver is None else await _newest(turn, spec, spec.semver)
    async with turn.asking:
        meaning = _understood(await registry.resolve(source))
    return meaning if tag is None else replace(meaning, tag=tag)


async def _newest(turn: Turn, spec: ModelSourceSpec, semver: str) -> tuple[Source, str]:
    """The newest version in the range, and what it is called. Raises SourceError."""
    async with turn.listing():
        listed = await catalogue(turn.opened.registry, spec.system).versions(spec)
    chosen = await asyncio.to_thread(newest, semver, listed.names)
    if chosen is None:
        raise SourceError(
            f"of {len(listed.names)} versions of what is followed none is in the range `{semver}`; register "
            "one, or widen the range"
        )
    return listed.source(chosen), chosen


def _understood(reference: Reference) -> Meaning:
    """Raises SourceError."""
    if reference.pinned is None:
        raise SourceError("what is followed has no version that stays what it is; follow another registry")
    try:
        pinned = Source.model_validate(reference.pinned.to_json())
    except ValidationError:
        raise SourceError("the registry answered with a version that no ModelVersion can name") from None
    tags = reference.facts.tags if reference.facts else None
    return Meaning(pinned, reference.registry_version, tags.values.get(_TAG, "") if tags else "")


def _in_words_of_its_spec(sentence: str) -> str:
    """Registries speak of a ModelVersion's fields, which a ModelSource has by the same names without `source`."""
    return sentence.replace("`source.", "`spec.")
