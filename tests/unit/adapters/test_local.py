"""Catches a file:// address that leaves the allowed folder, by dots, symlinks or special files."""

import os
from pathlib import Path

import pytest
from crossfade.adapters.artifacts.local import LocalArtifacts
from crossfade.ports import SourceError, StoredFile


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("not yours")
    allowed = tmp_path / "allowed"
    (allowed / "model" / "deep").mkdir(parents=True)
    (allowed / "model" / "weights").write_bytes(b"w" * 10)
    (allowed / "model" / "deep" / "a b%c").write_bytes(b"")
    return allowed


async def content(store: LocalArtifacts, uri: str, path: str) -> bytes:
    return b"".join([chunk async for chunk in store.read(uri, path)])


async def test_all_files_below_a_folder_are_listed_and_read(root: Path) -> None:
    store = LocalArtifacts(root)
    uri = f"file://{root}/model"
    assert set(await store.files(uri)) == {StoredFile("weights", 10), StoredFile("deep/a b%c", 0)}
    assert await content(store, uri, "weights") == b"w" * 10
    assert await content(store, uri, "deep/a b%c") == b""


async def test_a_single_file_is_a_model_of_one_file(root: Path) -> None:
    store = LocalArtifacts(root)
    uri = f"file://{root}/model/weights"
    assert await store.files(uri) == [StoredFile("weights", 10)]
    assert await content(store, uri, "weights") == b"w" * 10


@pytest.mark.parametrize("suffix", ["/../secret", "/model/../../secret", "/model/%2e%2e/%2e%2e/secret", "sibling"])
async def test_an_address_outside_the_root_is_refused_for_ever(root: Path, suffix: str) -> None:
    with pytest.raises(SourceError, match="CROSSFADE_FILE_ROOT") as failure:
        await LocalArtifacts(root).files(f"file://{root}{suffix}")
    assert failure.value.retry is False


async def test_an_address_on_another_machine_is_refused(root: Path) -> None:
    with pytest.raises(SourceError, match="CROSSFADE_FILE_ROOT"):
        await LocalArtifacts(root).files(f"file://fileserver{root}/model")


async def test_a_symlink_among_the_files_is_refused(root: Path) -> None:
    (root / "model" / "link").symlink_to(root.parent / "secret")
    with pytest.raises(SourceError, match="'link' is a symlink"):
        await LocalArtifacts(root).files(f"file://{root}/model")


async def test_a_symlink_on_the_way_is_refused(root: Path) -> None:
    (root / "way").symlink_to(root.parent)
    with pytest.raises(SourceError, match="cannot be read"):
        await LocalArtifacts(root).files(f"file://{root}/way/secret")


async def test_a_file_replaced_by_a_symlink_after_listing_is_refused(root: Path) -> None:
    store = LocalArtifacts(root)
    uri = f"file://{root}/model"
    await store.files(uri)
    (root / "model" / "weights").unlink()
    (root / "model" / "weights").symlink_to(root.parent / "secret")
    with pytest.raises(SourceError, match="cannot be read"):
        await content(store, uri, "weights")


async def test_a_pipe_is_refused_without_hanging(root: Path) -> None:
    os.mkfifo(root / "model" / "pipe")
    with pytest.raises(SourceError, match="'pipe' is a symlink or another special file"):
        await LocalArtifacts(root).files(f"file://{root}/model")


async def test_what_is_missing_may_still_appear(root: Path) -> None:
    with pytest.raises(SourceError, match="No such file") as failure:
        await LocalArtifacts(root).files(f"file://{root}/later")
    assert failure.value.retry is True


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_no_file_stays_open(root: Path) -> None:
    store = LocalArtifacts(root)
    before = open_files()
    for _ in range(20):
        await store.files(f"file://{root}/model")
        await content(store, f"file://{root}/model", "weights")
    assert open_files() == before
