"""Catches a load that begins anew where it could go on, goes on where it must not, or trusts what it found."""

import errno
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from crossfade.adapters import ranged
from crossfade.adapters.artifacts.hub_artifacts import HubArtifacts
from crossfade.adapters.hub_server import HubServer
from crossfade.model.access import Access
from crossfade.model.manifest import File, mvd1
from crossfade.observe.ahead import PART_BYTES
from crossfade.observe.progress import Progress
from crossfade.observe.staging import STAGING, STATUS, Staging
from crossfade.observe.verify import DigestMismatch, fetch, measure
from crossfade.ports import SourceError

from tests.contract.conftest import inherited_environment
from tests.contract.loads import (
    MIB,
    PEAK,
    SETTLING,
    arguments,
    digest_of,
    killed_in_the_middle,
    load,
    loading,
    peak,
    until,
)
from tests.support.byte_server import URI, ByteServer, byte_server
from tests.support.faults import proxy, refusing
from tests.support.folders import on_disk

SMALL = os.urandom(5 * MIB + 7)
"""Asked for at once."""
LARGE = os.urandom(3 * PART_BYTES + 5)
"""Asked for in parts."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ByteServer]:
    """A server of a model of one small file."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "weights").write_bytes(SMALL)
    with byte_server(tmp_path / "source") as made:
        yield made


@pytest.fixture
async def store(server: ByteServer) -> AsyncIterator[HubArtifacts]:
    """Its files, to this interpreter."""
    hub = HubServer(Access("huggingFace", server.url))
    yield HubArtifacts(hub)
    await hub.close()


class TestKilled:
    @pytest.mark.parametrize("whole", [SMALL, LARGE], ids=["at once", "in parts"])
    def test_the_next_start_asks_only_for_the_rest(self, server: ByteServer, tmp_path: Path, whole: bytes) -> None:
        (server.folder / "weights").write_bytes(whole)
        part = killed_in_the_middle(server, tmp_path / "to")
        there = part.stat().st_size
        done = load(server, tmp_path / "to")
        assert (done.returncode, done.stderr) == (0, "")
        assert on_disk(tmp_path / "to") == {"weights": whole}
        assert server.asked[0][1].startswith(f"bytes={there}-")
        assert server.sent == len(whole) - there

    def test_files_that_are_whole_are_not_asked_for_again(self, server: ByteServer, tmp_path: Path) -> None:
        (server.folder / "a").write_bytes(b"small")
        killed_in_the_middle(server, tmp_path / "to")
        assert load(server, tmp_path / "to").returncode == 0
        assert on_disk(tmp_path / "to") == on_disk(server.folder)
        assert [path.rpartition("/")[2] for path, _ in server.asked] == ["weights"]

    @pytest.mark.parametrize("tamper", ["flip", "grow", "link", "hard link", "folder link", "extra"])
    def test_what_was_changed_meanwhile_never_serves(self, server: ByteServer, tmp_path: Path, tamper: str) -> None:
        """And the load ends well: the promised bytes are to be had."""
        victim = tmp_path / "victim"
        victim.mkdir()
        (victim / "weights").write_bytes(b"not the loader's")
        part = killed_in_the_middle(server, tmp_path / "to")
        if tamper == "flip":
            part.write_bytes(bytes([part.read_bytes()[0] ^ 1]) + part.read_bytes()[1:])
        elif tamper == "grow":
            part.write_bytes(SMALL + b"more")
        elif tamper == "extra":
            (part.parent / "extra").write_bytes(b"more")
        elif tamper == "folder link":
            part.unlink()
            part.parent.rmdir()
            part.parent.symlink_to(victim)
        else:
            part.unlink()
            (part.symlink_to if tamper == "link" else part.hardlink_to)(victim / "weights")
        done = load(server, tmp_path / "to")
        assert (done.returncode, done.stderr) == (0, "")
        assert on_disk(tmp_path / "to") == {"weights": SMALL}
        assert on_disk(victim) == {"weights": b"not the loader's"}

    def test_parts_of_another_model_are_no_parts_of_this_one(self, server: ByteServer, tmp_path: Path) -> None:
        killed_in_the_middle(server, tmp_path / "to")
        (server.folder / "weights").write_bytes(SMALL[::-1])
        assert load(server, tmp_path / "to").returncode == 0
        assert on_disk(tmp_path / "to") == {"weights": SMALL[::-1]}
        assert server.sent == len(SMALL), "nothing was loaded twice"

    @pytest.mark.parametrize("moved", [0, 1, 2])
    def test_between_the_last_byte_and_the_last_file_in_its_place(
        self, server: ByteServer, tmp_path: Path, moved: int
    ) -> None:
        (server.folder / "data").mkdir()
        (server.folder / "data" / "a").write_bytes(b"small")
        with loading(server, tmp_path / "to", [sys.executable, "-c", SETTLING, str(moved)]) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "settling\n"
        assert sum(path.name != STAGING for path in (tmp_path / "to").iterdir()) == moved
        server.asked.clear()
        assert load(server, tmp_path / "to").returncode == 0
        assert on_disk(tmp_path / "to") == on_disk(server.folder)
        assert server.asked == []

    def test_bytes_that_were_changed_at_that_moment_never_serve(self, server: ByteServer, tmp_path: Path) -> None:
        with loading(server, tmp_path / "to", [sys.executable, "-c", SETTLING, "1"]) as process:
            assert process.stdout is not None
            process.stdout.readline()
        (tmp_path / "to" / "weights").write_bytes(SMALL[::-1])
        assert load(server, tmp_path / "to").returncode == 0
        assert on_disk(tmp_path / "to") == {"weights": SMALL}


