"""Hashing a model while it streams: once to know its digest, and again in every pod to know that nothing changed."""

import asyncio
import hashlib
import os
import shutil
import stat
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from crossfade.model.manifest import File, mvd1, safe_path
from crossfade.observe.taken import Create, taken
from crossfade.ports import Artifacts, SourceError, StoredFile

_AT_ONCE = 4
"""Files read side by side: hides a store's latency, and bounds memory to a few chunks."""
_MOST_FILES = 100_000
_LONGEST_SECONDS = 3600.0
_STAGING = ".crossfade-load"
"""Inside the target, as that is a mount point: nothing can be renamed across or onto it."""
_CHUNK_BYTES = 1 << 20
_KEPT_BYTES = 256 << 10
"""What is kept of a model is read by people and parsers; no such file is larger."""


class DigestMismatch(Exception):  # noqa: N818  (named for what happened, as the field does)
    """The bytes are not those that were promised. The message names both digests."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model's bytes are: mvd1 digest, number of files, their size together in bytes, and the content of those
    small files that were to be kept."""

    digest: str
    files: int
    size_bytes: int
    kept: Mapping[str, bytes] = field(default_factory=dict)


async def measure(artifacts: Artifacts, uri: str, keep: Collection[str] = ()) -> Measured:
    """Stream and hash all files. Of those that are small, the ones with a path in `keep` are kept, as they were hashed.

    Raises SourceError, also after an hour.
    """
    kept: dict[str, _Kept] = {}

    def create(path: str, size: int) -> BinaryIO:
        wanted = path in keep and size <= _KEPT_BYTES and path not in kept
        return kept.setdefault(path, _Kept()) if wanted else Path(os.devnull).open("wb")

    async with _limited(uri):
        listed = await _listed(artifacts, uri)
        try:
            files = await _stream_all(artifacts, uri, listed, create)
        except DigestMismatch as failure:  # nothing was promised yet, so other bytes may come another time
            raise SourceError(str(failure)) from None
    return replace(_measured(files), kept={path: file.content for path, file in kept.items()})


async def fetch(artifacts: Artifacts, uri: str, digest: str, target: Path) -> Measured:
    """Put the model's files into the folder `target`, which is made when absent; only whole and with this digest.

    Does nothing but hash when they are there already. Raises DigestMismatch and SourceError, and OSError when the
    folder cannot be written; then nothing is left in the folder that was not there before.
    """
    staging = target / _STAGING
    await asyncio.to_thread(_clear, target, staging)
    present = await asyncio.to_thread(lambda: list(_on_disk(target)))
    if present:
        return _require(_measured(present), digest, f"the folder {target} holds files already, which")
    try:
        async with _limited(uri):
            listed = await _listed(artifacts, uri)
            files = await _stream_all(artifacts, uri, listed, lambda path, _: _create(staging / path))
        found = _require(_measured(files), digest, f"the model at {uri!r}")
        await asyncio.to_thread(_settle, staging, target)
    finally:
        await asyncio.to_thread(_clear, target, staging)
    return found


async def _listed(artifacts: Artifacts, uri: str) -> Sequence[StoredFile]:
    """The files by what the store says, refused before a byte is read when they cannot make a model."""
    found = await artifacts.files(uri)
    if len(found) > _MOST_FILES:
        raise SourceError(f"the model at {uri!r} has more than {_MOST_FILES} files; pack them", retry=False)
    plain = [file for file in found if file.archive is None]
    with _refused():
        if plain or not found:
            mvd1(File(file.path, file.size, "") for file in plain)
        for file in plain:
            _not_staging(safe_path(file.path))
    return found


def _not_staging(path: str) -> None:
    if path.split("/")[0] == _STAGING:
        raise ValueError(f"the model has a file named {_STAGING}, which is taken; rename it")


