"""Files at a commit of a Git repository: `git+https://<host>/<repository>@<commit>#<path>`."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from crossfade.adapters.dvc_store import DvcStore
from crossfade.adapters.git_address import parsed
from crossfade.adapters.git_models import GitModels, Piece
from crossfade.ports import WHOLE, FromStartError, Part, SourceError, StoredFile

_MOST_KEPT: Final = 8
_MOST_PIECES: Final = 200_000
"""So many models, and so many files of all of them, are remembered between their listing and their reading, those that
are being read beyond it. A commit means the same for ever."""
_SIZED_AT_ONCE: Final = 16
_MOST_IN_GIT: Final = 1000
_LFS: Final = b"version https://git-lfs.github.com/spec/v1\n"


class GitArtifacts:
    """The Artifacts port over one repository and its DVC remotes."""

    def __init__(self, models: GitModels, store: DvcStore) -> None:
        self._models = models
        self._store = store
        self._sizing = asyncio.Semaphore(_SIZED_AT_ONCE)
        self._kept: OrderedDict[str, dict[str, Piece]] = OrderedDict()
        self._reading: Counter[str] = Counter()

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All files of the model; those that DVC keeps with the MD5 that it promises. Raises SourceError."""
        pieces = await self._pieces(uri)
        if sum(not piece.out for piece in pieces) > _MOST_IN_GIT:
            raise SourceError(f"the model at {uri} has more than {_MOST_IN_GIT} files in Git; track them with DVC")
        self._keep(uri, pieces)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._stored(piece)) for piece in pieces]
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the first; the others were cancelled on its account
        return [task.result() for task in tasks]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The bytes of a part of the file in chunks. Raises SourceError, and FromStartError: Git gives no parts."""
        self._reading[uri] += 1
        try:
            async with aclosing(self._chunks(uri, await self._piece(uri, path), path, part)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self._reading[uri] -= 1
            self._reading += Counter()  # without those that nobody reads

    async def _piece(self, uri: str, path: str) -> Piece:
        pieces = self._kept.get(uri)
        if pieces is None:
            pieces = self._keep(uri, await self._pieces(uri))
        self._kept.move_to_end(uri)
        piece = pieces.get(path)
        if piece is None:
            raise SourceError(f"there is no file {path!r} at {uri}", retry=False)
        return piece

    def _chunks(self, uri: str, piece: Piece, path: str, part: Part) -> AsyncGenerator[bytes]:
        if piece.out is None or piece.remote is None:
            if part != WHOLE:
                raise FromStartError(f"the file {path!r} of {uri} is in Git, which gives files as a whole")
            return self._models.server.blob(piece.oid)
        return self._store.read(piece.remote, piece.out, part)

    def _keep(self, uri: str, pieces: Sequence[Piece]) -> dict[str, Piece]:
        """Remember the files of a model, and forget those of models that nobody reads where there are too many."""
        kept = self._kept[uri] = {piece.path: piece for piece in pieces}
        self._kept.move_to_end(uri)
        idle = [one for one in self._kept if one != uri and not self._reading[one]]
        for one in idle:
            if len(self._kept) <= _MOST_KEPT and sum(map(len, self._kept.values())) <= _MOST_PIECES:
                break
            del self._kept[one]
        return kept

    async def _pieces(self, uri: str) -> list[Piece]:
        address = parsed(uri, self._models.server.shown)
        return await self._models.pieces(await self._models.at(address.commit), address.path)

    async def _stored(self, piece: Piece) -> StoredFile:
        async with self._sizing:
            if piece.out is not None and piece.remote is not None:
                size = await self._store.size(piece.remote, piece.out)
                return StoredFile(piece.path, size, md5=piece.out.md5)
            size, head = await self._models.server.size(piece.oid)
            if head.startswith(_LFS):
                raise SourceError(
                    f"{self._models.server.what} has the file {piece.path!r} in Git LFS, which is not read yet; track "
                    "it with DVC",
                    retry=False,
                )
            return StoredFile(piece.path, size)
