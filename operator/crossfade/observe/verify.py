"""Hashing a model while it streams: once to know its digest, and again in every pod to know that nothing changed."""

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from crossfade.model.manifest import File, mvd1, safe_path
from crossfade.model.packaging import is_packaging
from crossfade.observe.progress import Progress
from crossfade.observe.staging import Staging
from crossfade.observe.stream import (
    AT_ONCE,
    MOST_BYTES,
    MOST_FILES,
    DigestMismatch,
    UnusableError,
    not_staging,
    refused,
    stream_all,
)
from crossfade.ports import Artifacts, DamagedError, SourceError, StoredFile

__all__ = ["DigestMismatch", "Measured", "fetch", "measure"]

_LONGEST_SECONDS = 3600.0
_CHUNK_BYTES = 1 << 20
_KEPT_BYTES = 256 << 10
"""What is kept of a model is read by people and parsers; no such file is larger."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model's bytes are: mvd1 digest, number of files, their size together in bytes, the content of those small
    files that were to be kept, and the mvd1 digest of what is not packaging, None where nothing else is."""

    digest: str
    files: int
    size_bytes: int
    kept: Mapping[str, bytes] = field(default_factory=dict)
    weights: str | None = None


class Look(Protocol):
    """What sees the very bytes that are hashed."""

    def create(self, path: str, size: int, into: BinaryIO) -> BinaryIO:
        """The file of this path and size in bytes, whose bytes are looked at on their way to `into`."""
        ...

    def remove(self, path: str) -> None:
        """The file begins again."""
        ...


async def measure(artifacts: Artifacts, uri: str, keep: Collection[str] = (), look: Look | None = None) -> Measured:
    """Stream and hash all files, before the eyes of `look`. Of those that are small, the ones with a path in `keep` are
    kept, as they were hashed.

    Raises SourceError, also after an hour.
    """
    nowhere = _Nowhere(keep, look)
    async with _limited(uri):
        listed = await _listed(artifacts, uri)
        try:
            files = await stream_all(artifacts, uri, listed, nowhere)
        except DigestMismatch as failure:  # nothing was promised yet, so other bytes may come another time
            raise SourceError(str(failure)) from None
    measured = await asyncio.to_thread(_told_apart, files)
    return replace(measured, kept=nowhere.content())


async def fetch(
    artifacts: Artifacts, uri: str, digest: str, target: Path, progress: Progress | None = None
) -> Measured:
    """Put the model's files into the folder `target`, which is made when absent; only whole and with this digest.

    Does nothing but hash when they are there already. Raises DigestMismatch and SourceError, and OSError when the
    folder cannot be written. What came is kept for another try, out of a server's sight, when that may end better.
    """
    staging = Staging(target, digest)
    if not await asyncio.to_thread(staging.begin):
        present = await asyncio.to_thread(lambda: list(_on_disk(target)))
        return _require(_measured(present), digest, f"the folder {target} holds files already, which")
    progress = progress or Progress()
    try:
        async with _limited(uri):
            found = await _load(artifacts, uri, digest, staging, progress)
    except (DigestMismatch, OSError, SourceError) as failure:
        if not isinstance(failure, SourceError) or not failure.retry:
            progress.open = False
            await asyncio.to_thread(staging.clear)
        raise
    progress.open = False
    await asyncio.to_thread(staging.settle)  # what it moved before it failed comes back when the next load begins
    return found


async def _load(artifacts: Artifacts, uri: str, digest: str, staging: Staging, progress: Progress) -> Measured:
    """Stream the files into the staging folder. Other bytes than promised may be those that were found there."""
    try:
        listed = await _listed(artifacts, uri)
    except DamagedError as failure:
        raise DigestMismatch(f"{failure}; {digest} was promised") from None
    while True:
        found = await asyncio.to_thread(staging.prepare, listed)
        progress.begin(len(listed), sum(file.size for file in listed))
        try:
            files = await stream_all(artifacts, uri, listed, staging, progress, lanes=AT_ONCE)
            return _require(_measured(files), digest, f"the model at {uri!r}")
        except (DigestMismatch, UnusableError) as failure:
            if not found:
                raise _others(failure, digest) from None
            progress.open = False
            await asyncio.to_thread(staging.clear)


def _others(failure: DigestMismatch | UnusableError, digest: str) -> DigestMismatch:
    """Bytes that make no model now made one when the digest was found: they are others."""
    if isinstance(failure, DigestMismatch):
        return failure
    return DigestMismatch(f"{failure}, which could be when {digest} was resolved; the stored bytes have changed")


async def _listed(artifacts: Artifacts, uri: str) -> Sequence[StoredFile]:
    """The files by what the store says, refused before a byte is read when they cannot make a model."""
    found = await artifacts.files(uri)
    if len(found) > MOST_FILES:
        raise SourceError(f"the model at {uri!r} has more than {MOST_FILES} files; pack them", retry=False)
    if (size := sum(file.size for file in found)) > MOST_BYTES:
        told = f"has {size} bytes, and no more than {MOST_BYTES} are read; leave out what is not served"
        raise SourceError(f"the model at {uri!r} {told}", retry=False)
    await asyncio.to_thread(_require_model, found)
    return found


def _require_model(listed: Sequence[StoredFile]) -> None:
    plain = [file for file in listed if file.archive is None]
    with refused():
        if plain or not listed:
            mvd1(File(file.path, file.size, "") for file in plain)
        for file in plain:
            not_staging(safe_path(file.path))


class _Nowhere:
    """Where the files of a model go that is only hashed. Small ones with a path in `keep` stay in memory."""

    def __init__(self, keep: Collection[str], look: Look | None) -> None:
        self._keep, self._look = keep, look
        self._kept: dict[str, _Kept] = {}

    def create(self, path: str, size: int) -> BinaryIO:
        """See Sink."""
        wanted = path in self._keep and size <= _KEPT_BYTES and path not in self._kept
        into = self._kept.setdefault(path, _Kept()) if wanted else _nowhere()
        return self._look.create(path, size, into) if self._look is not None else into

    def remove(self, path: str) -> None:
        """See Sink."""
        self._kept.pop(path, None)
        if self._look is not None:
            self._look.remove(path)

    def content(self) -> Mapping[str, bytes]:
        """Of the files that were kept."""
        return {path: file.content for path, file in self._kept.items()}


def _nowhere() -> BinaryIO:
    return Path(os.devnull).open("wb")


class _Kept(BytesIO):
    """A file in memory, whose content outlives its closing."""

    content = b""

    def close(self) -> None:
        """Keep what was written."""
        if not self.closed:
            self.content = self.getvalue()
        super().close()


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
    with refused():
        return Measured(mvd1(files), len(files), sum(file.size for file in files))


def _told_apart(files: Sequence[File]) -> Measured:
    """The digest of all of them, and that of those which are not packaging."""
    weights = [file for file in files if not is_packaging(file.path)]
    return replace(_measured(files), weights=mvd1(weights) if weights else None)


def _require(found: Measured, digest: str, what: str) -> Measured:
    if found.digest != digest:
        raise DigestMismatch(
            f"{what} has the digest {found.digest}, but {digest} was promised; "
            "register the changed model as a new version"
        )
    return found


@asynccontextmanager
async def _limited(uri: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            yield
    except TimeoutError:
        raise SourceError(f"the model at {uri!r} could not be read within {_LONGEST_SECONDS:.0f} s") from None
