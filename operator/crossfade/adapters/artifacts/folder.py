"""Files below one folder of this machine, by the parts of their paths. No symlink is followed."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from crossfade.ports import WHOLE, Part, SourceError, StoredFile

_CHUNK_BYTES = 1 << 20


class Folder:
    """What lies below `root`, such as a mounted volume. Failures call it by `uri`, and have their OSError as cause."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def files(self, uri: str, parts: tuple[str, ...]) -> Sequence[StoredFile]:
        """All regular files below the folder, or the one file. Raises SourceError, also for a symlink on the way."""
        with _source_errors(uri):
            return await asyncio.to_thread(self._list, parts)

    async def read(
        self, uri: str, parts: tuple[str, ...], path: str, part: Part = WHOLE
    ) -> AsyncGenerator[bytes, None]:
        """The part's bytes in chunks. Raises SourceError."""
        with _source_errors(uri), ExitStack() as stack:
            descriptor = await asyncio.to_thread(self._open, parts, path)
            stack.callback(os.close, descriptor)
            at = part.start
            while chunk := await asyncio.to_thread(os.pread, descriptor, part.most(at, _CHUNK_BYTES), at):
                at += len(chunk)
                yield chunk

    def _list(self, parts: tuple[str, ...]) -> list[StoredFile]:
        descriptor = self._descend(parts)
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode):
                return [StoredFile(parts[-1], found.st_size)]
            return list(_walk(descriptor, ""))
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


def _walk(descriptor: int, above: str) -> Iterator[StoredFile]:
    with os.scandir(descriptor) as entries:
        listed = list(entries)
    for entry in listed:
        path = f"{above}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            below = os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
            try:
                yield from _walk(below, f"{path}/")
            finally:
                os.close(below)
        elif entry.is_file(follow_symlinks=False):
            yield StoredFile(path, entry.stat(follow_symlinks=False).st_size)
        else:
            raise SourceError(
                f"{path!r} is a symlink or another special file, which is not read; put the file itself there",
                retry=False,
            )


@contextmanager
def _source_errors(uri: str) -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        raise SourceError(f"{uri!r} cannot be read: {failure.strerror}") from failure
