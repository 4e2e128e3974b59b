"""Would catch a pack of Git's own of which other objects are read than are in it, and one that is damaged or made to
fill the memory."""

import hashlib
import os
import random
import struct
import subprocess
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from crossfade.adapters.git_pack import BLOB, COMMIT, TREE, Entry, Objects, Pack, PackError, patched
from hypothesis import given
from hypothesis import strategies as st

_CALM = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    **{f"GIT_{who}_{what}": "somebody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
MOST = 4 << 20


def git(folder: Path, *command: str, stdin: bytes = b"") -> bytes:
    line = ["git", "-C", str(folder), *command]
    return subprocess.run(line, input=stdin, env=os.environ | _CALM, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history of folders and files that change little, of which Git keeps changes."""
    folder = tmp_path_factory.mktemp("repository")
    chance = random.Random(1)
    git(folder, "init", "--quiet")
    for number in range(4):
        for name in range(200):
            file = folder / f"folder {name % 7}" / f"file-{name}"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"line\n" * 100 + b"%d %d" % (number, name if name % 9 else chance.getrandbits(64)))
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", str(number))
    return folder


def packed(folder: Path, *options: str) -> bytes:
    """All objects as Git packs them."""
    names = git(folder, "rev-list", "--objects", "--all")
    return git(folder, "pack-objects", "--stdout", "--quiet", "--window=50", *options, stdin=names)


def read(raw: bytes, *, blobs: bool, most: int = MOST, step: int = 4096) -> Objects:
    pack, objects = Pack(), Objects(most, blobs=blobs)
    for start in range(0, len(raw), step):
        for event in pack.feed(raw[start : start + step]):
            objects.take(event)
    assert pack.done
    return objects


@pytest.mark.parametrize("options", [("--delta-base-offset",), (), ("--depth=0",)])
@pytest.mark.parametrize("step", [1, 7, 4096, 1 << 20])
def test_every_object_of_gits_own_pack_is_read(repository: Path, options: Sequence[str], step: int) -> None:
    raw = packed(repository, *options)
    found = read(raw, blobs=True, step=step).found
    listed = git(repository, "cat-file", "--batch-all-objects", "--batch-check").decode().splitlines()
    kinds = {COMMIT: "commit", TREE: "tree", BLOB: "blob"}
    told = {f"{oid} {kinds[kind]} {len(content)}" for oid, (kind, content) in found.items()}
    assert told == set(listed)
    for oid, (kind, content) in found.items():
        head = f"{kinds[kind]} {len(content)}\0".encode()
        assert hashlib.sha1(head + content).hexdigest() == oid


@pytest.mark.parametrize("options", [("--delta-base-offset",), ()])
def test_files_that_are_not_wanted_are_not_kept(repository: Path, options: Sequence[str]) -> None:
    whole = read(packed(repository, *options), blobs=True).found
    found = read(packed(repository, *options), blobs=False).found
    assert found == {oid: one for oid, one in whole.items() if one[0] != BLOB}


def test_objects_that_come_before_what_they_change_are_resolved() -> None:
    base, content = b"a" * 100, b"a" * 100 + b"b"
    change = bytes([100, 101, 0b10010000, 100, 1]) + b"b"
    base_id = hashlib.sha1(b"tree 100\0" + base).digest()
    raw = made([(7, change, base_id), (2, base, b"")])
    found = read(raw, blobs=False).found
    assert {content for _, content in found.values()} == {base, content}


def made(objects: Sequence[tuple[int, bytes, bytes]]) -> bytes:
    """A pack of these objects: their kinds, contents and, for changes, the ids of what they change."""
    raw = struct.pack(">4sII", b"PACK", 2, len(objects))
    for kind, content, base in objects:
        size = len(content)
        head = bytearray([kind << 4 | size & 15])
        size >>= 4
        while size:
            head[-1] |= 0x80
            head.append(size & 0x7F)
            size >>= 7
        raw += bytes(head) + base + zlib.compress(content)
    return raw + hashlib.sha1(raw).digest()


def test_more_than_may_be_kept_is_refused_while_it_comes() -> None:
    bomb = made([(TREE, bytes(64 << 20), b"")])
    assert len(bomb) < 1 << 17
    with pytest.raises(PackError, match="more than 4 MiB of objects"):
        read(bomb, blobs=False)
    files = made([(BLOB, bytes(64 << 20), b""), (TREE, b"1", b"")])
    assert read(files, blobs=False).found
    with pytest.raises(PackError, match="unpacks to more than 32 MiB"):
        list(Pack(32 << 20).feed(files))


def test_what_waits_for_objects_that_never_come_takes_no_time() -> None:
    """Each of the second half changes the one before it, and the first of those something behind all of them."""
    count = 30_000
    change = bytes([1, 1, 1, 0x61])
    unknown = [(7, change, number.to_bytes(20)) for number in range(1, count)]
    entry = len(made([(7, change, bytes(20))])) - 32
    waiting = [(6, change, bytes([(entry >> 7) - 1 | 0x80, entry & 0x7F]) if entry > 127 else bytes([entry]))]
    one = len(made(waiting)) - 32
    raw = made([*unknown, *waiting, *[(6, change, bytes([one]))] * count])
    began = time.process_time()
    assert read(raw, blobs=False, most=64 << 20, step=1 << 20).found == {}
    assert time.process_time() - began < 10


def test_all_that_waits_for_an_object_is_made_once_it_comes() -> None:
    base, last = b"a", b"b"
    first, second = (bytes([1, 1, 1]) + content for content in (last, base))
    base_id = hashlib.sha1(b"tree 1\0" + base).digest()
    length = len(made([(7, first, base_id)])) - 32
    raw = made([(7, first, base_id), (6, second, bytes([length])), (TREE, base, b"")])
    assert {content for _, content in read(raw, blobs=False).found.values()} == {base, last}


def test_small_objects_count_for_the_memory_that_they_take() -> None:
    with pytest.raises(PackError, match="more than 4 MiB of objects"):
        read(made([(COMMIT, b"%d" % number, b"") for number in range(20_000)]), blobs=False)
    folder = b"".join(b"100644 %d\0" % number + b"1" * 20 for number in range(20_000))
    assert len(folder) < 1 << 20
    with pytest.raises(PackError, match="more than 4 MiB of objects"):
        read(made([(TREE, folder, b"")]), blobs=False)


def test_a_pack_of_more_objects_than_a_commit_has_is_refused() -> None:
    with pytest.raises(PackError, match="more than 200000 objects"):
        list(Pack().feed(struct.pack(">4sII", b"PACK", 2, 200_001)))


def test_a_change_that_makes_more_than_may_be_kept_is_refused() -> None:
    base = b"1" * (1 << 16)
    base_id = hashlib.sha1(b"tree 65536\0" + base).digest()
    large = bytes([0x80, 0x80, 0x04, 0x80, 0x80, 0x80, 0x40]) + bytes([0x80]) * 2000
    with pytest.raises(PackError, match="fits nothing, or is too large"):
        read(made([(TREE, base, b""), (7, large, base_id)]), blobs=False)


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE" * 9,
        struct.pack(">4sII", b"PACK", 3, 1) + bytes(40),
        struct.pack(">4sII", b"PACK", 2, 0) + bytes(40),
        struct.pack(">4sII", b"PACK", 2, 1) + bytes(60),
        struct.pack(">4sII", b"PACK", 2, 1) + b"\x91" + b"\xff" * 60,
        struct.pack(">4sII", b"PACK", 2, 1) + b"\x11" + b"\xff" * 60,
        made([(COMMIT, b"1", b"")])[:-1] + b"\0",
        made([(COMMIT, b"1", b"")]).replace(b"\x11", b"\x12", 1),
    ],
)
def test_what_is_no_pack_is_refused(raw: bytes) -> None:
    with pytest.raises(PackError):
        read(raw, blobs=True)


@given(st.binary(max_size=200), st.integers(min_value=0))
def test_bytes_of_any_kind_end_in_objects_or_in_a_refusal(raw: bytes, place: int) -> None:
    whole = bytearray(made([(TREE, b"1" * 50, b""), (BLOB, b"2" * 50, b"")]))
    place %= len(whole)
    whole[place : place + len(raw)] = raw
    pack, objects = Pack(), Objects(MOST, blobs=True)
    try:
        for event in pack.feed(bytes(whole)):
            assert isinstance(event, Entry | bytes | None)
            objects.take(event)
    except PackError:
        return
    assert not pack.done or bytes(whole)[-20:] == hashlib.sha1(bytes(whole)[:-20]).digest()


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_changes_of_any_kind_end_in_bytes_or_in_a_refusal(base: bytes, delta: bytes) -> None:
    with suppress(PackError):
        assert len(patched(base, delta, MOST)) <= MOST
