"""The model in an image that is mounted into this container where its server reads it. No symlink is followed."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

from crossfade.adapters.artifacts.folder import Folder
from crossfade.model.image import MODELS
from crossfade.ports import WHOLE, Part, SourceError, StoredFile

_NAMED = 3


class MountedImage:
    """The Artifacts port for the one image that is mounted at `folder`, whatever its address."""

    def __init__(self, folder: Path) -> None:
        self._where = folder
        self._folder = Folder(folder)

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All regular files of the model. Raises SourceError, also where the image has more than the model: what lies
        beside it nobody has looked at, and a model can lead there."""
        self._require_model_alone(uri)
        try:
            return await self._folder.files(uri, (MODELS,))
        except SourceError as failure:
            raise _advised(failure, failure.__cause__) from failure.__cause__

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """The part's bytes in chunks. Raises SourceError."""
        async with aclosing(self._folder.read(uri, (MODELS,), path, part)) as chunks:
            try:
                async for chunk in chunks:
                    yield chunk
            except SourceError as failure:
                raise _advised(failure, failure.__cause__) from failure.__cause__

    def _require_model_alone(self, uri: str) -> None:
        try:
            found = {entry.name for entry in self._where.iterdir()} if self._where.is_dir() else set[str]()
        except OSError as failure:
            raise _advised(SourceError(f"what is mounted at {self._where} cannot be read"), failure) from failure
        if not found:
            raise SourceError(
                f"nothing is mounted at {self._where}: the cluster or this node has no image volumes; set"
                " `spec.serving.files: Loaded`",
                retry=False,
            )
        if beside := sorted(found - {MODELS}):
            named = ", ".join(beside[:_NAMED]) + (", …" if beside[_NAMED:] else "")
            raise SourceError(
                f"the image {uri} has {named} beside /{MODELS}, which nobody verified; build it FROM scratch of"
                f" /{MODELS} alone, or set `spec.serving.files: Loaded`",
                retry=False,
            )


def _advised(failure: SourceError, cause: BaseException | None) -> SourceError:
    """With what helps, where that is known."""
    if isinstance(cause, PermissionError):
        return SourceError(f"{failure} to the user {os.geteuid()}; build the image so that everybody may read it")
    return failure
