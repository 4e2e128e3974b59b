"""Catches a program that is run without being the one that was wanted, fetched twice, or not looked for everywhere."""

import hashlib
import io
import lzma
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from testbed.binaries.catalogue import Release, Tool, machine
from testbed.binaries.locate import locate
from testbed.binaries.releases import Releases
from testbed.binaries.shared_folder import SharedFolder
from testbed.binaries.source import NotHereError, Source
from testbed.errors import TestbedError
from testbed.progress import Progress, silent

PROGRAM = b"#!/bin/sh\necho it is me\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def a_tool(**parts: object) -> Tool:
    return Tool(**({"name": "thing", "version": "1.0", "programs": ("thing",)} | parts))  # type: ignore[arg-type]


def archive_of(member: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo(member)
        entry.size = len(PROGRAM)
        archive.addfile(entry, io.BytesIO(PROGRAM))
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CROSSFADE_THING", raising=False)
    return tmp_path / "cache" / "crossfade" / "bin"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server's base URL and the folder it serves."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


class Elsewhere:
    """A source that has everything; it counts how often it is asked."""

    name = "elsewhere"

    def __init__(self) -> None:
        self.asked = 0

    def fetch(self, tool: Tool, into: Path, progress: Progress) -> None:
        self.asked += 1
        progress(f"fetching {tool.name}")
        (into / "thing").write_bytes(PROGRAM)
        (into / "thing").chmod(0o755)


class Nowhere:
    """A source that has nothing."""

    name = "nowhere"

    def fetch(self, tool: Tool, into: Path, progress: Progress) -> None:
        (into / "half").write_text("a download that broke off")
        raise NotHereError("the well is dry")


def sources(*some: Source) -> "partial[tuple[Source, ...]]":
    return partial(tuple, some)


def test_the_next_source_is_asked_and_the_answer_kept(own_cache: Path) -> None:
    elsewhere = Elsewhere()
    for _ in range(2):
        found = locate(a_tool(), silent, sources(Nowhere(), elsewhere))
        assert found == {"thing": (str(own_cache / "thing-1.0" / "thing"),)}
    assert elsewhere.asked == 1
    assert [entry.name for entry in own_cache.iterdir()] == ["thing-1.0"]


def test_every_reason_is_told_when_no_source_has_it(own_cache: Path) -> None:
    with pytest.raises(TestbedError, match=r"thing 1\.0 is nowhere .*nowhere: the well is dry.*CROSSFADE_THING"):
        locate(a_tool(), silent, sources(Nowhere()))
    assert list(own_cache.iterdir()) == []


def test_many_who_want_it_at_once_fetch_it_once() -> None:
    elsewhere = Elsewhere()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: locate(a_tool(), silent, sources(elsewhere)), range(16)))
    assert elsewhere.asked == 1
    assert all(programs == found[0] for programs in found)


def test_a_given_path_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(PROGRAM)
    monkeypatch.setenv("CROSSFADE_THING", str(mine))
    with pytest.raises(TestbedError, match=f"{mine}, which is no program"):
        locate(a_tool(), silent, sources(Elsewhere()))
    mine.chmod(0o755)
    assert locate(a_tool(), silent, sources(Elsewhere())) == {"thing": (str(mine),)}
    both = a_tool(programs=("one", "two"))
    assert locate(both, silent, sources()) == {"one": (str(mine), "one"), "two": (str(mine), "two")}


@pytest.mark.parametrize("wrong", ["", "packed", "unpacked"])
def test_shared_binaries_are_held_to_both_sums(tmp_path: Path, wrong: str) -> None:
    packed = lzma.compress(PROGRAM)
    (tmp_path / f"thing-linux-{machine()}.xz").write_bytes(packed)
    sums = {"packed": sha256(packed), "unpacked": sha256(PROGRAM)}
    if wrong:
        sums[wrong] = sha256(b"something else")
    tool = a_tool(**sums)
    if wrong:
        with pytest.raises(TestbedError, match="instead of"):
            locate(tool, silent, sources(SharedFolder(tmp_path)))
    else:
        (program,) = locate(tool, silent, sources(SharedFolder(tmp_path)))["thing"]
        assert Path(program).read_bytes() == PROGRAM


@pytest.mark.parametrize("member", ["", "thing-{machine}/thing"])
@pytest.mark.parametrize("listing", ["{sum}\n", "{other}  another\n{sum} *thing-{machine}\n"])
def test_release_downloads_are_held_to_the_published_sum(site: tuple[str, Path], member: str, listing: str) -> None:
    url, folder = site
    content = archive_of(member.format(machine=machine())) if member else PROGRAM
    (folder / f"thing-{machine()}").write_bytes(content)
    listed = listing.format(sum=sha256(content), other=sha256(b""), machine=machine())
    (folder / "sums").write_text(listed)
    tool = a_tool(releases=(Release("thing", f"{url}/thing-{{machine}}", f"{url}/sums", member),))
    (program,) = locate(tool, silent, sources(Releases()))["thing"]
    assert Path(program).read_bytes() == PROGRAM


def test_a_release_with_another_sum_is_refused(site: tuple[str, Path], own_cache: Path) -> None:
    url, folder = site
    (folder / "thing").write_bytes(PROGRAM + b"and more")
    (folder / "sums").write_text(f"{sha256(PROGRAM)}  thing\n")
    tool = a_tool(releases=(Release("thing", f"{url}/thing", f"{url}/sums"),))
    with pytest.raises(TestbedError, match=f"{url}/thing has SHA-256"):
        locate(tool, silent, sources(Releases(), Elsewhere()))
    assert list(own_cache.iterdir()) == []


def test_refused_downloads_are_given_up_for_the_next_source(site: tuple[str, Path]) -> None:
    url, _ = site
    for address in (f"{url}/missing", "http://127.0.0.1:9/closed"):
        tool = a_tool(version=address[-6:], releases=(Release("thing", address, f"{address}.sha256"),))
        assert locate(tool, silent, sources(Releases(), Elsewhere()))
