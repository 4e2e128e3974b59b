"""Would catch an outage of a registry that holds up a rollout or loses its outcome, and an operator that hammers."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.model.writing import Deed, Point, Release, Tag
from crossfade.ports import MODEL_REGISTRIES, Reference, RefusedError, SourceError
from crossfade.watch import registrar
from crossfade.watch.queue import Key

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout, version
from tests.unit.observe.test_credentials import CANARY, secret
from tests.unit.watch.test_registries import Answering
from tests.unit.watch.test_registry_wakes import NAMING, registry

ALL = {"champion": "champion", "challenger": "challenger", "tags": "Outcome"}
BEGUN = {"modelVersion": "v2", "revision": "demo-2", "digest": "sha256:" + "2" * 64}


class Book(Answering):
    """A registry that can be asked and told. `failure` is how it is away, `refusal` how it refuses writes, `lost` how
    the answer to one that it took gets lost."""

    def __init__(self) -> None:
        super().__init__()
        self.checks = 0
        self.aliases: dict[str, str] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.told: list[Deed] = []
        self.refusal: SourceError | None = None
        self.lost: SourceError | None = None

    async def resolve(self, source: Source) -> Reference:
        """See ports.Registry."""
        number = (source.mlflow.version if source.mlflow else None) or "1"
        return Reference(f"models:/churn/{number}", f"s3://m/{number}", number)

    async def check(self) -> None:
        """See ports.Asked."""
        self.checks += 1
        if self.failure:
            raise self.failure

    async def record(self, deed: Deed) -> None:
        """See ports.WriteBack."""
        if self.refusal:
            raise self.refusal
        self.told.append(deed)
        match deed:
            case Point(alias=alias, version=number):
                self.aliases[alias] = number
            case Release(alias=alias):
                self.aliases.pop(alias, None)
            case Tag(version=number, record=record):
                self.tags[number] = dict(record)
        if self.lost:
            raise self.lost


def said(cluster: FakeCluster, kind: str) -> tuple[str, str, str]:
    conditions = cluster.objects["ModelRegistry", "ml", "risk"]["status"]["conditions"]
    found = next(one for one in conditions if one["type"] == kind)
    return found["status"], found["reason"], found["message"]


async def until_tried(loop: Loop) -> None:
    """Look, have one attempt made, and take in what came of it."""
    while await loop.step():
        pass
    job = loop.registrar._jobs["ml", "risk"]
    assert job.task is not None
    await job.task
    while await loop.step():
        pass


async def looked_at(loop: Loop) -> None:
    """Look at the ModelRegistry alone, have one attempt made, and take in what came of it."""
    key = Key("ModelRegistry", "ml", "risk")
    await loop.reconciler.reconcile(key)
    job = loop.registrar._jobs["ml", "risk"]
    assert job.task is not None
    await job.task
    await loop.reconciler.reconcile(key)


async def until_told(loop: Loop, alias: str) -> None:
    """Look and try until the registry was told of this alias."""
    await looked_at(loop)
    (written,) = loop.cluster.objects["ModelRegistry", "ml", "risk"]["status"]["written"]
    assert alias in written


async def serving(book: Book, **spec: Any) -> tuple[FakeCluster, FakeClock, Loop]:
    """A first version of the registry's model that serves; the registry is to be told everything."""
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(registry(writeBack=ALL, **spec))
    cluster.create(version(source=NAMING))
    cluster.create(rollout())
    loop = Loop(cluster, clock, book)
    await loop.settle()
    return cluster, clock, loop


async def test_a_first_version_is_written_back_and_a_restart_asks_and_writes_nothing() -> None:
    book = Book()
    cluster, clock, _ = await serving(book)
    assert book.aliases == {"champion": "1"}
    assert book.tags["1"]["outcome"] == "Promoted"
    assert said(cluster, "WrittenBack")[:2] == ("True", "WrittenBack")
    assert said(cluster, "Ready")[:2] == ("True", "Reached")
    clock.at += 60
    await Loop(cluster, clock, book).settle()
    cluster.writes.clear()
    checks, told = book.checks, len(book.told)
    await Loop(cluster, clock, book).settle()
    assert (cluster.writes, book.checks, len(book.told)) == ([], checks, told)


