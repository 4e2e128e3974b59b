"""Would catch a model that is refused, or a registry that hangs, and holds up those that have nothing to do with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from crossfade.api.v1alpha1 import ModelRegistrySpec
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.model.access import Access
from crossfade.model.snapshot import RegistryFacts
from crossfade.model.writing import Deed, Point, Release
from crossfade.observe.turns import Turns
from crossfade.ports import Reference, RefusedError, SourceError
from crossfade.watch import registrar
from crossfade.watch.refusals import Refusals
from crossfade.watch.registrar import Registrar

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.time import run

BAD, GOOD = Point("bad", "champion", "champion", "1"), Point("good", "champion", "champion", "2")


class Book:
    """A registry that refuses what is about the model `bad`, and hangs where it is told to."""

    def __init__(self, *, hangs: bool = False, slow: bool = False) -> None:
        self.hangs, self.slow = hangs, slow
        self.checks = 0
        self.tried: list[Deed] = []
        self.failure: SourceError | None = None
        self.breaks: frozenset[str] = frozenset()

    async def resolve(self, source: Source) -> Reference:
        """See ports.Registry."""
        raise SourceError("nobody asks here")

    async def check(self) -> None:
        """See ports.Asked."""
        self.checks += 1
        if self.failure:
            raise self.failure
        if self.hangs:
            await asyncio.Event().wait()

    async def record(self, deed: Deed) -> None:
        """See ports.WriteBack."""
        self.tried.append(deed)
        if self.slow and len(self.tried) % 2 == 0:
            await asyncio.Event().wait()
        if deed.model in self.breaks:
            raise SourceError("the registry refused bad with 500")
        if deed.model == "bad":
            raise RefusedError("MLflow does not let the operator write to bad")


class Shelf:
    """The Sources port: books by their addresses."""

    def __init__(self, books: dict[str, Book]) -> None:
        self.books = books

    @asynccontextmanager
    async def open(self, access: Access | None) -> AsyncIterator[Any]:
        """See ports.Sources."""
        assert access is not None
        yield SimpleNamespace(registry=self.books[access.address])


def facts(address: str) -> RegistryFacts:
    return RegistryFacts("risk", "u", ModelRegistrySpec.model_validate({"mlflow": {"address": address}}))


class Desk:
    """The Registrar, and what its looks would do."""

    def __init__(self, **books: Book) -> None:
        self.books = {f"http://{name}": book for name, book in books.items()}
        self.turns = Turns(Shelf(self.books), FakeCluster())
        self.registrar = Registrar(self.turns, FakeClock(), lambda: 0.0)
        self.done: dict[tuple[str, str], asyncio.Event] = {}

    def ask(self, namespace: str, name: str, *deeds: Deed, check: bool = False) -> asyncio.Event:
        """What is set when the next attempt has ended."""
        event = self.done.setdefault((namespace, name), asyncio.Event())
        self.registrar.request((namespace, name), facts(f"http://{name}"), deeds, event.set, check=check)
        return event

    async def told(self, namespace: str, name: str, *deeds: Deed, check: bool = False) -> Any:
        """The attempt that this brings about."""
        event = self.ask(namespace, name, *deeds, check=check)
        async with asyncio.timeout(60):
            await event.wait()
        event.clear()
        return self.registrar.result((namespace, name), facts(f"http://{name}"))


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Rests are over at once; their seconds."""
    slept: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await real(0)

    monkeypatch.setattr(registrar, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": sleep}))
    return slept


async def test_a_model_that_is_refused_holds_up_no_other_which_is_told_at_once() -> None:
    book = Book()
    desk = Desk(a=book)
    first = await desk.told("ml", "a", BAD)
    assert (first.error, first.refused, first.within) == ("", "MLflow does not let the operator write to bad", 1.0)
    desk.ask("ml", "a", BAD)  # as the look after each attempt does: it rests until that is due
    await asyncio.sleep(0)
    second = await desk.told("ml", "a", BAD, GOOD)
    assert (book.tried, second.done) == ([BAD, GOOD], (GOOD,))
    assert second.refused, "what is refused still is, and it goes on being said"
    await desk.registrar.close()


async def test_models_at_which_a_registry_breaks_off_starve_no_other(hurried: list[float]) -> None:
    """A server may fail at one model alone, and the registry still be there for the rest."""
    book, worse = Book(), Point("worse", "champion", "champion", "1")
    book.breaks = frozenset(["bad", "worse"])
    desk = Desk(a=book)
    deeds, doubted = (BAD, worse, GOOD), set()
    for _ in range(3):
        last = await desk.told("ml", "a", *deeds)
        doubted.add(last.doubted)
    assert last.done == (GOOD,)
    assert doubted == {BAD, worse}
    await desk.registrar.close()


def test_a_refusal_is_tried_again_after_a_time_that_doubles_and_what_is_new_does_not_put_it_off() -> None:
    refusals, now = Refusals(lambda: 0.0), 100.0
    for rest in (1.0, 2.0, 4.0):
        refusals.note([], {BAD: "no"}, now)
        assert refusals.standing == ("no", rest)
        refusals.note([GOOD], {}, now + rest / 2)
        assert refusals.due([BAD, GOOD], now + rest - 0.1) == (GOOD,)
        now = refusals.next()
        assert refusals.due([BAD, GOOD], now) == (BAD, GOOD)
    refusals.note([], {BAD: "no", GOOD: "never"}, now)
    refusals.keep([GOOD])
    assert refusals.standing == ("never", 1.0)
    refusals.note([GOOD], {}, now)
    assert (refusals.standing, refusals.next()) == (("", 0.0), 0.0)


async def test_what_is_not_wanted_any_more_is_not_told_by_who_rested() -> None:
    """A rollout ends while the registry is away: what it was to be told then is not what it is to be told now."""
    book = Book()
    desk = Desk(a=book)
    book.failure = SourceError("MLflow did not answer in time")
    await desk.told("ml", "a", GOOD)
    desk.ask("ml", "a", GOOD)
    job = desk.registrar._jobs["ml", "a"]
    assert job.resting
    desk.ask("ml", "a")
    assert (job.task, job.deeds) == (None, ())
    await desk.registrar.close()


async def test_after_an_error_everything_waits_new_or_not(hurried: list[float]) -> None:
    book = Book()
    desk = Desk(a=book)
    book.failure = SourceError("MLflow refused with 429", wait=40.0)
    found = await desk.told("ml", "a", GOOD)
    assert (found.error, found.within, hurried) == ("MLflow refused with 429", 40.0, [])
    book.failure = None
    found = await desk.told("ml", "a", GOOD, Release("m", "challenger", "challenger", "1"))
    assert found.error == ""
    assert hurried == [pytest.approx(40.0, abs=2.0)]
    await desk.registrar.close()


async def test_registries_of_one_namespace_that_hang_stop_nobody_elses() -> None:
    hanging = {f"h{number}": Book(hangs=True) for number in range(40)}
    book = Book()
    desk = Desk(**hanging, v=book)
    for name in hanging:
        desk.ask("evil", name, check=True)
    await asyncio.sleep(0)
    found = await desk.told("ml", "v", GOOD, check=True)
    assert found.done == (GOOD,)
    assert sum(one.checks for one in hanging.values()) == 4
    await desk.registrar.close()


def test_an_attempt_has_an_end_and_what_was_acknowledged_by_then_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrar, "_ATTEMPT_SECONDS", 0.05)
    deeds = [Point(f"m{number}", "champion", "champion", "1") for number in range(2)]

    async def scene() -> tuple[Any, Any]:
        desk = Desk(a=Book(slow=True))
        found = await desk.told("ml", "a", *deeds), await desk.told("ml", "a", deeds[1])
        await desk.registrar.close()
        return found

    first, second = run(scene())
    assert (first.done, first.reached) == ((deeds[0],), None)
    assert "did not take it all within" in first.error
    assert (second.done, second.error) == ((deeds[1],), "")


async def test_a_turn_that_does_not_come_is_not_said_to_be_the_registrys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrar, "_ATTEMPT_SECONDS", 0.05)
    desk = Desk(a=Book())
    async with AsyncExitStack() as others:
        turn = await others.enter_async_context(desk.turns.opened("ml", "mlflow", facts("http://a")))
        for _ in range(20):
            await others.enter_async_context(turn.asking)
        found = await desk.told("ml", "a", GOOD)
    assert (found.done, found.reached) == ((), None)
    assert found.error == "its turn did not come within 0 s, for the registry is being asked so much else"
    await desk.registrar.close()
