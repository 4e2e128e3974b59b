"""Would catch a ModelVersion on a volume that waits without a word, is read again, or skips what others are held to."""

import asyncio
from collections.abc import Callable
from typing import Any

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.facts import Facts
from crossfade.model.reading import Reading
from crossfade.model.snapshot import Resolution
from crossfade.model.volume import Subject
from crossfade.observe.resolver import Resolver
from crossfade.observe.turns import Turns
from crossfade.ports import SourceError

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Given

PLACE = ("ml", "fraud-7")
DIGEST = "sha256:" + "7" * 64
READING = Reading(
    DIGEST,
    3,
    10,
    Facts.model_validate({"serialization": {"origin": "Artifact", "formats": ["ONNX"], "pickle": "None"}}),
)


class Scripted:
    """The Volumes port: says these sentences, each once it is let go on, and then gives the reading or raises."""

    def __init__(self, outcome: Reading | SourceError, *said: str) -> None:
        self.outcome, self.said = outcome, said
        self.asked: list[tuple[Subject, str]] = []
        self.onward = asyncio.Semaphore(0)

    async def read(self, subject: Subject, uri: str, say: Callable[[str], None]) -> Reading:
        """See ports.Volumes."""
        self.asked.append((subject, uri))
        for sentence in self.said:
            say(sentence)
            await self.onward.acquire()
        if isinstance(self.outcome, SourceError):
            raise self.outcome
        return self.outcome


def spec(**more: Any) -> ModelVersionSpec:
    source = {"volume": {"claimName": "models", "path": "fraud/7"}}
    return ModelVersionSpec.model_validate({"modelName": "fraud", "version": "7.0.0", "source": source} | more)


async def results(volumes: Scripted, asked: ModelVersionSpec) -> list[Resolution | None]:
    """What the resolver tells, each time that it has news."""
    told, news = list[Resolution | None](), asyncio.Event()
    resolver = Resolver(Turns(Given(), FakeCluster()), volumes, FakeClock(), lambda: 0.0)
    resolver.request(PLACE, "uid", asked, None, news.set)
    async with asyncio.timeout(60):
        for _ in range(len(volumes.said) + 1):
            await news.wait()
            news.clear()
            told.append(resolver.result(PLACE, "uid"))
            volumes.onward.release()
    return told


async def test_what_the_pod_found_is_frozen_with_an_address_that_people_know() -> None:
    volumes = Scripted(READING)
    (found,) = await results(volumes, spec())
    assert volumes.asked == [(Subject("ml", "fraud-7", "uid"), "pvc://models/fraud/7")]
    assert found is not None
    assert found.resolved is not None
    assert (found.resolved.uri, found.resolved.immutable_uri) == ("pvc://models/fraud/7", "pvc://models/fraud/7")
    assert (found.resolved.digest, found.resolved.files, found.resolved.size_bytes) == (DIGEST, 3, 10)
    assert found.resolved.serialization == READING.facts.serialization
    assert found.resolved.access is None


async def test_all_of_a_volume_has_no_path() -> None:
    volumes = Scripted(READING)
    await results(volumes, spec(source={"volume": {"claimName": "models"}}))
    assert [uri for _, uri in volumes.asked] == ["pvc://models"]


async def test_what_the_pod_waits_for_is_shown_until_it_goes_on() -> None:
    first, onward, last = await results(Scripted(READING, "pod p finds no node: not bound", ""), spec())
    assert first is not None
    assert (first.reason, first.retry) == (Reason.WAITING_FOR_VOLUME, True)
    assert first.error == "pod p finds no node: not bound"
    assert onward is None
    assert last is not None
    assert last.resolved is not None


async def test_a_volume_that_may_still_be_read_is_waited_for_and_one_that_never_will_be_is_refused() -> None:
    for retry, reason in ((True, Reason.WAITING_FOR_VOLUME), (False, Reason.SOURCE_REFUSED)):
        (found,) = await results(Scripted(SourceError("no such claim", retry=retry)), spec())
        assert found is not None
        assert (found.error, found.reason, found.retry) == ("no such claim", reason, retry)


async def test_a_pinned_digest_holds_for_volumes_too() -> None:
    (found,) = await results(Scripted(READING), spec(artifact={"digest": "sha256:" + "0" * 64}))
    assert found is not None
    assert (found.reason, found.retry, found.resolved) == (Reason.DIGEST_MISMATCH, False, None)


async def test_words_that_cannot_be_recorded_are_refused() -> None:
    (found,) = await results(Scripted(Reading("sha256:short", 1, 1, READING.facts)), spec())
    assert found is not None
    assert (found.reason, found.resolved) == (Reason.SOURCE_REFUSED, None)