async def _stream_all(artifacts: Artifacts, uri: str, listed: Sequence[StoredFile], create: Create) -> list[File]:
    slots = asyncio.Semaphore(_AT_ONCE)
    made = 0

    def create_one(path: str, size: int) -> BinaryIO:
        nonlocal made
        made += 1
        if made > _MOST_FILES:
            raise ValueError(f"the model has more than {_MOST_FILES} files; pack them")
        _not_staging(path)
        return create(path, size)

    async def one(file: StoredFile) -> list[File]:
        async with slots:
            return await _stream(artifacts.read(uri, file.path), uri, file, create_one)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(file)) for file in listed]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None  # the first; the others were cancelled on its account
    return [file for task in tasks for file in task.result()]


async def _stream(chunks: AsyncIterator[bytes], uri: str, file: StoredFile, create: Create) -> list[File]:
    """Take one stored file. Threads keep the event loop free, so that many models can be read at once."""
    size, md5 = 0, hashlib.md5(usedforsecurity=False)
    with _refused():
        work = await asyncio.to_thread(taken, file, create)
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > file.size:
                break
            await asyncio.to_thread(work.feed, chunk)
            if file.md5 is not None:
                await asyncio.to_thread(md5.update, chunk)
        if size != file.size:
            raise SourceError(
                f"the file {file.path!r} of {uri!r} is not as long as its store said; it changes or is damaged"
            )
        _require_promised(file, uri, "SHA-256", file.sha256, work.sha256())
        _require_promised(file, uri, "MD5", file.md5, md5.hexdigest())
        with _refused():
            return await asyncio.to_thread(work.finish)
    finally:
        work.close()


def _require_promised(file: StoredFile, uri: str, kind: str, promised: str | None, found: str) -> None:
    if promised not in (None, found):
        raise DigestMismatch(
            f"the file {file.path!r} of {uri!r} has the {kind} {found}, but its store says {promised}; it was damaged "
            "on the way, or in the store"
        )


def _clear(target: Path, staging: Path) -> None:
    """Make the folder. While the staging folder is there, everything is of a load that did not end, and goes."""
    target.mkdir(parents=True, exist_ok=True)
    if staging.exists():
        for entry in [*(entry for entry in target.iterdir() if entry != staging), staging]:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def _settle(staging: Path, target: Path) -> None:
    """Move the verified files into place. The staging folder goes last: while it is there, the load is not done."""
    for folder, _, _ in os.walk(staging, topdown=False):
        _sync_folder(Path(folder))
    for entry in sorted(staging.iterdir()):
        entry.rename(target / entry.name)
    _sync_folder(target)
    staging.rmdir()
    _sync_folder(target)


class _Kept(BytesIO):
    """A file in memory, whose content outlives its closing."""

    content = b""

    def close(self) -> None:
        """Keep what was written."""
        if not self.closed:
            self.content = self.getvalue()
        super().close()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _on_disk(folder: Path) -> Iterator[File]:
    """The files below the folder as they are now. A symlink or special file cannot be part of a model."""
    for entry in sorted(folder.rglob("*")):
        mode = entry.lstat().st_mode
        path = entry.relative_to(folder).as_posix()
        if stat.S_ISREG(mode):
            hasher = hashlib.sha256()
            with entry.open("rb") as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    hasher.update(chunk)
            yield File(path, entry.stat().st_size, hasher.hexdigest())
        elif not stat.S_ISDIR(mode):
            raise DigestMismatch(f"the folder {folder} holds {path!r}, a symlink or special file; give an empty folder")


def _measured(files: Sequence[File]) -> Measured:
    with _refused():
        return Measured(mvd1(files), len(files), sum(file.size for file in files))


def _require(found: Measured, digest: str, what: str) -> Measured:
    if found.digest != digest:
        raise DigestMismatch(
            f"{what} has the digest {found.digest}, but {digest} was promised; "
            "register the changed model as a new version"
        )
    return found


@contextmanager
def _refused() -> Iterator[None]:
    """What cannot make a model now never will as it is stored."""
    try:
        yield
    except ValueError as failure:
        raise SourceError(str(failure), retry=False) from None


@asynccontextmanager
async def _limited(uri: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            yield
    except TimeoutError:
        raise SourceError(f"the model at {uri!r} could not be read within {_LONGEST_SECONDS:.0f} s") from None
