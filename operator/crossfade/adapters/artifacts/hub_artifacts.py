"""Files on a Hugging Face Hub: `hf://<repo>@<commit>`."""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

from crossfade.adapters.hub_address import parsed
from crossfade.adapters.hub_server import HubServer
from crossfade.ports import WHOLE, Part, SourceError, StoredFile

_MOST_ENTRIES: Final = 200_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class HubArtifacts:
    """The Artifacts port over a Hub."""

    def __init__(self, server: HubServer) -> None:
        self._server = server

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All files of the commit that the patterns let pass; those in LFS or Xet with the SHA-256 that the Hub says.
        Raises SourceError."""
        address = parsed(uri)
        found: list[StoredFile] = []
        listed = 0
        async for entry in self._server.tree(address.repo, address.commit):
            listed += 1
            if listed > _MOST_ENTRIES:
                raise SourceError(f"the repository of {uri} has more than {_MOST_ENTRIES} entries; split it")
            if entry.get("type") != "directory":
                file = self._file(entry)
                found += [file] if address.holds(file.path) else []
        if not found:
            raise SourceError(
                f"the Hugging Face Hub at {self._server.shown} has no files at {uri}; correct `allowPatterns` and "
                "`ignorePatterns`, or push the model's files"
            )
        return found

    def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The part's bytes in chunks. Raises SourceError."""
        address = parsed(uri)
        return self._server.download(address.repo, address.commit, path, part)

    def _file(self, entry: Mapping[str, Any]) -> StoredFile:
        lfs = entry.get("lfs")
        promised = str(lfs.get("oid", "")).removeprefix("sha256:") if isinstance(lfs, dict) else ""
        path, size = entry.get("path"), entry.get("size")
        if isinstance(path, str) and isinstance(size, int) and size >= 0 and (not lfs or _SHA256.fullmatch(promised)):
            return StoredFile(path, size, promised or None, parts=True)
        raise SourceError(
            f"the Hugging Face Hub at {self._server.shown} gave a list of files that cannot be understood"
        )
