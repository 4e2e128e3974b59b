"""Would catch a ModelVersion that hangs as Resolving because what a source said of itself cannot be recorded."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1 import ModelRegistrySpec, ModelVersionSpec
from crossfade.api.v1alpha1.facts import Lineage
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.model.snapshot import RegistryFacts, Resolution
from crossfade.observe.resolver import Resolver
from crossfade.observe.turns import Turns
from crossfade.ports import Reference, StoredFile

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Given, OneFile
from tests.unit.fakes.volumes import NoVolumes

PLACE = ("ml", "v1")
REGISTRY = ModelRegistrySpec.model_validate({"mlflow": {"address": "http://mlflow"}})
SPEC = {"modelName": "model", "version": "1.0.0", "source": {"mlflow": {"name": "churn", "version": "1"}}}


class Answering:
    def __init__(self, **said: str) -> None:
        self.reference = Reference(
            **{"uri": "models:/churn/1", "immutable_uri": "s3://m/1", "registry_version": "1"} | said
        )

    async def resolve(self, source: Source) -> Reference:
        return self.reference


async def resolved(spec: Mapping[str, Any] = SPEC, **said: str) -> Resolution | None:
    done = asyncio.Event()
    resolver = Resolver(Turns(Given(Answering(**said)), FakeCluster()), NoVolumes(), FakeClock(), lambda: 0.0)
    resolver.request(PLACE, "uid", ModelVersionSpec.model_validate(spec), None, done.set)
    async with asyncio.timeout(60):
        await done.wait()
    return resolver.result(PLACE, "uid")


async def test_what_the_registry_says_is_frozen() -> None:
    found = await resolved()
    assert found is not None
    assert found.resolved is not None
    assert found.resolved.immutable_uri == "s3://m/1"


async def test_what_only_the_spec_says_is_recorded_as_its_word() -> None:
    found = await resolved(SPEC | {"lineage": {"runId": "run-7"}})
    assert found is not None
    assert found.resolved is not None
    assert found.resolved.lineage == Lineage(origin="Spec", run_id="run-7")


@pytest.mark.parametrize("said", [{"immutable_uri": "s3://m/" + "x" * 2048}, {"uri": "models:/" + "x" * 2048}])
async def test_what_is_too_long_to_be_recorded_is_refused_with_its_field(said: dict[str, str]) -> None:
    found = await resolved(**said)
    assert found is not None
    assert (found.resolved, found.reason, found.retry) == (None, Reason.SOURCE_REFUSED, False)
    assert "at most" in found.error
    assert "xxx" not in found.error


async def test_a_source_of_another_system_than_its_registry_is_told_so_and_may_be_mended() -> None:
    done = asyncio.Event()
    resolver = Resolver(Turns(Given(Answering()), FakeCluster()), NoVolumes(), FakeClock(), lambda: 0.0)
    hub = ModelRegistrySpec.model_validate({"huggingFace": {}})
    spec = ModelVersionSpec.model_validate(SPEC)
    async with asyncio.timeout(60):
        resolver.request(PLACE, "uid", spec, RegistryFacts("hub", "u", hub), done.set)
        await done.wait()
    found = resolver.result(PLACE, "uid")
    assert found is not None
    assert (found.resolved, found.reason, found.retry) == (None, Reason.WAITING_FOR_REGISTRY, True)
    assert "the source is `mlflow`, but the ModelRegistry hub is `huggingFace`; name one in" in found.error


async def test_an_address_in_a_registry_is_asked_of_it_and_of_no_registry_that_is_another() -> None:
    for system, error in (({"objectStore": {"uri": "s3://m"}}, ""), ({"huggingFace": {}}, "is `objectStore`, but")):
        done = asyncio.Event()
        resolver = Resolver(Turns(Given(Answering()), FakeCluster()), NoVolumes(), FakeClock(), lambda: 0.0)
        source = {"uri": {"uri": "s3://m/elsewhere"}, "registryRef": {"name": "store"}}
        spec = ModelVersionSpec.model_validate(SPEC | {"source": source})
        async with asyncio.timeout(60):
            registry = RegistryFacts("store", "u", ModelRegistrySpec.model_validate(system))
            resolver.request(PLACE, "uid", spec, registry, done.set)
            await done.wait()
        found = resolver.result(PLACE, "uid")
        assert found is not None
        assert error in found.error
        assert (found.resolved is None) == bool(error)
        assert found.resolved is None or found.resolved.immutable_uri == "s3://m/1", "as the registry says"


class Hanging:
    """The Registry port: never answers. `asked` is how many wait."""

    def __init__(self) -> None:
        self.asked = 0
        self.most = asyncio.Event()

    async def resolve(self, source: Source) -> Reference:
        self.asked += 1
        if self.asked == 20:
            self.most.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_one_registry_is_asked_twenty_times_at_once_and_holds_up_no_other() -> None:
    hanging, done, at_rest = Hanging(), asyncio.Event(), asyncio.Event()
    sources = Given(hanging)
    resolver = Resolver(Turns(sources, FakeCluster()), NoVolumes(), FakeClock(), lambda: 0.0)
    spec = ModelVersionSpec.model_validate(SPEC)
    registries = {name: RegistryFacts(name, name, REGISTRY) for name in ("hangs", "answers")}
    async with asyncio.timeout(60):
        for number in range(1000):
            resolver.request(("ml", f"hangs-{number}"), "uid", spec, registries["hangs"], at_rest.set)
        await hanging.most.wait()
        sources.registry = Answering()
        resolver.request(PLACE, "other", spec, registries["answers"], done.set)
        await done.wait()
    found = resolver.result(PLACE, "other")
    assert found is not None
    assert found.resolved is not None
    assert (hanging.asked, at_rest.is_set()) == (20, False)
    await resolver.close()
    assert resolver._turns._slots == {}


class Stalling(OneFile):
    """The Artifacts port: models below `s3://stalls` never come. `asked` is how many wait."""

    def __init__(self) -> None:
        self.asked = 0
        self.four = asyncio.Event()

    async def files(self, uri: str) -> Sequence[StoredFile]:
        if uri == "s3://stalls":
            self.asked += 1
            if self.asked == 4:
                self.four.set()
            await asyncio.Event().wait()
        return await super().files(uri)


async def test_stores_that_hang_hold_up_no_other_namespace() -> None:
    stalling, done, at_rest = Stalling(), asyncio.Event(), asyncio.Event()
    sources = Given(Answering(immutable_uri="s3://stalls"))
    sources.artifacts = stalling
    resolver = Resolver(Turns(sources, FakeCluster()), NoVolumes(), FakeClock(), lambda: 0.0)
    spec = ModelVersionSpec.model_validate(SPEC)
    async with asyncio.timeout(60):
        for number in range(20):
            registry = RegistryFacts(f"hangs-{number % 5}", "u", REGISTRY)
            resolver.request(("ml", f"v{number}"), "uid", spec, registry, at_rest.set)
        await stalling.four.wait()
        sources.registry = Answering()
        resolver.request(("risk", "v"), "uid", spec, RegistryFacts("answers", "u", REGISTRY), done.set)
        await done.wait()
    found = resolver.result(("risk", "v"), "uid")
    assert found is not None
    assert found.resolved is not None
    assert (stalling.asked, at_rest.is_set()) == (4, False)
    await resolver.close()
    assert resolver._turns._slots == {}
