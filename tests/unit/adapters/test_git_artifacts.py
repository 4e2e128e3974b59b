"""Would catch models in Git whose list is fetched for every file, and connections that outlive who read from them."""

from collections.abc import AsyncGenerator

import pytest
from crossfade.adapters.artifacts.git_artifacts import GitArtifacts
from crossfade.adapters.dvc_layout import Out, Remote
from crossfade.adapters.dvc_store import DvcStore
from crossfade.adapters.git_models import Commit, GitModels, Piece
from crossfade.adapters.git_server import GitServer
from crossfade.adapters.git_tree import Tree
from crossfade.adapters.web import Guard
from crossfade.model.access import Access
from crossfade.ports import WHOLE, Part

ACCESS = Access("git", "https://git.example.com/models.git")


class Store(DvcStore):
    """A remote in which each file is two bytes; counts those who read."""

    def __init__(self) -> None:
        super().__init__(ACCESS, Guard(), 30.0)
        self.readers = 0

    async def size(self, remote: Remote, out: Out) -> int:
        return 2

    async def read(self, remote: Remote, out: Out, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        self.readers += 1
        try:
            yield b"1"
            yield b"2"
        finally:
            self.readers -= 1


class Models(GitModels):
    """Models of one file each, of Git's or of DVC's by their path; counts how often each is listed."""

    def __init__(self, store: Store) -> None:
        super().__init__(Server(ACCESS), store, None)
        self.listed: list[str] = []

    async def at(self, oid: str) -> Commit:
        return Commit(oid, {}, Tree("", {}, ""), 0)

    async def pieces(self, commit: Commit, path: str) -> list[Piece]:
        self.listed.append(path)
        if path == "git":
            return [Piece("m", oid="1" * 40)]
        return [Piece("m", out=Out("m", "0" * 32), remote=Remote("s", "http://h/x"))]


class Server(GitServer):
    """A repository that has one file; counts those who read it."""

    readers = 0

    async def size(self, oid: str) -> tuple[int, bytes]:
        return 2, b"12"

    async def blob(self, oid: str) -> AsyncGenerator[bytes]:
        self.readers += 1
        try:
            yield b"1"
            yield b"2"
        finally:
            self.readers -= 1


def uri(path: str) -> str:
    return f"git+{ACCESS.address}@{'0' * 40}#{path}"


@pytest.mark.parametrize("count", [3, 8])
async def test_models_that_are_read_in_turns_are_listed_once(count: int) -> None:
    models = Models(store := Store())
    artifacts = GitArtifacts(models, store)
    places = [uri(f"m{number}") for number in range(count)]
    for place in places:
        await artifacts.files(place)
    for _ in range(3):
        for place in places:
            assert [chunk async for chunk in artifacts.read(place, "m")] == [b"1", b"2"]
    assert len(models.listed) == count


async def test_what_is_being_read_is_remembered_whatever_else_is_listed() -> None:
    models = Models(store := Store())
    artifacts = GitArtifacts(models, store)
    await artifacts.files(uri("first"))
    reading = artifacts.read(uri("first"), "m")
    assert await anext(reading) == b"1"
    for number in range(20):
        await artifacts.files(uri(f"m{number}"))
    assert [chunk async for chunk in artifacts.read(uri("first"), "m")] == [b"1", b"2"]
    await reading.aclose()
    assert models.listed.count("first") == 1
    for number in range(20):
        await artifacts.files(uri(f"n{number}"))
    assert [chunk async for chunk in artifacts.read(uri("first"), "m")] == [b"1", b"2"]
    assert [chunk async for chunk in artifacts.read(uri("first"), "m")] == [b"1", b"2"]
    assert models.listed.count("first") == 2


@pytest.mark.parametrize("path", ["git", "dvc"])
async def test_a_stream_that_is_closed_in_the_middle_closes_what_it_reads_from(path: str) -> None:
    models = Models(store := Store())
    artifacts = GitArtifacts(models, store)
    reading = artifacts.read(uri(path), "m")
    assert await anext(reading) == b"1"
    server = models.server
    assert isinstance(server, Server)
    assert store.readers + server.readers == 1
    await reading.aclose()
    assert store.readers + server.readers == 0