async def test_an_outage_holds_up_no_rollout_and_loses_nothing() -> None:
    book = Book()
    book.refusal = SourceError("MLflow did not answer in time", wait=0.0)
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(version(source=NAMING))
    cluster.create(registry(writeBack=ALL))
    cluster.create(rollout())
    loop = Loop(cluster, clock, book)
    await loop.settle(registries=False)
    assert cluster.objects["Rollout", "ml", "demo"]["status"]["stable"]["modelVersion"] == "v1"
    await until_tried(loop)
    status, reason, message = said(cluster, "WrittenBack")
    assert (status, reason) == ("False", "WriteBackDelayed")
    assert "pending: alias champion of churn to version 1 and 1 more; tried again within 1 s" in message
    assert "MLflow did not answer in time" in message
    assert said(cluster, "Ready")[:2] == ("Unknown", "WaitingForRegistry")
    await loop.registrar.close()
    book.refusal = None
    await Loop(cluster, clock, book).settle()
    assert book.aliases == {"champion": "1"}
    assert said(cluster, "WrittenBack")[0] == "True"


async def test_what_was_taken_and_not_acknowledged_is_set_right_also_by_a_restart() -> None:
    """The answer got lost, and the rollout was over before the next try."""
    book = Book()
    cluster, _, loop = await serving(book)
    book.lost = SourceError("MLflow did not answer in time")
    cluster.create(version("v2", source=NAMING | {"mlflow": {"name": "churn", "version": "2"}}))
    loop.watch()
    await loop.settle()
    raw = cluster.objects["Rollout", "ml", "demo"]
    suspended = {**raw, "spec": {**raw["spec"], "suspend": True}}
    cluster.create({**suspended, "status": {**raw["status"], "candidate": BEGUN}})
    again = Loop(cluster, FakeClock(), book)
    await looked_at(again)
    await again.registrar.close()
    assert book.aliases == {"champion": "1", "challenger": "2"}
    book.lost = None
    cluster.create(suspended)
    await looked_at(Loop(cluster, FakeClock(), book))
    assert book.aliases == {"champion": "1"}
    assert said(cluster, "WrittenBack")[0] == "True"


async def test_a_refusal_is_about_one_model_and_the_registry_is_there_all_the_same() -> None:
    book = Book()
    book.refusal = RefusedError("MLflow does not let the operator write")
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(registry(writeBack=ALL))
    cluster.create(version(source=NAMING))
    await Loop(cluster, clock, book).settle()
    cluster.create({**rollout(), "status": {"stable": BEGUN | {"modelVersion": "v1"}}})
    loop = Loop(cluster, clock, book)
    await until_tried(loop)
    assert said(cluster, "WrittenBack")[:2] == ("False", "WriteBackDelayed")
    assert said(cluster, "Ready")[:2] == ("True", "Reached")
    await loop.registrar.close()


