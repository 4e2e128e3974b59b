"""Would catch gRPC load that waits for answers, shares connections unasked, or blames a model for others' words."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from grpc import aio

from testbed import oip
from testbed.load import LoadGenerator, Sample
from testbed.load.__main__ import as_messages
from testbed.load.verdict import Blame, blame_for_code

Method = Callable[[bytes, Any], Awaitable[bytes]]

PATIENCE = 60.0
"""Seconds after which what is waited for never comes, on a machine that is busy with everything else too."""
ROUTED = {"x-crossfade-revision": "candidate"}
SERVED = {"x-model-version": "2.0.0"}
MARKS = tuple((SERVED | {"x-model-revision": "candidate"}).items())


@contextlib.asynccontextmanager
async def listening(method: Method) -> AsyncIterator[str]:
    """A gRPC server on the loopback; yields the URL of its method."""
    server = aio.server()
    handler = grpc.unary_unary_rpc_method_handler(method)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", {"M": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"grpc://127.0.0.1:{port}/s/M"
    finally:
        await server.stop(None)


async def good(_: bytes, context: Any) -> bytes:
    await context.send_initial_metadata(MARKS)
    return b""


async def finished(url: str, count: int, **options: Any) -> list[Sample]:
    async with LoadGenerator(url, 300, [b"{}"], **options) as load:
        await load.wait_until(lambda samples: len(samples) >= count, deadline=PATIENCE)
    return load.samples


async def test_arrivals_never_wait_for_answers() -> None:
    enough, waiting = asyncio.Event(), 0

    async def method(_: bytes, context: Any) -> bytes:
        nonlocal waiting
        waiting += 1
        if waiting == 40:
            enough.set()
        await enough.wait()
        return await good(b"", context)

    async with listening(method) as url:
        samples = await finished(url, 40)
    assert {(one.status, one.blame, one.arm) for one in samples} == {(0, None, "candidate")}


async def test_the_arm_of_a_server_that_marks_nothing_is_the_version_that_its_answer_names() -> None:
    async def plain(_: bytes, __: Any) -> bytes:
        return bytes(oip.message("ModelInferResponse")(model_version="fraud-2").SerializeToString())

    async with listening(plain) as url:
        assert {one.arm for one in await finished(url, 3)} == {"fraud-2"}


@pytest.mark.parametrize("keep", [True, False])
async def test_connections_are_four_or_one_a_request(keep: bool) -> None:
    peers = set()

    async def method(body: bytes, context: Any) -> bytes:
        peers.add(context.peer())
        return await good(body, context)

    async with listening(method) as url:
        samples = await finished(url, 60, keep=keep)
    assert len(peers) == 4 if keep else len(peers) > 0.9 * len(samples)  # a port that is free again may come again
    assert {one.blame for one in samples} == {None}


async def test_the_host_is_the_authority_and_other_headers_are_metadata() -> None:
    seen = {}

    async def method(body: bytes, context: Any) -> bytes:
        seen.update(context.invocation_metadata())
        seen["body"] = body
        return await good(body, context)

    # the server's library tells nobody the authority, so a plain one does, see `authority_of`
    async with listening(method) as url:
        await finished(url, 1, headers={"Host": "fraud.test", "X-Cohort": "beta"})
    assert (seen["x-cohort"], seen["body"]) == ("beta", b"{}")
    assert "host" not in seen
    assert await authority_of({"Host": "fraud.test"}) == b"fraud.test"


async def authority_of(headers: dict[str, str]) -> bytes:
    """The authority as it is on the wire: grpcio writes header fields of a first request as literals."""
    sent = asyncio.Queue[bytes]()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\0\0\0\4\0\0\0\0\0")  # empty settings
        while data := await reader.read(65536):
            sent.put_nowait(data)
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    url = f"grpc://127.0.0.1:{server.sockets[0].getsockname()[1]}/s/M"
    got = b""
    async with server, LoadGenerator(url, 300, [b"{}"], headers, timeout=1), asyncio.timeout(PATIENCE):
        while b":authority" not in got:
            got += await sent.get()
    literal = got[got.index(b":authority") + len(b":authority") :]
    return literal[1 : 1 + literal[0]]


@pytest.mark.parametrize(("marks", "blame"), [(MARKS, Blame.MODEL), ((), Blame.ROUTE)])
async def test_an_error_is_the_models_if_its_trailers_say_so(marks: Any, blame: Blame) -> None:
    async def fail(_: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.INTERNAL, "", trailing_metadata=marks)
        return b""

    async with listening(fail) as url:
        samples = await finished(url, 3)
    told = {(one.status, one.error, one.blame, one.arm) for one in samples}
    assert told == {(13, "INTERNAL", blame, "candidate" if marks else None)}


async def test_a_stream_that_breaks_off_is_the_routes_though_an_arm_began_it() -> None:
    begun = asyncio.Event()

    async def stream(_: bytes, context: Any) -> AsyncIterator[bytes]:
        context.set_trailing_metadata(MARKS)
        await context.send_initial_metadata(MARKS)
        yield b"first"
        begun.set()
        await asyncio.sleep(60)

    server = aio.server()
    handler = grpc.unary_stream_rpc_method_handler(stream)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", {"M": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with LoadGenerator(f"grpc://127.0.0.1:{port}/s/M", 300, [b"{}"]) as load:
        await begun.wait()
        await server.stop(None)
        await load.wait_until(lambda samples: any(one.arm == "candidate" for one in samples), deadline=PATIENCE)
    assert {one.blame for one in load.samples} == {Blame.ROUTE}


async def test_what_is_refused_or_late_is_the_routes() -> None:
    async def late(_: bytes, context: Any) -> bytes:
        await context.send_initial_metadata(MARKS)
        await asyncio.sleep(60)
        return b""

    async with listening(late) as url:
        samples = await finished(url, 3, timeout=3.0, most=3)
    told = {(one.error, one.blame, one.arm) for one in samples}
    assert told == {("DEADLINE_EXCEEDED", Blame.ROUTE, "candidate")}, "an arm that began an answer is known"
    assert {(one.error, one.blame) for one in await finished(url, 3)} == {("UNAVAILABLE", Blame.ROUTE)}


@pytest.mark.parametrize(
    ("code", "trailers", "said", "blame"),
    [
        ("OK", {}, "", None),
        ("UNAVAILABLE", {}, "", Blame.ROUTE),
        ("UNAVAILABLE", {}, "failed to connect to all addresses; last error: connection refused", Blame.ROUTE),
        ("UNAVAILABLE", {}, "upstream connect error: immediate connect error: Too many open files", Blame.ROUTE),
        ("UNAVAILABLE", ROUTED, "", Blame.ROUTE),
        ("UNAVAILABLE", ROUTED | SERVED, "", Blame.MODEL),
        ("INTERNAL", SERVED, "", Blame.MODEL),
        ("INVALID_ARGUMENT", {}, "", Blame.ROUTE),
    ],
)
def test_a_code_is_blamed_on_whoever_gave_it(
    code: str, trailers: dict[str, str], said: str, blame: Blame | None
) -> None:
    assert blame_for_code(grpc.StatusCode[code], trailers, said) is blame


def test_documents_become_messages_and_what_cannot_is_named() -> None:
    body = b'{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP64","data":[0.5,13]}]}'
    request = oip.message("ModelInferRequest").FromString(as_messages([body], "fraud")[0])
    assert (request.model_name, oip.rows(request)) == ("fraud", [[0.5, 13.0]])
    with pytest.raises(SystemExit, match="Body 2"):
        as_messages([body, b'{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":["a"]}]}'], "fraud")
