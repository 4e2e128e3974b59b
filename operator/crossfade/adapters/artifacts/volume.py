"""Files on a PersistentVolumeClaim that is mounted into this container: `pvc://<claim>/<path>`. No symlink is
followed."""

import errno
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path, PurePosixPath

from crossfade.adapters.artifacts.folder import Folder
from crossfade.model.volume import volume_place
from crossfade.ports import WHOLE, Part, SourceError, StoredFile


class VolumeArtifacts:
    """The Artifacts port for the one claim that is mounted at `folder`. That it is the claim of the address is for
    whoever has made the pod."""

    def __init__(self, folder: Path) -> None:
        self._folder = Folder(folder)

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All regular files below the folder, or the one file. Raises SourceError, also for a symlink on the way."""
        try:
            return await self._folder.files(uri, _parts(uri))
        except SourceError as failure:
            raise _advised(failure) from failure.__cause__

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """The part's bytes in chunks. Raises SourceError."""
        async with aclosing(self._folder.read(uri, _parts(uri), path, part)) as chunks:
            try:
                async for chunk in chunks:
                    yield chunk
            except SourceError as failure:
                raise _advised(failure) from failure.__cause__


def _parts(uri: str) -> tuple[str, ...]:
    place = volume_place(uri)
    parts = PurePosixPath(place.path).parts if place is not None else ("..",)
    if ".." in parts or parts[:1] == ("/",):
        raise SourceError(f"the address {uri!r} is no pvc://<claim>/<path>; correct it", retry=False)
    return parts


def _advised(failure: SourceError) -> SourceError:
    """With what helps, where that is known."""
    cause = failure.__cause__
    if isinstance(cause, PermissionError):
        who = f"user {os.geteuid()} with the groups {', '.join(map(str, sorted({os.getegid(), *os.getgroups()})))}"
        return SourceError(f"{failure} to the {who}; let everybody read it, or one of these groups")
    if isinstance(cause, OSError) and cause.errno == errno.ELOOP:
        return SourceError(f"{failure}: it leads over a symlink, which is not followed; name the folder itself")
    if isinstance(cause, FileNotFoundError):
        return SourceError(f"{failure} on the volume; put the model there, or correct `source.volume.path`")
    return failure
