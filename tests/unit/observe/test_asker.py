"""Would catch a ModelSource that hears something else than its registry said, or whose question holds up others."""

import asyncio
import logging
from typing import Any

import pytest
from crossfade.api.v1alpha1 import ModelRegistrySpec, ModelSourceSpec
from crossfade.api.v1alpha1.facts import Facts, Tags
from crossfade.api.v1alpha1.modelversion import MlflowSource, Source
from crossfade.model.snapshot import RegistryFacts
from crossfade.model.sourcing import Answer
from crossfade.observe import turns as turns_of_all
from crossfade.observe.asker import Asker, Question
from crossfade.observe.turns import Turns
from crossfade.ports import Listed, Reference, SourceError

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Given

PLACE = ("ml", "fraud")
CANARY = "canary-of-a-tenant"


def exact(number: str) -> Source:
    return Source(mlflow=MlflowSource(name="fraud", version=number))


class Plain:
    """The Registry port: every alias means version 7, whose tag `version` is `tag`. `failure` is raised instead."""

    def __init__(self, tag: str = "", failure: Exception | None = None, pinned: Source | None = None) -> None:
        self.tag = tag
        self.failure = failure
        self.pinned = pinned or exact("7")
        self.resolved: list[Source] = []

    async def resolve(self, source: Source) -> Reference:
        """See ports.Registry."""
        self.resolved.append(source)
        if self.failure:
            raise self.failure
        facts = Facts(tags=Tags(origin="Registry", values={"version": self.tag}))
        return Reference("models:/fraud/7", "s3://m/7", "7", facts, self.pinned)


class Listing(Plain):
    """The same as a ports.Catalogue, with these versions."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names

    async def versions(self, spec: ModelSourceSpec) -> Listed:
        """See ports.Catalogue."""
        return Listed(self.names, lambda name: exact(str(1 + self.names.index(name))))


def question(registry: RegistryFacts | None = None, **selector: str) -> Question:
    told = {"mlflow": {"name": "fraud", **(selector or {"alias": "champion"})}, "template": {"modelName": "m"}}
    return Question("u", 3, ModelSourceSpec.model_validate(told), registry)


async def heard(registry: Any, one: Question | None = None) -> Answer:
    done = asyncio.Event()
    asker = Asker(Turns(Given(registry), FakeCluster()), FakeClock(50.0))
    async with asyncio.timeout(60):
        asker.ask(PLACE, one or question(), done.set)
        await done.wait()
    answer = asker.answer(PLACE, "u")
    assert answer is not None
    assert asker.answer(PLACE, "another") is None, "a namesake is another one"
    return answer


async def test_what_a_registry_says_is_heard_with_its_version_and_what_people_call_it() -> None:
    answer = await heard(Plain("1.3.0"))
    assert (answer.at, answer.generation, answer.error) == (50.0, 3, "")
    assert answer.meaning is not None
    assert (answer.meaning.source, answer.meaning.version, answer.meaning.tag) == (exact("7"), "7", "1.3.0")


async def test_of_a_range_the_newest_is_asked_for_and_called_so() -> None:
    listing = Listing("1.2.0", "latest", "v1.10.0", "2.0.0")
    answer = await heard(listing, question(semver="^1"))
    assert listing.resolved == [exact("3")]
    assert answer.meaning is not None
    assert answer.meaning.tag == "v1.10.0"


@pytest.mark.parametrize(
    ("registry", "selector", "error"),
    [
        (Plain(failure=SourceError("no; correct `source.mlflow`", wait=9.0)), {}, "no; correct `spec.mlflow`"),
        (Plain(), {"semver": "^1"}, "versions in `mlflow` cannot be listed; follow something else than `semver`"),
        (Listing("2.0.0"), {"semver": "^1"}, "of 1 versions of what is followed none is in the range `^1`; register"),
        (
            Plain(pinned=Source.model_construct(mlflow=MlflowSource.model_construct(name="f", version="x"))),
            {},
            "the registry answered with a version that no ModelVersion can name",
        ),
    ],
)
async def test_why_nothing_was_heard_is_said(registry: Plain, selector: dict[str, str], error: str) -> None:
    answer = await heard(registry, question(None, **selector))
    assert answer.meaning is None
    assert answer.error.startswith(error)
    assert answer.wait == (9.0 if registry.failure else 0.0)


async def test_a_registry_without_what_stays_cannot_be_followed() -> None:
    plain = Plain()
    plain.pinned = None  # type: ignore[assignment]
    assert "follow another registry" in (await heard(plain)).error


async def test_a_fault_tells_nothing_of_what_it_was_given(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await heard(Plain(failure=RuntimeError(f"Bearer {CANARY}")))
    assert "fault in the operator" in answer.error
    assert CANARY not in caplog.text


async def test_a_registry_of_another_system_is_told() -> None:
    hub = RegistryFacts("hub", "r", ModelRegistrySpec.model_validate({"huggingFace": {}}))
    answer = await heard(Plain(), question(hub))
    assert "the ModelRegistry hub is `huggingFace`; name one in `spec.registryRef` that is `mlflow`" in answer.error


class Hanging(Plain):
    """Never answers."""

    async def resolve(self, source: Source) -> Reference:
        self.resolved.append(source)
        await asyncio.Event().wait()
        raise AssertionError


async def test_one_registry_is_asked_twenty_times_at_once_and_each_source_once() -> None:
    hanging = Hanging()
    turns = Turns(Given(hanging), FakeCluster())
    asker = Asker(turns, FakeClock())
    for _ in range(2):
        for number in range(50):
            asker.ask(("ml", f"s{number}"), question(), lambda: None)
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(hanging.resolved) == 20
    asker.ask(("ml", "s0"), question(alias="other"), lambda: None)
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(hanging.resolved) == 21, "what is not asked any more makes place"
    await asker.close()
    assert (turns._slots, asker._jobs) == ({}, {})


class Endless(Plain):
    """Whose list of versions never ends. `listing` is how many are at it."""

    listing = 0

    async def versions(self, spec: ModelSourceSpec) -> Listed:
        """See ports.Catalogue."""
        self.listing += 1
        await asyncio.Event().wait()
        raise AssertionError


async def test_lists_that_never_end_keep_no_place_from_others_who_ask_the_operators_own_registry() -> None:
    endless = Endless()
    asker = Asker(Turns(Given(endless), FakeCluster()), FakeClock())
    for number in range(50):
        asker.ask(("evil", f"s{number}"), question(semver="^1"), lambda: None)
    done = asyncio.Event()
    asker.ask(PLACE, question(), done.set)
    async with asyncio.timeout(60):
        await done.wait()
    assert asker.answer(PLACE, "u") is not None
    asker.ask(("ml", "other"), question(semver="^1"), lambda: None)
    for _ in range(200):
        await asyncio.sleep(0)
    assert endless.listing == 3, "two of one namespace, and one of another"
    await asker.close()


async def test_a_list_that_takes_too_long_is_given_up_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_of_all, "_LISTING_SECONDS", 0.0)
    answer = await heard(Endless(), question(semver="^1"))
    assert (answer.meaning, answer.error.partition(";")[0]) == (
        None,
        "to list the versions of what is followed took longer than 0 s",
    )
