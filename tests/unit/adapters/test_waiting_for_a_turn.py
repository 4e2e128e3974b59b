"""Would catch a question that waits for its turn at a registry and is taken for one that is not answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from crossfade.adapters.dvc_layout import Out, Remote
from crossfade.adapters.dvc_store import DvcStore
from crossfade.adapters.git_server import GitServer
from crossfade.adapters.web import AT_ONCE, Guard
from crossfade.model.access import Access
from crossfade.ports import SourceError

from tests.support.networks import HERE

TIMEOUT = 2.0
_A_WHILE = 100
"""Turns of the event loop, in which whoever wants to ask has come to wait."""
COMMIT = "c" * 40
GUARD = Guard(HERE)


def line(said: str) -> bytes:
    return f"{len(said) + 4:04x}{said}".encode()


CAPABILITIES = line("# service=git-upload-pack\n") + b"0000" + line("version 2\n") + line("fetch=shallow\n") + b"0000"
REFS = line(f"{COMMIT} refs/heads/main\n") + b"0000"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A Git server with one branch, and a file of seven bytes everywhere else; `/silent` is never answered."""
    while head := (await reader.readline()).decode():
        length = 0
        while (header := (await reader.readline()).decode().lower()) != "\r\n":
            length = int(header.partition(":")[2]) if header.startswith("content-length") else length
        await reader.readexactly(length)
        if "/silent" in head:
            continue
        content = CAPABILITIES if "/info/refs" in head else REFS if head.startswith("POST") else b"weights"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
    writer.close()


@pytest.fixture
async def address() -> AsyncIterator[str]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def waits_out(address: str, slots: asyncio.Semaphore, ask: Callable[[], Awaitable[object]]) -> object:
    """What comes of a question that gets its turn only when one that was asked later, with the same time for its
    answer, has been given up elsewhere."""
    async with AsyncExitStack() as taken:
        for _ in range(AT_ONCE):
            await taken.enter_async_context(slots)
        asked = asyncio.ensure_future(ask())
        for _ in range(_A_WHILE):
            await asyncio.sleep(0)
        silent = GitServer(Access("git", f"{address}/silent"), GUARD, TIMEOUT)
        with pytest.raises(SourceError, match="did not answer in time"):
            await silent.refs(["HEAD"])
        await silent.close()
    return await asked


async def test_branches_are_told_however_long_the_question_waited(address: str) -> None:
    server = GitServer(Access("git", address), GUARD, TIMEOUT)
    await server.refs([])  # what the server can do is asked once, and by a request of its own
    found = await waits_out(address, server._web.slots, lambda: server.refs(["refs/heads/"]))
    assert [ref.oid for ref in found] == [COMMIT]
    await server.close()


async def test_the_size_of_a_file_is_told_however_long_the_question_waited(address: str) -> None:
    server = GitServer(Access("git", address), GUARD, TIMEOUT)
    await server.refs([])
    with pytest.raises(SourceError, match="cannot be read"):  # it was answered, if with what is no pack
        await waits_out(address, server._web.slots, lambda: server.size(COMMIT))
    await server.close()


async def test_what_dvc_keeps_is_found_however_long_the_question_waited(address: str) -> None:
    store = DvcStore(Access("git", address), GUARD, TIMEOUT)
    asked = Out("model.bin", "0" * 32)
    size = await waits_out(address, store._http._slots, lambda: store.size(Remote("store", f"{address}/kept"), asked))
    assert size == len(b"weights")
    await store.close()
