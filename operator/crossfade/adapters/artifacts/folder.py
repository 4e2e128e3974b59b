"""Files below one folder of this machine, by the parts of their paths. No symlink is followed."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

from crossfade.ports import WHOLE, Part, SourceError, StoredFile

_CHUNK_BYTES = 1 << 20
_MOST_ENTRIES = 200_000
"""Files and folders below a folder: what is listed is held in memory."""
_MOST_DEEP = 100
"""Folders within folders, of which each is open while what is in it is listed."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """What lies below `root`, such as a mounted volume. Failures call it by `uri`, and have their OSError as cause."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def files(self, uri: str, parts: tuple[str, ...]) -> Sequence[StoredFile]:
        """All regular files below the folder, or the one file. Raises SourceError, also for a symlink on the way."""
        with _source_errors(repr(uri)):
            return await asyncio.to_thread(self._list, uri, parts)

    async def read(
        self, uri: str, parts: tuple[str, ...], path: str, part: Part = WHOLE
    ) -> AsyncGenerator[bytes, None]:
        """The part's bytes in chunks. Raises SourceError."""
        with _source_errors(f"{path!r} of {uri!r}"), ExitStack() as stack:
            descriptor = await asyncio.to_thread(self._open, parts, path)
            stack.callback(os.close, descriptor)
            at = part.start
            while chunk := await asyncio.to_thread(os.pread, descriptor, part.most(at, _CHUNK_BYTES), at):
                at += len(chunk)
                yield chunk

    def _list(self, uri: str, parts: tuple[str, ...]) -> list[StoredFile]:
        descriptor = self._descend(parts)
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode):
                return [StoredFile(parts[-1], found.st_size)]
            return list(_Walk(uri).files(descriptor, ""))
        finally:
            os.close(descriptor)

    def _open(self, parts: tuple[str, ...], path: str) -> int:
        descriptor = self._descend(parts)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        return self._descend((*parts, *path.split("/")))

    def _descend(self, parts: tuple[str, ...]) -> int:
        """Open step by step, so that nobody can slip a symlink in between. O_NONBLOCK: a pipe must not hang us."""
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in parts:
            above = descriptor
            try:
                descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
            finally:
                os.close(above)
        return descriptor


class _Walk:
    """Through one folder, called by `uri`, and all that is below it."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._room = _MOST_ENTRIES

    def files(self, descriptor: int, above: str) -> Iterator[StoredFile]:
        """The regular files, with `above` before their names. Raises SourceError and OSError."""
        for entry in self._listed(descriptor):
            path = f"{above}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if path.count("/") == _MOST_DEEP:
                    raise self._refused(f"folders within folders more than {_MOST_DEEP} deep")
                with _source_errors(f"{path!r} of {self._uri!r}"):
                    below = os.open(entry.name, _FOLDER, dir_fd=descriptor)
                try:
                    yield from self.files(below, f"{path}/")
                finally:
                    os.close(below)
            elif entry.is_file(follow_symlinks=False):
                yield StoredFile(path, entry.stat(follow_symlinks=False).st_size)
            else:
                raise SourceError(
                    f"{path!r} is a symlink or another special file, which is not read; put the file itself there",
                    retry=False,
                )

    def _listed(self, descriptor: int) -> list[os.DirEntry[str]]:
        with os.scandir(descriptor) as entries:
            listed = list(islice(entries, self._room + 1))
        self._room -= len(listed)
        if self._room < 0:
            raise self._refused(f"more than {_MOST_ENTRIES} files and folders")
        return listed

    def _refused(self, what: str) -> SourceError:
        return SourceError(f"{self._uri!r} has {what}; name a folder with the model alone", retry=False)


@contextmanager
def _source_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        raise SourceError(f"{what} cannot be read: {failure.strerror}") from failure
