"""Catches a probe of a GRPCRoute that is no call to a gateway, or that takes a refused call for an answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from crossfade.adapters.prober import HttpProber
from crossfade.model.rehearsal import Probe
from crossfade.ports import Answer, ProbeError
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from tests.support.networks import HERE
from tests.unit.observe.test_rehearser import probe

Headers = list[tuple[str, str]]
_SAID: Headers = [(":status", "200"), ("content-type", "application/grpc")]
_MARKED: Headers = [("x-crossfade-revision", "fraud-2"), ("x-crossfade-rehearsal", "secret")]


class Calls(asyncio.Protocol):
    """Speaks HTTP/2 without TLS as gRPC servers do, and answers each call with these headers and nothing else."""

    def __init__(self, said: Headers, came: list[dict[str, str]], bodies: list[bytes]) -> None:
        self.said, self.came, self.bodies = said, came, bodies
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.h2.initiate_connection()
        transport.write(self.h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        for event in self.h2.receive_data(data):
            if isinstance(event, RequestReceived):
                self.came.append(dict(event.headers))
            if isinstance(event, DataReceived):
                self.bodies.append(event.data)
            if isinstance(event, StreamEnded):
                self.h2.send_headers(event.stream_id, self.said, end_stream=True)
        self.transport.write(self.h2.data_to_send())


@asynccontextmanager
async def server(*further: tuple[str, str]) -> AsyncIterator[tuple[int, list[dict[str, str]], list[bytes]]]:
    came, bodies = list[dict[str, str]](), list[bytes]()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Calls([*_SAID, *further], came, bodies), "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1], came, bodies
    finally:
        listening.close()


def call(port: int) -> Probe:
    headers = (("x-team", "risk"), ("x-crossfade-rehearsal", "secret"))
    return probe(address="127.0.0.1", port=port, protocol="grpc", path="/a.B/C", headers=headers)


async def test_a_probe_is_a_call_with_an_empty_message() -> None:
    async with server(*_MARKED, ("grpc-status", "12")) as (port, came, bodies):
        found = await HttpProber(60.0, allowed=HERE).ask(call(port))
    assert found == Answer(200, "fraud-2", "secret", 12)
    (asked,) = came
    assert (asked[":method"], asked[":path"], asked[":authority"]) == ("POST", "/a.B/C", "fraud.test")
    assert (asked["content-type"], asked["te"], asked["x-team"]) == ("application/grpc", "trailers", "risk")
    assert b"".join(bodies) == b"\0\0\0\0\0"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([("grpc-status", "14")], Answer(200, grpc=14)),
        ([], Answer(200)),
        ([("grpc-status", "many")], Answer(200)),
    ],
)
async def test_the_status_of_a_call_is_read_where_it_is_all_that_comes(said: Headers, expected: Answer) -> None:
    async with server(*said) as (port, _, _):
        assert await HttpProber(60.0, allowed=HERE).ask(call(port)) == expected


async def test_who_speaks_no_http_2_cannot_be_asked() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(ProbeError, match="could not be asked"):
            await HttpProber(60.0, allowed=HERE).ask(call(port))
