"""What becomes of a stored file's bytes while they stream: a file that is hashed and written, or an archive's files."""

import hashlib
import os
import stat
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO, Final, Protocol

from crossfade.model.manifest import File, safe_path
from crossfade.observe.inflate import inflater
from crossfade.observe.untar import Take, Untar
from crossfade.ports import Archive, StoredFile

_PIECE_BYTES: Final = 1 << 20
_FREE_BYTES: Final = 64 << 20
_MOST_RATIO: Final = 100
"""An archive may unpack to so many times its size, and `_FREE_BYTES` besides."""

Create = Callable[[str, int], BinaryIO]
"""Opens what the file of this (safe) path and size in bytes is written to; what can be read from it is its beginning.
Raises ValueError where there is no room."""


class _Sums:
    """Of bytes as they are stored: SHA-256, and what else their store promises."""

    def __init__(self, file: StoredFile | None = None) -> None:
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if file is not None and file.md5 is not None else None

    def update(self, piece: bytes | memoryview) -> None:
        self._sha256.update(piece)
        if self._md5 is not None:
            self._md5.update(piece)

    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def md5(self) -> str | None:
        return self._md5.hexdigest() if self._md5 is not None else None


class Taken(Protocol):
    """Where the bytes go. Nothing here is thread-safe; one thread at a time may use it."""

    def begin(self) -> int:
        """Hash what is there of it already, its beginning. Returns how many bytes that is; the next are to be fed."""

    def feed(self, piece: bytes) -> None:
        """The next bytes, as they are stored."""

    def sha256(self) -> str:
        """The hex of the bytes as they are stored."""

    def md5(self) -> str | None:
        """The same, where their store promises one."""

    def finish(self) -> list[File]:
        """The files that they made, all written out. Raises ValueError when they made none that may be kept."""

    def close(self) -> None:
        """Close what is open, also after a failure."""


def taken(file: StoredFile, create: Create) -> Taken:
    """How this file is taken."""
    if file.archive is None:
        return _One(safe_path(file.path), file.size, create, _Sums(file))
    return _Many(file.path, file.archive, create, _Sums(file))


class _One:
    """A file, hashed while it is written."""

    def __init__(self, path: str, size: int, create: Create, sums: _Sums) -> None:
        self._path = path
        self._sums, self._size = sums, 0
        self._sink = create(path, size)

    def begin(self) -> int:
        while self._sink.readable() and (piece := self._sink.read(_PIECE_BYTES)):
            self._sums.update(piece)
            self._size += len(piece)
        return self._size

    def feed(self, piece: bytes | memoryview) -> None:
        self._sums.update(piece)
        self._sink.write(piece)
        self._size += len(piece)

    def sha256(self) -> str:
        return self._sums.sha256()

    def md5(self) -> str | None:
        return self._sums.md5()

    def finish(self) -> list[File]:
        self._sink.flush()
        if not isinstance(self._sink, BytesIO) and stat.S_ISREG(os.fstat(self._sink.fileno()).st_mode):
            os.fsync(self._sink.fileno())
        self.close()
        return [File(self._path, self._size, self.sha256())]

    def close(self) -> None:
        self._sink.close()


class _Many:
    """An archive. What is wrong with it is told at its end, when it is known whether these are its bytes at all."""

    def __init__(self, name: str, archive: Archive, create: Create, sums: _Sums) -> None:
        self._name = name
        self._create = create
        self._sums, self._stored, self._plain = sums, 0, 0
        self._tar = Untar(self._begin, archive.below)
        self._inflater = inflater(archive.packing, self._unpacked)
        self._open: _One | None = None
        self._files: list[File] = []
        self._wrong: str | None = None

    def begin(self) -> int:
        return 0

    def feed(self, piece: bytes) -> None:
        self._sums.update(piece)
        self._stored += len(piece)
        if self._wrong is None:
            self._note_wrong(lambda: self._inflater.feed(piece))

    def sha256(self) -> str:
        return self._sums.sha256()

    def md5(self) -> str | None:
        return self._sums.md5()

    def finish(self) -> list[File]:
        if self._wrong is None:
            self._note_wrong(self._inflater.finish)
        if self._wrong is None:
            self._note_wrong(self._tar.finish)
        if self._wrong is not None:
            raise ValueError(f"the archive {self._name} cannot be unpacked: {self._wrong}")
        self._end()
        return self._files

    def close(self) -> None:
        if self._open is not None:
            self._open.close()

    def _note_wrong(self, step: Callable[[], None]) -> None:
        try:
            step()
        except ValueError as failure:
            self._wrong = str(failure)

    def _unpacked(self, plain: bytes) -> None:
        self._plain += len(plain)
        if self._plain > _FREE_BYTES + _MOST_RATIO * self._stored:
            raise ValueError(f"it unpacks to more than {_MOST_RATIO} times its size; store it less packed")
        self._tar.feed(plain)

    def _begin(self, path: str, size: int) -> Take:
        self._end()
        self._open = _One(safe_path(path), size, self._create, _Sums())
        return self._open.feed

    def _end(self) -> None:
        if self._open is not None:
            self._files += self._open.finish()
            self._open = None
