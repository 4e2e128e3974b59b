"""Would catch connections that nobody closes, and ones that are closed under somebody."""

from contextlib import AsyncExitStack
from typing import Any

import pytest
from crossfade.adapters import sources as opening
from crossfade.adapters.sources import OpenSources, Parts, own_registries
from crossfade.api.v1alpha1.modelversion import HuggingFaceSource, MlflowSource, Source
from crossfade.model.access import Access, Secrets
from crossfade.ports import Reference, SourceError

MODEL = Source(mlflow=MlflowSource(name="churn", version="1"))


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses whose connections were closed."""
    found: list[str] = []

    def parts(access: Access, guard: object, timeout: float) -> Parts:
        async def close() -> None:
            found.append(access.address)

        return Parts(lambda: None, {}, close)  # type: ignore[arg-type,return-value]  # nobody resolves here

    monkeypatch.setattr(opening, "_SYSTEMS", {"mlflow": parts})
    monkeypatch.setattr(opening, "_MOST_OPEN", 2)
    return found


def to(address: str, token: str = "") -> Access:
    return Access("mlflow", address, secrets=Secrets({"token": token}))


async def test_whoever_goes_the_same_way_shares_connections(closed: list[str]) -> None:
    sources = OpenSources((), None)
    async with sources.open(to("a")) as one, sources.open(to("a")) as same, sources.open(to("a", "t")) as other:
        assert one is same
        assert one is not other
    async with sources.open(to("a")) as again:
        assert again is one
    assert closed == []


async def test_the_least_used_are_closed_and_none_that_is_in_use(closed: list[str]) -> None:
    sources = OpenSources((), None)
    async with AsyncExitStack() as held:
        await held.enter_async_context(sources.open(to("held")))
        for address in ("b", "c", "d"):
            async with sources.open(to(address)):
                pass
        assert closed == ["b", "c"]
    await sources.close()
    assert sorted(closed) == ["b", "c", "d", "held"]


async def test_without_a_registry_of_its_own_the_operator_says_what_to_do() -> None:
    async with OpenSources(own_registries(), None).open(None) as opened:
        with pytest.raises(SourceError, match=r"`source.registryRef`, or start the operator with --mlflow-address"):
            await opened.registry.resolve(MODEL)


async def test_of_its_own_registries_the_operator_asks_the_one_that_the_source_means(
    closed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answering:
        def __init__(self, address: str) -> None:
            self.address = address

        async def resolve(self, source: Source) -> Reference:
            return Reference(self.address, self.address)

    closing = opening._SYSTEMS["mlflow"]

    def parts(access: Access, guard: Any, timeout: float) -> Parts:
        return Parts(lambda: Answering(access.address), {}, closing(access, guard, timeout).close)

    monkeypatch.setattr(opening, "_SYSTEMS", {"huggingFace": parts, "mlflow": parts})
    sources = OpenSources(own_registries("http://mlflow", "http://hub"), None)
    hub_model = Source(hugging_face=HuggingFaceSource(repo="org/m", revision="main"))
    async with sources.open(None) as opened:
        assert (await opened.registry.resolve(MODEL)).uri == "http://mlflow"
        assert (await opened.registry.resolve(hub_model)).uri == "http://hub"
    await sources.close()
    assert sorted(closed) == ["http://hub", "http://mlflow"]