async def test_a_registry_that_asks_for_time_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.Event().wait()

    monkeypatch.setattr(registrar, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": sleep}))
    book = Book()
    book.failure = SourceError("MLflow refused with 429", wait=120.0)
    cluster = FakeCluster()
    cluster.create(registry())
    loop = Loop(cluster, FakeClock(), book)
    await until_tried(loop)
    job = loop.registrar._jobs["ml", "risk"]
    assert job.result is not None
    assert job.result.within == 120.0
    await asyncio.sleep(0)
    assert book.checks == 1
    assert slept == pytest.approx([120.0], abs=5.0)
    await loop.registrar.close()


async def test_a_registry_that_is_well_is_asked_again_after_minutes_and_that_writes_nothing() -> None:
    book = Book()
    cluster, clock, loop = await serving(book)
    checks = book.checks
    cluster.writes.clear()
    clock.at += 299
    await loop.settle()
    assert book.checks == checks
    clock.at += 302
    await loop.settle()
    assert (book.checks, cluster.writes) == (checks + 1, [])


async def test_an_edit_is_asked_about_at_once() -> None:
    book = Book()
    cluster, _, loop = await serving(book)
    checks = book.checks
    cluster.create(registry(writeBack=ALL, mlflow={"address": "http://elsewhere"}))
    loop.watch()
    await loop.settle()
    assert book.checks == checks + 1


async def test_a_registry_at_another_address_is_told_nothing_of_versions_of_the_one_before() -> None:
    book = Book()
    cluster, _, loop = await serving(book)
    told = len(book.told)
    cluster.create(registry(writeBack=ALL, mlflow={"address": "http://elsewhere"}))
    loop.watch()
    await loop.settle()
    assert len(book.told) == told
    assert cluster.objects["ModelRegistry", "ml", "risk"]["status"]["writtenTo"] == "mlflow http://elsewhere"
    cluster.create(registry(writeBack=ALL))
    loop.watch()
    await loop.settle()
    assert len(book.told) == 2 * told, "the first one may have forgotten since"


async def test_a_challenger_of_the_address_before_is_not_taken_away_at_the_next_one() -> None:
    book = Book()
    cluster, _, loop = await serving(book)
    cluster.create(version("v2", source=NAMING | {"mlflow": {"name": "churn", "version": "2"}}))
    loop.watch()
    await loop.settle()
    status = cluster.objects["Rollout", "ml", "demo"]["status"]
    raw = cluster.objects["Rollout", "ml", "demo"]
    cluster.create({**raw, "spec": {**raw["spec"], "suspend": True}, "status": {**status, "candidate": BEGUN}})
    again = Loop(cluster, FakeClock(), book)
    await until_told(again, "challenger")
    told = len(book.told)
    cluster.create(registry(writeBack=ALL, mlflow={"address": "http://elsewhere"}))
    await until_tried(Loop(cluster, FakeClock(), book))
    assert len(book.told) == told


async def test_a_restart_in_an_outage_says_what_it_said_before_until_it_has_tried() -> None:
    book = Book()
    book.refusal = SourceError("MLflow did not answer in time")
    cluster, clock = FakeCluster(), FakeClock()
    cluster.create(registry(writeBack=ALL))
    cluster.create(version(source=NAMING))
    cluster.create(rollout())
    loop = Loop(cluster, clock, book)
    await loop.settle(registries=False)
    await until_tried(loop)
    await loop.registrar.close()
    before = cluster.objects["ModelRegistry", "ml", "risk"]["status"]
    again = Loop(cluster, clock, book)
    while await again.step():
        pass
    assert cluster.objects["ModelRegistry", "ml", "risk"]["status"] == before
    await again.registrar.close()


async def test_a_term_of_office_begins_with_a_look_at_all_registries() -> None:
    _, _, loop = await serving(Book())
    loop.world.look_anew()
    assert ("ModelRegistry", "ml", "risk") in {taken[0] for taken in iter(loop.queue.take, None)}


async def test_a_system_that_cannot_be_asked_is_ready_when_what_it_names_is_there() -> None:
    cluster = FakeCluster()
    cluster.create(registry(credentials={"secretRef": {"name": "mlflow"}}))
    loop = Loop(cluster, FakeClock(), Answering())
    await until_tried(loop)
    assert said(cluster, "Ready")[:2] == ("Unknown", "WaitingForRegistry")
    assert "Secret mlflow" in said(cluster, "Ready")[2]
    await loop.registrar.close()
    cluster.create(secret(token=CANARY.encode()))
    await Loop(cluster, FakeClock(), Answering()).settle()
    assert said(cluster, "Ready")[:2] == ("True", "NotAsked")


async def test_no_secret_gets_out_whatever_fails(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for failure in (ValueError(CANARY), RuntimeError(f"Bearer {CANARY}")):
        book = Book()
        book.failure = failure
        cluster = FakeCluster()
        cluster.create(registry(writeBack=ALL, credentials={"secretRef": {"name": "mlflow"}}))
        cluster.create(secret(token=CANARY.encode()))
        loop = Loop(cluster, FakeClock(), book)
        await until_tried(loop)
        assert "fault in the operator" in said(cluster, "Ready")[2]
        shown = (
            f"{cluster.objects['ModelRegistry', 'ml', 'risk']} {loop.registrar._jobs} {caplog.text} {cluster.events}"
        )
        assert CANARY not in shown
        await loop.registrar.close()


async def test_a_registry_that_goes_is_not_asked_any_more() -> None:
    book = Book()
    cluster, _, loop = await serving(book)
    await cluster.delete(MODEL_REGISTRIES, "ml", "risk")
    loop.watch()
    await loop.settle()
    assert loop.registrar._jobs == {}


async def test_an_alias_that_is_left_behind_by_taking_write_back_out_is_named() -> None:
    book = Book()
    cluster, _, loop = await serving(book)
    raw = cluster.objects["ModelRegistry", "ml", "risk"]
    known = {"name": "churn", "challenger": {"alias": "challenger", "version": "2"}}
    cluster.create({**registry(), "status": {**raw["status"], "written": [known]}})
    loop.watch()
    for one in (loop, Loop(cluster, FakeClock(), book)):
        await one.settle()
        status, reason, message = said(cluster, "Ready")
        assert (status, reason) == ("True", "Reached")
        assert message.count("the alias challenger of churn means version 2 there as long as nobody takes it away") == 1
