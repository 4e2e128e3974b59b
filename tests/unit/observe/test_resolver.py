"""Would catch a ModelVersion that hangs as Resolving because what a source said of itself cannot be recorded."""

import asyncio

import pytest
from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.model.snapshot import Resolution
from crossfade.observe.resolver import Resolver
from crossfade.ports import Reference

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Given

PLACE = ("ml", "v1")
SPEC = {"modelName": "model", "version": "1.0.0", "source": {"mlflow": {"name": "churn", "version": "1"}}}


class Answering:
    def __init__(self, **said: str) -> None:
        self.reference = Reference(
            **{"uri": "models:/churn/1", "immutable_uri": "s3://m/1", "registry_version": "1"} | said
        )

    async def resolve(self, source: Source) -> Reference:
        return self.reference


async def resolved(**said: str) -> Resolution | None:
    done = asyncio.Event()
    resolver = Resolver(Given(Answering(**said)), FakeCluster(), FakeClock(), lambda: 0.0)
    resolver.request(PLACE, "uid", ModelVersionSpec.model_validate(SPEC), None, done.set)
    async with asyncio.timeout(5):
        await done.wait()
    return resolver.result(PLACE, "uid")


async def test_what_the_registry_says_is_frozen() -> None:
    found = await resolved()
    assert found is not None
    assert found.resolved is not None
    assert found.resolved.immutable_uri == "s3://m/1"


@pytest.mark.parametrize("said", [{"immutable_uri": "s3://m/" + "x" * 2048}, {"uri": "models:/" + "x" * 2048}])
async def test_what_is_too_long_to_be_recorded_is_refused_with_its_field(said: dict[str, str]) -> None:
    found = await resolved(**said)
    assert found is not None
    assert (found.resolved, found.reason, found.retry) == (None, Reason.SOURCE_REFUSED, False)
    assert "at most" in found.error
    assert "xxx" not in found.error
