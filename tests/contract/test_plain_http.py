"""Catches a plain web server whose bad days end in wrong bytes, in a wait without end or in a sentence of no use."""

import functools
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from crossfade.adapters import transfer
from crossfade.adapters.artifacts.http import HttpArtifacts
from crossfade.observe.staging import STAGING
from crossfade.observe.verify import DigestMismatch, fetch, measure
from crossfade.ports import SourceError

from tests.support.faults import Proxy, dripping, flipping, proxy, refusing, truncating
from tests.support.folders import on_disk
from tests.support.networks import HERE
from tests.support.servers import Quiet, serving

WEIGHTS = bytes(range(256)) * 16


class _Files(Quiet, SimpleHTTPRequestHandler):
    """Python's own web server."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What is served."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "modèle.bin").write_bytes(WEIGHTS)
    return tmp_path / "web"


@pytest.fixture
def front(folder: Path) -> Iterator[Proxy]:
    """The proxy in front of it."""
    with serving(functools.partial(_Files, directory=str(folder))) as url, proxy(url) as made:
        yield made


@pytest.fixture
def uri(front: Proxy) -> str:
    """The model's address."""
    return f"{front.url}/mod%C3%A8le.bin"


async def promised(uri: str) -> str:
    """The digest of what is there now."""
    store = HttpArtifacts(HERE)
    try:
        return (await measure(store, uri)).digest
    finally:
        await store.close()


async def load(uri: str, digest: str, to: Path) -> None:
    """As a pod does."""
    store = HttpArtifacts(HERE)
    try:
        await fetch(store, uri, digest, to)
    finally:
        await store.close()


async def test_one_file_of_any_letters_is_the_model(uri: str, tmp_path: Path) -> None:
    await load(uri, await promised(uri), tmp_path / "m")
    assert on_disk(tmp_path / "m") == {"modèle.bin": WEIGHTS}


@pytest.mark.parametrize("status", [401, 403])
async def test_who_is_not_let_in_is_told_so_and_may_be_later(front: Proxy, uri: str, status: int) -> None:
    front.inject(refusing(status))
    with pytest.raises(SourceError, match=f"the server answered with {status}") as failure:
        await promised(uri)
    assert failure.value.retry


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_asks_for_time_gets_it(front: Proxy, uri: str, status: int) -> None:
    for asked, wait in (("7", 7.0), ("86400", 300.0)):
        front.inject(refusing(status, Retry_After=asked))
        with pytest.raises(SourceError, match=f"the server answered with {status}") as failure:
            await promised(uri)
        assert failure.value.wait == wait


async def test_a_storm_of_errors_passes(front: Proxy, uri: str) -> None:
    front.inject(refusing(502), times=2)
    for _ in range(2):
        with pytest.raises(SourceError, match="the server answered with 502") as failure:
            await promised(uri)
        assert failure.value.retry
    assert (await promised(uri)).startswith("sha256:")


async def test_half_a_file_is_none(front: Proxy, uri: str, tmp_path: Path) -> None:
    digest = await promised(uri)
    front.inject(truncating)
    with pytest.raises(SourceError) as failure:
        await load(uri, digest, tmp_path / "m")
    assert failure.value.retry
    assert [entry.name for entry in (tmp_path / "m").iterdir()] == [STAGING]


async def test_a_file_that_drips_holds_nobody_up(front: Proxy, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_CHUNK_SECONDS", 0.3)
    front.inject(dripping)
    with pytest.raises(SourceError, match="did not answer in time"):
        await promised(uri)


async def test_a_bit_that_flips_on_the_way_is_refused(front: Proxy, uri: str, tmp_path: Path) -> None:
    digest = await promised(uri)
    front.inject(flipping)
    with pytest.raises(DigestMismatch):
        await load(uri, digest, tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []


async def test_bytes_that_are_changed_afterwards_are_refused(folder: Path, uri: str, tmp_path: Path) -> None:
    digest = await promised(uri)
    (folder / "modèle.bin").write_bytes(WEIGHTS[::-1])
    with pytest.raises(DigestMismatch):
        await load(uri, digest, tmp_path / "m")
