"""Taking a model's files while they stream: several side by side, each hashed in its order, begun again when its store
cannot go on with it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, Protocol

from crossfade.model.manifest import File
from crossfade.observe.ahead import PART_BYTES, ahead, closed
from crossfade.observe.progress import Progress
from crossfade.observe.staging import STAGING
from crossfade.observe.taken import Create, Taken, taken
from crossfade.ports import Artifacts, FromStartError, Part, SourceError, StoredFile

AT_ONCE = 4
"""Requests for files side by side: hides a store's latency, and bounds memory."""
MOST_FILES = 100_000
MOST_BYTES = 4 << 40
"""Of a model, unpacked: twice the largest that are known."""
_BEGINNINGS = 3
"""A file that changes, or whose store gives no parts and breaks off, is begun so many times."""


class DigestMismatch(Exception):  # noqa: N818  (named for what happened, as the field does)
    """The bytes are not those that were promised. The message names both digests."""


class UnusableError(SourceError):
    """The bytes that came cannot make a model, and never will."""


class Sink(Protocol):
    """Where files are written to."""

    def create(self, path: str, size: int) -> BinaryIO:
        """See taken.Create."""
        ...

    def remove(self, path: str) -> None:
        """The file begins again."""
        ...


def not_staging(path: str) -> None:
    """Raise ValueError for a file that would lie where loads do."""
    if path.split("/")[0] == STAGING:
        raise ValueError(f"the model has a file named {STAGING}, which is taken; rename it")


@contextmanager
def refused() -> Iterator[None]:
    """What cannot make a model now never will as it is stored. Raises UnusableError."""
    try:
        yield
    except ValueError as failure:
        raise UnusableError(str(failure), retry=False) from None


async def stream_all(
    artifacts: Artifacts,
    uri: str,
    listed: Sequence[StoredFile],
    sink: Sink,
    progress: Progress | None = None,
    *,
    lanes: int = 1,
) -> list[File]:
    """The files that those which are listed make. With `lanes`, so many parts are asked for at once where few files are
    large and their store gives parts: only for bytes whose digest is known, as nothing else tells parts of two versions
    apart. Raises SourceError and DigestMismatch."""
    slots = asyncio.Semaphore(AT_ONCE)
    many = max(1, lanes // max(1, sum(file.parts and file.size > PART_BYTES for file in listed)))
    loading = _Loading(artifacts, uri, sink, progress or Progress(), many)

    async def one(file: StoredFile) -> list[File]:
        async with slots:
            return await loading.take(file)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(file)) for file in listed]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None  # the first; the others were cancelled on its account
    return [file for task in tasks for file in task.result()]


class _Loading:
    """One pass over a model's files."""

    def __init__(self, artifacts: Artifacts, uri: str, sink: Sink, progress: Progress, lanes: int) -> None:
        self._read = partial(artifacts.read, uri)
        self._uri = uri
        self._sink, self._progress = sink, progress
        self._lanes = lanes
        self._made = self._bytes = 0

    async def take(self, file: StoredFile) -> list[File]:
        """One stored file; from its first byte again, by one request, when its store cannot go on with it."""
        lanes, begun = self._lanes, 0
        while True:
            begun += 1
            writes = _Writes(self._create, self._sink.remove, self._progress)
            try:
                return await self._once(file, writes, lanes)
            except FromStartError as failure:
                sizes = await asyncio.to_thread(writes.undo)
                self._made -= len(sizes)
                self._bytes -= sum(sizes)
                lanes = 1
                if begun == _BEGINNINGS:
                    raise SourceError(f"{failure}; it was begun {_BEGINNINGS} times") from None

    async def _once(self, file: StoredFile, writes: "_Writes", lanes: int) -> list[File]:
        with refused():
            work, start = await asyncio.to_thread(_begun, file, writes.create)
        writes.found(start)
        try:
            if start < file.size or not file.size:
                await self._feed(file, work, start, writes, lanes)
            with refused():
                files = await asyncio.to_thread(self._finished, file, work)
        finally:
            work.close()
        self._progress.files_done += 1
        return files

    def _finished(self, file: StoredFile, work: Taken) -> list[File]:
        for kind, promised, found in (("SHA-256", file.sha256, work.sha256()), ("MD5", file.md5, work.md5())):
            if promised not in (None, found):
                raise DigestMismatch(
                    f"the file {file.path!r} of {self._uri!r} has the {kind} {found}, but its store says {promised}; "
                    "it was damaged on the way, or in the store"
                )
        return work.finish()

    async def _feed(self, file: StoredFile, work: Taken, start: int, writes: "_Writes", lanes: int) -> None:
        """Read the rest. Threads keep the event loop free for the next chunk, and for many models at once."""
        at, feeding = start, None
        async with closed(self._chunks(file, start, lanes)) as chunks:
            try:
                async for chunk in chunks:
                    at += len(chunk)
                    if at > file.size:
                        break
                    if feeding is not None:
                        await feeding
                    feeding = asyncio.create_task(asyncio.to_thread(work.feed, chunk))
                    writes.count(len(chunk))
            finally:
                if feeding is not None:
                    await asyncio.wait([feeding])
        if feeding is not None:
            feeding.result()
        if at != file.size:
            raise SourceError(
                f"the file {file.path!r} of {self._uri!r} is not as long as its store said; it changes or is damaged"
            )

    def _chunks(self, file: StoredFile, start: int, lanes: int) -> AsyncIterator[bytes]:
        if lanes > 1 and file.parts and file.size - start > PART_BYTES:
            return ahead(partial(self._read, file.path), start, file.size, lanes)
        return self._read(file.path, Part(start))

    def _create(self, path: str, size: int) -> BinaryIO:
        self._made += 1
        if self._made > MOST_FILES:
            raise ValueError(f"the model has more than {MOST_FILES} files; pack them")
        self._bytes += size
        if self._bytes > MOST_BYTES:
            told = f"the model has more than {MOST_BYTES} bytes, and no more are read"
            raise ValueError(f"{told}; leave out what is not served")
        not_staging(path)
        return self._sink.create(path, size)


def _begun(file: StoredFile, create: Create) -> tuple[Taken, int]:
    """Where the file's bytes go, and how many of them are there."""
    work = taken(file, create)
    return work, work.begin()


class _Writes:
    """What one stored file was made into so far, to be told of or undone."""

    def __init__(self, create: Create, remove: Callable[[str], None], progress: Progress) -> None:
        self._create, self._remove, self._progress = create, remove, progress
        self._made: list[tuple[str, int]] = []
        self._bytes = self._found = 0

    def create(self, path: str, size: int) -> BinaryIO:
        """See taken.Create."""
        made = self._create(path, size)
        self._made.append((path, size))
        return made

    def found(self, count: int) -> None:
        """So many bytes were there already."""
        self._found += count
        self._progress.bytes_found += count
        self.count(count)

    def count(self, count: int) -> None:
        """So many bytes more are done."""
        self._bytes += count
        self._progress.add(count)

    def undo(self) -> list[int]:
        """As if nothing were done. Returns the sizes of the files that are gone."""
        self._progress.bytes_found -= self._found
        self._progress.add(-self._bytes)
        for path, _ in self._made:
            self._remove(path)
        return [size for _, size in self._made]
