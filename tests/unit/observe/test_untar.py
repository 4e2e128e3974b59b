"""Catches an archive that writes outside its folder, fills the memory or the disk, or unpacks to other files than `tar`
makes of it."""

import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
import zstandard
from crossfade.observe.taken import taken
from crossfade.ports import Archive, Packing, StoredFile
from hypothesis import given, settings
from hypothesis import strategies as st

PACKERS: dict[Packing, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar+gzip": gzip.compress,
    "tar+zstd": zstandard.ZstdCompressor().compress,
}
Entry = tarfile.TarInfo | tuple[str, bytes]


def archive(*entries: Entry, form: int = tarfile.PAX_FORMAT) -> bytes:
    """As Python's own library packs it."""
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w", format=form) as made:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                made.addfile(entry, io.BytesIO(b"x" * entry.size))
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            made.addfile(info, io.BytesIO(entry[1]))
    return kept.getvalue()


def special(name: str, kind: bytes, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, "weights"
    return info


class Kept(io.BytesIO):
    """What was written, also once it is closed."""

    def close(self) -> None:
        self.content = self.getvalue()


def unpack(raw: bytes, packing: Packing = "tar", below: str = "", piece: int = 1 << 20) -> dict[str, bytes]:
    """The files, by their paths."""
    found: dict[str, Kept] = {}

    def create(path: str, _: int) -> BinaryIO:
        return found.setdefault(path, Kept())

    work = taken(StoredFile("layer", len(raw), None, Archive(packing, below)), create)
    try:
        for start in range(0, len(raw), piece):
            work.feed(raw[start : start + piece])
        files = work.finish()
    finally:
        work.close()
    assert {file.path: file.size for file in files} == {path: len(one.content) for path, one in found.items()}
    return {path: one.content for path, one in found.items()}


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("piece", [1, 511, 1 << 20])
def test_files_are_what_was_packed(packing: Packing, form: int, piece: int) -> None:
    files = {"weights": b"1" * 1000, "deep/empty": b"", f"{'d' * 90}/{'n' * 90}": b"long", "exact": b"2" * 512}
    if form != tarfile.USTAR_FORMAT:
        files["é 模型" * 60] = b"spelled"
    raw = PACKERS[packing](archive(special("deep", tarfile.DIRTYPE), *files.items(), form=form))
    assert unpack(raw, packing, piece=piece) == files


@settings(max_examples=100)
@given(
    st.dictionaries(st.text("ab/é", min_size=1, max_size=150), st.binary(max_size=2000), max_size=6),
    st.integers(1, 3000),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_it_reads_as_the_library_does_or_refuses(files: dict[str, bytes], piece: int, form: int) -> None:
    raw = archive(*files.items(), form=form)
    try:
        found = unpack(raw, piece=piece)
    except ValueError:
        return
    with tarfile.open(fileobj=io.BytesIO(raw)) as other:
        assert sorted(found.values()) == sorted(other.extractfile(one).read() for one in other)  # type: ignore[union-attr]


def test_many_members_of_gzip_are_one_archive() -> None:
    raw = archive(("weights", os.urandom(5000)))
    assert unpack(gzip.compress(raw[:3000]) + gzip.compress(raw[3000:]), "tar+gzip") == unpack(raw)


@pytest.mark.parametrize("name", ["/weights", "../weights", "a/../../weights", "a//b", "a\\b", "a/./b", "a/"])
def test_a_path_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be relative"):
        unpack(archive((name, b"1")))


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_what_is_no_file_is_refused(kind: bytes) -> None:
    with pytest.raises(ValueError, match="'odd' is a link, a sparse or another special file"):
        unpack(archive(special("odd", kind)))


def test_a_sparse_file_in_an_extended_header_is_refused() -> None:
    info = tarfile.TarInfo("odd")
    info.pax_headers = {"GNU.sparse.major": "1"}
    with pytest.raises(ValueError, match="a sparse or another special file"):
        unpack(archive(info))


def test_of_an_image_the_folder_of_models_is_taken_and_nothing_else() -> None:
    raw = archive(
        special("bin/sh", tarfile.SYMTYPE),
        ("etc/passwd", b"root"),
        special("./models", tarfile.DIRTYPE),
        ("./models/weights", b"1"),
        ("models/deep/x", b"2"),
        ("models2/x", b"3"),
    )
    assert unpack(raw, below="models") == {"weights": b"1", "deep/x": b"2"}


@pytest.mark.parametrize("name", ["models/.wh.weights", "models/deep/.wh..wh..opq", ".wh.models", ".wh..wh..opq"])
def test_a_layer_that_removes_files_of_the_model_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="removes what a layer below it has"):
        unpack(archive((name, b"")), below="models")


def test_models_that_are_a_link_are_refused() -> None:
    with pytest.raises(ValueError, match="'models' is a link"):
        unpack(archive(special("models", tarfile.SYMTYPE)), below="models")


def nowhere(_path: str, _size: int) -> BinaryIO:
    return Path(os.devnull).open("wb")


@pytest.mark.parametrize("packing", ["tar+gzip", "tar+zstd"])
def test_a_bomb_is_refused_and_fills_no_memory(packing: Packing) -> None:
    info = tarfile.TarInfo("weights")
    info.size = 300 << 20
    header = info.tobuf()
    if packing == "tar+gzip":
        raw = gzip.compress(header + bytes(info.size), 9)
    else:
        raw = zstandard.ZstdCompressor().compress(header + bytes(info.size))
    work = taken(StoredFile("layer", len(raw), None, Archive(packing)), nowhere)
    tracemalloc.start()
    work.feed(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    with pytest.raises(ValueError, match="unpacks to more than 100 times its size"):
        work.finish()
    work.close()
    assert peak < 16 << 20


def test_a_header_that_would_fill_the_memory_is_refused() -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 2 << 20
    with pytest.raises(ValueError, match="a header of more than"):
        unpack(info.tobuf())


@pytest.mark.parametrize("packing", PACKERS)
def test_what_is_damaged_or_cut_is_refused(packing: Packing) -> None:
    raw = PACKERS[packing](archive(("weights", os.urandom(5000))))
    for wrong in (raw[: len(raw) // 2], b"nonsense" * 100):
        with pytest.raises(ValueError, match="the archive layer cannot be unpacked"):
            unpack(wrong, packing)
