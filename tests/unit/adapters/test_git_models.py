"""Would catch commits of which more is remembered than the memory is there for, and one that is fetched many times."""

import asyncio
import hashlib
from collections.abc import Collection, Mapping

import pytest
from crossfade.adapters.dvc_store import DvcStore
from crossfade.adapters.git_models import GitModels
from crossfade.adapters.git_pack import BLOB, COMMIT, TREE, oid
from crossfade.adapters.git_server import GitServer
from crossfade.adapters.web import Guard
from crossfade.model.access import Access
from crossfade.ports import SourceError

ACCESS = Access("git", "https://git.example.com/models.git")


class Server(GitServer):
    """A repository with one commit of these files, which counts how often that is asked for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(ACCESS)
        self._blobs = {oid(BLOB, content): (BLOB, content) for content in files.values()}
        tree = b"".join(
            b"100644 %b\0" % name.encode() + bytes.fromhex(oid(BLOB, content)) for name, content in files.items()
        )
        commit = b"tree %b\nauthor a <a@b> 1 +0000\n\nx" % oid(TREE, tree).encode()
        self.commit = oid(COMMIT, commit)
        self._folders = {self.commit: (COMMIT, commit), oid(TREE, tree): (TREE, tree)}
        self.asked = 0
        self.fails = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def at(self, commit: str) -> Mapping[str, tuple[int, bytes]]:
        assert commit == self.commit
        self.asked += 1
        await self.answers.wait()
        if self.fails:
            raise SourceError("it is down")
        return self._folders

    async def blobs(self, oids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        return {name: self._blobs[name] for name in oids}


def models(server: Server) -> GitModels:
    return GitModels(server, DvcStore(ACCESS, Guard(), 30.0), None)


async def test_many_who_ask_for_a_commit_at_once_share_one_request() -> None:
    server = Server({"a": b"1"})
    of = models(server)
    server.answers.clear()
    asking = [asyncio.create_task(of.at(server.commit)) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.wait(asking[:1])
    server.answers.set()
    found = await asyncio.gather(*asking[1:])
    assert all(one is found[0] for one in found)
    assert await of.at(server.commit) is found[0]
    assert server.asked == 1


async def test_a_request_that_fails_fails_for_all_who_wait_and_is_made_again() -> None:
    server = Server({"a": b"1"})
    of = models(server)
    server.fails = True
    told = await asyncio.gather(*(of.at(server.commit) for _ in range(3)), return_exceptions=True)
    assert [str(one) for one in told] == ["it is down"] * 3
    server.fails = False
    assert await of.at(server.commit)
    assert server.asked == 2


async def test_what_was_read_of_a_commit_counts_for_what_is_remembered() -> None:
    server = Server({f"{number}.dvc": bytes([number]) * (3 << 20) for number in range(3)})
    of = models(server)
    await of.notes(await of.at(server.commit), ["0.dvc", "1.dvc"])
    await of.at(server.commit)
    assert server.asked == 1
    notes = await of.notes(await of.at(server.commit), ["2.dvc"])
    assert len(notes["2.dvc"]) == 3 << 20
    await of.at(server.commit)
    assert server.asked == 2


async def test_folders_count_as_they_are_once_they_are_read() -> None:
    server = Server({hashlib.sha1(b"%d" % number).hexdigest(): b"" for number in range(30_000)})
    of = models(server)
    await of.at(server.commit)
    await of.at(server.commit)
    assert server.asked == 2


@pytest.mark.parametrize("count", [1, 10_000])
async def test_a_commit_of_a_common_size_is_remembered(count: int) -> None:
    server = Server({f"{number}.bin": b"" for number in range(count)})
    of = models(server)
    await of.at(server.commit)
    await of.at(server.commit)
    assert server.asked == 1