class TestBroken:
    async def test_connections_that_break_at_ten_places_cost_no_byte_twice(
        self, server: ByteServer, store: HubArtifacts, tmp_path: Path
    ) -> None:
        server.drops = [1, 2, 1000, 65_535, 65_536, MIB - 1, MIB, 3, 500_000, MIB + 1]
        digest = digest_of(server.folder)
        assert (await measure(store, URI)).digest == digest
        assert server.sent == len(SMALL)
        assert len(server.asked) == 11
        server.drops = [1, 2, 1000, 65_535, 65_536, MIB - 1, MIB, 3, 500_000, MIB + 1]
        await fetch(store, URI, digest, tmp_path / "to")
        assert on_disk(tmp_path / "to") == {"weights": SMALL}
        assert server.sent == 2 * len(SMALL)

    async def test_parts_side_by_side_are_gone_on_with_too(
        self, server: ByteServer, store: HubArtifacts, tmp_path: Path
    ) -> None:
        (server.folder / "weights").write_bytes(LARGE)
        server.drops = [100_000] * 6
        await fetch(store, URI, digest_of(server.folder), tmp_path / "to")
        assert on_disk(tmp_path / "to") == {"weights": LARGE}
        assert server.sent == len(LARGE)
        assert server.asked[0][1] == f"bytes=0-{PART_BYTES - 1}"

    async def test_a_connection_that_brings_nothing_again_and_again_is_given_up(
        self, server: ByteServer, store: HubArtifacts
    ) -> None:
        server.drops = [MIB, 0, 0, 0, 0, 0, 0]
        with pytest.raises(SourceError, match=r"'weights'.*cannot be read: RemoteProtocolError") as failure:
            await measure(store, URI)
        assert failure.value.retry
        assert len(server.asked) == 1 + ranged._TRIES

    @pytest.mark.parametrize("parts", [False, True])
    async def test_a_server_without_ranges_is_asked_for_the_whole_again(
        self, server: ByteServer, store: HubArtifacts, tmp_path: Path, parts: bool
    ) -> None:
        if parts:
            (server.folder / "weights").write_bytes(LARGE)
        server.ranges, server.drops = False, [] if parts else [3 * MIB]
        await fetch(store, URI, digest_of(server.folder), tmp_path / "to")
        assert on_disk(tmp_path / "to") == on_disk(server.folder)
        assert server.asked[-1][1] == ""

    async def test_a_server_that_gives_more_than_a_part_fills_no_memory(
        self, server: ByteServer, store: HubArtifacts, tmp_path: Path
    ) -> None:
        (server.folder / "weights").write_bytes(LARGE)
        server.stretch = 1
        await fetch(store, URI, digest_of(server.folder), tmp_path / "to")
        assert on_disk(tmp_path / "to") == {"weights": LARGE}
        assert [asked for _, asked in server.asked] == [f"bytes=0-{PART_BYTES - 1}", ""]

    async def test_a_server_that_gives_less_than_a_part_is_asked_for_the_rest(
        self, server: ByteServer, store: HubArtifacts, tmp_path: Path
    ) -> None:
        (server.folder / "weights").write_bytes(LARGE)
        server.stretch = -PART_BYTES // 2
        with pytest.raises(SourceError, match="gave less of it than was asked for"):
            await fetch(store, URI, digest_of(server.folder), tmp_path / "to")
        server.stretch = 0
        await fetch(store, URI, digest_of(server.folder), tmp_path / "to")
        assert on_disk(tmp_path / "to") == {"weights": LARGE}

    async def test_a_file_that_changes_between_two_connections_is_begun_again(
        self, server: ByteServer, store: HubArtifacts, tmp_path: Path
    ) -> None:
        before = digest_of(server.folder)
        self.changing(server, 1)
        after = (await measure(store, URI)).digest
        assert before != after == digest_of(server.folder)
        self.changing(server, 1)
        with pytest.raises(DigestMismatch):
            await fetch(store, URI, after, tmp_path / "to")
        assert list((tmp_path / "to").iterdir()) == []

    async def test_a_file_that_changes_all_the_time_is_given_up_in_a_sentence(
        self, server: ByteServer, store: HubArtifacts
    ) -> None:
        self.changing(server, 9)
        with pytest.raises(SourceError, match="or it changed; it was begun 3 times") as failure:
            await measure(store, URI)
        assert failure.value.retry

    def changing(self, server: ByteServer, times: int) -> None:
        """Each connection that breaks leaves another version behind."""

        def change() -> None:
            server.version += "1"
            (new := server.folder.with_name("new")).write_bytes(os.urandom(len(SMALL)))
            new.replace(server.folder / "weights")

        server.drops, server.on_drop = [3 * MIB] * times, change

    async def test_without_a_version_nothing_is_put_together(self, server: ByteServer, store: HubArtifacts) -> None:
        server.validators, server.drops = (), [3 * MIB]
        assert (await measure(store, URI)).digest == digest_of(server.folder)
        assert [asked for _, asked in server.asked] == ["", ""]

    @pytest.mark.parametrize("names", [("ETag",), ("x-goog-generation",)])
    @pytest.mark.parametrize("names_parts", [True, False])
    async def test_a_server_that_goes_on_with_another_version_is_not_believed(
        self, server: ByteServer, store: HubArtifacts, names: tuple[str, ...], names_parts: bool
    ) -> None:
        """Or with one that it does not name."""
        server.conditions, server.validators, server.names_parts = False, names, names_parts
        self.changing(server, 1)
        assert (await measure(store, URI)).digest == digest_of(server.folder)
        assert [asked for _, asked in server.asked] == ["", f"bytes={3 * MIB}-", ""]

    @pytest.mark.parametrize(("age", "goes_on"), [(0, False), (1, False), (2, True), (3600, True)])
    async def test_a_file_that_was_written_a_moment_ago_may_be_written_again_in_it(
        self, server: ByteServer, store: HubArtifacts, age: int, goes_on: bool
    ) -> None:
        server.validators, server.now, server.drops = ("Last-Modified",), server.modified + age, [3 * MIB]
        assert (await measure(store, URI)).digest == digest_of(server.folder)
        assert [asked for _, asked in server.asked] == ["", f"bytes={3 * MIB}-" if goes_on else ""]

    async def test_a_generation_is_gone_on_with(self, server: ByteServer, store: HubArtifacts) -> None:
        server.validators, server.drops = ("x-goog-generation",), [3 * MIB]
        assert (await measure(store, URI)).digest == digest_of(server.folder)
        assert [asked for _, asked in server.asked] == ["", f"bytes={3 * MIB}-"]


