"""Would catch connections that nobody closes, that are closed under somebody, and a name that leads elsewhere later."""

import socket
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from crossfade.adapters import sources as opening
from crossfade.adapters.sources import OpenSources, Parts, own_registries
from crossfade.api.v1alpha1.modelversion import HuggingFaceSource, MlflowSource, Source
from crossfade.model.access import Access, Secrets
from crossfade.ports import Reference, SourceError

from tests.support.networks import HERE

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


@contextmanager
def server() -> Iterator[int]:
    """The port of a server on loopback that knows no model."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield running.server_port
        finally:
            running.shutdown()
            thread.join()


@pytest.mark.parametrize("later", ["169.254.169.254", "192.168.0.1"])
async def test_a_name_is_looked_up_once_and_the_connection_goes_where_it_led(
    monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    """A name server that answers another address a second time leads nobody there."""
    asked: list[Any] = []
    real = socket.getaddrinfo

    def rebinding(host: Any, *more: Any, **named: Any) -> Any:
        if host != "mlflow.example":
            return real(host, *more, **named)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else later, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    sources = OpenSources((), None, allowed=HERE)
    with server() as port:
        async with sources.open(to(f"http://mlflow.example:{port}")) as opened:
            with pytest.raises(SourceError, match="refused mlflow/model-versions/get with 404"):
                await opened.registry.resolve(MODEL)
            assert len(asked) == 1
            with pytest.raises(SourceError, match=rf"leads to {later}, where models must not come from"):
                await opened.registry.resolve(MODEL)
    await sources.close()
