"""Catches an address of a volume that leaves it, and a failure that does not say what would help."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from crossfade.adapters.artifacts import folder
from crossfade.adapters.artifacts.volume import VolumeArtifacts
from crossfade.ports import SourceError, StoredFile

URI = "pvc://models/fraud/7"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("not yours")
    mounted = tmp_path / "mounted"
    (mounted / "fraud" / "7" / "deep").mkdir(parents=True)
    (mounted / "fraud" / "7" / "weights").write_bytes(b"w" * 10)
    (mounted / "fraud" / "7" / "deep" / "a b%c").write_bytes(b"")
    return mounted


async def content(volume: Path, uri: str, path: str) -> bytes:
    return b"".join([chunk async for chunk in VolumeArtifacts(volume).read(uri, path)])


async def test_a_folder_a_file_and_the_whole_volume_are_models(volume: Path) -> None:
    files = {StoredFile("weights", 10), StoredFile("deep/a b%c", 0)}
    assert set(await VolumeArtifacts(volume).files(URI)) == files
    assert await content(volume, URI, "weights") == b"w" * 10
    assert await content(volume, URI, "deep/a b%c") == b""
    assert await VolumeArtifacts(volume).files(f"{URI}/weights") == [StoredFile("weights", 10)]
    assert await content(volume, f"{URI}/weights", "weights") == b"w" * 10
    assert {file.path for file in await VolumeArtifacts(volume).files("pvc://models")} == {
        "fraud/7/weights",
        "fraud/7/deep/a b%c",
    }


@pytest.mark.parametrize(
    "uri",
    ["pvc://models/../secret", "pvc://models/fraud/../../secret", "pvc://models//etc/passwd", "file:///etc", "pvc:/m"],
)
async def test_an_address_that_leads_out_of_the_volume_is_refused_for_ever(volume: Path, uri: str) -> None:
    with pytest.raises(SourceError, match="is no pvc://<claim>/<path>; correct it") as failure:
        await VolumeArtifacts(volume).files(uri)
    assert failure.value.retry is False


async def test_a_symlink_on_the_way_is_not_followed_and_one_among_the_files_never_will_be(volume: Path) -> None:
    (volume / "latest").symlink_to("fraud")
    with pytest.raises(SourceError, match="leads over a symlink, which is not followed; name the folder itself"):
        await VolumeArtifacts(volume).files("pvc://models/latest/7")
    (volume / "fraud" / "7" / "link").symlink_to(volume.parent / "secret")
    with pytest.raises(SourceError, match="'link' is a symlink") as failure:
        await VolumeArtifacts(volume).files(URI)
    assert failure.value.retry is False


async def test_what_is_missing_may_still_come(volume: Path) -> None:
    with pytest.raises(SourceError, match=r"on the volume; put the model there, or correct `source.volume.path`") as it:
        await VolumeArtifacts(volume).files("pvc://models/fraud/8")
    assert it.value.retry is True


@pytest.mark.parametrize("named", [False, True], ids=["its folder", "a file"])
async def test_who_may_not_read_is_told_who_it_is(
    volume: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    def refused(*told: object, **more: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refused)
    with pytest.raises(SourceError, match=r"Permission denied to the user [0-9]+ with the groups [0-9, ]+; let every"):
        await (content(volume, URI, "weights") if named else VolumeArtifacts(volume).files(URI))


@pytest.mark.parametrize("closed", ["lost+found", "deep", "weights"])
async def test_what_may_not_be_read_is_named(volume: Path, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    """As `lost+found` at the top of a disk's own file system, which is root's."""
    (volume / "fraud" / "7" / "lost+found").mkdir()
    opened = os.open

    def refused(path: str, *told: Any, **more: Any) -> int:
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return opened(path, *told, **more)

    monkeypatch.setattr("os.open", refused)
    with pytest.raises(
        SourceError, match=rf"'{re.escape(closed)}' of '{URI}' cannot be read: Permission denied to the"
    ):
        await (content(volume, URI, closed) if closed == "weights" else VolumeArtifacts(volume).files(URI))


async def test_a_folder_without_end_is_refused_before_it_fills_the_memory(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_MOST_ENTRIES", 20)
    crowd = volume / "crowd"
    crowd.mkdir()
    for number in range(15):
        (crowd / f"{number}.txt").touch()
    assert len(await VolumeArtifacts(volume).files("pvc://models/crowd")) == 15
    for number in range(6):
        (crowd / f"deep-{number}").mkdir()
    with pytest.raises(SourceError, match="'pvc://models/crowd' has more than 20 files and folders") as caught:
        await VolumeArtifacts(volume).files("pvc://models/crowd")
    assert not caught.value.retry


async def test_folders_within_folders_without_end_are_refused(volume: Path) -> None:
    inner = (volume / "pit").joinpath(*"d" * 120)
    inner.mkdir(parents=True)
    (inner / "weights").touch()
    with pytest.raises(SourceError, match="'pvc://models/pit' has folders within folders more than 100 deep") as caught:
        await VolumeArtifacts(volume).files("pvc://models/pit")
    assert not caught.value.retry