class TestDisk:
    async def test_no_byte_is_asked_for_that_has_no_room(
        self, server: ByteServer, store: HubArtifacts, tmp_path: Path
    ) -> None:
        with (server.folder / "weights").open("wb") as file:
            file.truncate(1 << 41)
        with pytest.raises(OSError, match=rf"the model needs {1 << 41} bytes more, and [0-9]+ are free") as failure:
            await fetch(store, URI, "sha256:" + "0" * 64, tmp_path / "to")
        assert failure.value.errno == errno.ENOSPC
        assert server.asked == []
        assert list((tmp_path / "to").iterdir()) == []

    async def test_a_disk_that_fills_up_is_said_to_be_full_and_left_empty(
        self, server: ByteServer, store: HubArtifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Staging, "create", lambda *_: open("/dev/full", "wb"))  # noqa: PTH123, SIM115
        with pytest.raises(OSError, match="No space left on device"):
            await fetch(store, URI, digest_of(server.folder), tmp_path / "to")
        assert list((tmp_path / "to").iterdir()) == []

    @pytest.mark.parametrize(("step", "done"), [((Path, "rename"), 1), ((os, "fsync"), 3), ((Staging, "clear"), 0)])
    async def test_a_disk_that_fails_while_files_are_moved_costs_no_byte(
        self,
        server: ByteServer,
        store: HubArtifacts,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        step: tuple[object, str],
        done: int,
    ) -> None:
        """The fourth sync is of the target, after two files and the folder of the parts."""
        (server.folder / "a").write_bytes(b"small")
        digest = digest_of(server.folder)
        with monkeypatch.context() as broken:
            broken.setattr(*step, failing(getattr(*step), after=done))
            with pytest.raises(OSError, match="Input/output error"):
                await fetch(store, URI, digest, tmp_path / "to")
        server.asked.clear()
        assert (await fetch(store, URI, digest, tmp_path / "to")).digest == digest
        assert on_disk(tmp_path / "to") == on_disk(server.folder)
        assert server.asked == []


