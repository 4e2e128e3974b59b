"""Files below one folder that the operator's configuration allows: `file:///<root>/...`. No symlink is followed."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from crossfade.adapters.artifacts.folder import Folder
from crossfade.ports import WHOLE, Part, SourceError, StoredFile


class LocalArtifacts:
    """The Artifacts port for files on this machine, such as a mounted volume, below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = Folder(root)

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All regular files below the folder, or the one file. Raises SourceError, also for a symlink on the way."""
        return await self._folder.files(uri, self._inside(uri))

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """The part's bytes in chunks. Raises SourceError."""
        async for chunk in self._folder.read(uri, self._inside(uri), path, part):
            yield chunk

    def _inside(self, uri: str) -> tuple[str, ...]:
        """The parts of the path below the root."""
        host, path = _host_and_path(uri)
        if host not in ("", "localhost") or ".." in path.parts or not path.is_relative_to(self._root):
            raise SourceError(
                f"the address {uri!r} is not below {self._root}, the folder that files may come from; "
                "move the model there, or change CROSSFADE_FILE_ROOT",
                retry=False,
            )
        return path.relative_to(self._root).parts


def _host_and_path(uri: str) -> tuple[str, Path]:
    """The host is the whole of what is no address."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri, Path()
    return parts.netloc, Path(unquote(parts.path))
