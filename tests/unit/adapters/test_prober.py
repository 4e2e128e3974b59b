"""Catches a probe that follows, keeps or waits for what a gateway sends, or goes where an operator must not go."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from crossfade.adapters.prober import HttpProber
from crossfade.model.rehearsal import Probe
from crossfade.ports import Answer, ProbeError

from tests.support.networks import HERE
from tests.unit.observe.test_rehearser import probe

_MARKED = b"X-Crossfade-Revision: fraud-2\r\nX-Crossfade-Rehearsal: secret\r\n\r\n"
ENDLESS = b"HTTP/1.1 404 Not Found\r\n" + _MARKED + b"x" * 999


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[tuple[int, list[str]]]:
    """Says these bytes to each request and ends nothing; gives its port and the requests as they came."""
    came, tasks = list[str](), set[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(writer)
        came.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if answer is not None:
            writer.write(answer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1], came
    finally:
        for writer in tasks:
            writer.close()
        listening.close()


def local(port: int, path: str = "/v2/models/fraud") -> Probe:
    headers = (("x-team", "risk"), ("x-crossfade-rehearsal", "secret"))
    return probe(address="127.0.0.1", port=port, path=path, headers=headers)


async def test_an_answer_counts_from_its_first_lines_and_its_body_is_not_waited_for() -> None:
    async with server(ENDLESS) as (port, came):
        found = await HttpProber(60.0, allowed=HERE).ask(local(port))
    assert found == Answer(404, "fraud-2", "secret")
    first, *lines = came[0].lower().splitlines()
    assert first == "get /v2/models/fraud http/1.1"
    assert [line for line in lines if line.startswith("host:")] == ["host: fraud.test"]
    assert {"x-team: risk", "x-crossfade-rehearsal: secret"} <= set(lines)


async def test_a_path_cannot_become_another_request() -> None:
    async with server(ENDLESS) as (port, came):
        await HttpProber(60.0, allowed=HERE).ask(local(port, "/a b/é?x=1#y"))
    assert came[0].splitlines()[0] == "GET /a%20b/%C3%A9%3Fx=1%23y HTTP/1.1"


async def test_a_redirect_is_an_answer() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    async with server(moved) as (port, came):
        assert await HttpProber(60.0, allowed=HERE).ask(local(port)) == Answer(302)
    assert len(came) == 1


async def test_silence_ends_after_the_time_out() -> None:
    async with server(None) as (port, _):
        with pytest.raises(ProbeError, match=r"did not answer within 0\.2 s"):
            await HttpProber(0.2, allowed=HERE).ask(local(port))


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "0.0.0.0"])
async def test_addresses_that_no_gateway_has_are_not_asked(address: str) -> None:
    with pytest.raises(ProbeError, match="is no address that may be asked"):
        await HttpProber(0.2).ask(probe(address=address))


async def test_nobody_at_the_address_is_said_without_what_was_sent() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # so that nobody else listens there meanwhile
        port = nobody.getsockname()[1]
        with pytest.raises(ProbeError) as failure:
            await HttpProber(60.0, allowed=HERE).ask(local(port))
    assert str(failure.value) == f"127.0.0.1:{port} could not be asked: ConnectError"