def failing(real: Callable[..., object], after: int) -> Callable[..., object]:
    """The same, but with a failure of the disk after so many calls, once."""
    calls = itertools.count()

    def call(*told: object) -> object:
        if next(calls) == after:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*told)

    return call


class TestTelling:
    def test_how_far_it_is_can_be_read_beside_the_model_and_goes_with_the_load(
        self, server: ByteServer, tmp_path: Path
    ) -> None:
        server.stall = 3 * MIB
        status = tmp_path / "to" / STAGING / STATUS

        def told() -> bool:
            return status.exists() and json.loads(status.read_text())["bytesDone"] >= 2 * MIB

        with loading(server, tmp_path / "to") as process:
            until(told)
            found = json.loads(status.read_text())
            assert process.stdout is not None
            line = process.stdout.readline()
        assert (found["state"], found["bytes"], found["files"], found["filesDone"]) == ("Loading", len(SMALL), 1, 0)
        assert re.match("crossfade load: [23] of 5 MiB, 0 of 1 files, ", line), line
        server.stall = None
        assert load(server, tmp_path / "to").returncode == 0
        assert on_disk(tmp_path / "to") == {"weights": SMALL}

    def test_why_it_waits_can_be_read_before_anything_is_listed(self, server: ByteServer, tmp_path: Path) -> None:
        status = tmp_path / "to" / STAGING / STATUS
        with proxy(server.url) as front:
            server.url = front.url
            front.inject(refusing(503), times=3)
            with loading(server, tmp_path / "to") as process:
                until(status.exists)
                found = json.loads(status.read_text())
                assert process.wait(120) == 0
        assert (found["state"], found["files"]) == ("Waiting", 0)
        assert "refused tree of crossfade/model with 503" in found["message"]
        assert on_disk(tmp_path / "to") == {"weights": SMALL}

    async def test_what_was_found_is_told_apart_from_what_came(
        self, server: ByteServer, store: HubArtifacts, tmp_path: Path
    ) -> None:
        part = killed_in_the_middle(server, tmp_path / "to")
        there, progress = part.stat().st_size, Progress()
        await fetch(store, URI, digest_of(server.folder), tmp_path / "to", progress)
        assert (progress.bytes_found, progress.bytes_done, progress.files_done) == (there, len(SMALL), 1)
        assert not progress.open


class TestMemory:
    @pytest.mark.parametrize("size", [256 * MIB, pytest.param(4 << 30, marks=pytest.mark.slow)])
    def test_it_does_not_grow_with_the_model(self, server: ByteServer, tmp_path: Path, size: int) -> None:
        with (server.folder / "weights").open("wb") as file:
            file.truncate(size)
        hasher = hashlib.sha256()
        for _ in range(size // MIB):
            hasher.update(bytes(MIB))
        digest = mvd1([File("weights", size, hasher.hexdigest())])
        command = [sys.executable, "-c", PEAK, *arguments(server, tmp_path / "to", digest)]
        environment = inherited_environment(CROSSFADE_HUGGING_FACE_ADDRESS=server.url)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        idle = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
        buffers = 5 * PART_BYTES
        assert peak(done.stdout) - peak(idle.stdout) < 64 * MIB + buffers
        assert (tmp_path / "to" / "weights").stat().st_size == size
