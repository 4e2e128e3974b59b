"""Files on Weights & Biases: `wandb://<entity>/<project>/<collection>/<version>?…`."""

from base64 import b64decode
from binascii import Error
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

from crossfade.adapters.address import shown_or_none
from crossfade.adapters.wandb_address import WandbAddress, parsed
from crossfade.adapters.wandb_server import WandbServer
from crossfade.model.loose import member, text
from crossfade.ports import WHOLE, Part, SourceError, StoredFile

_MD5_BYTES: Final = 16


class WandbArtifacts:
    """The Artifacts port over a server of W&B."""

    def __init__(self, server: WandbServer) -> None:
        self._server = server

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All files of the artifact, with the MD5 that W&B says. Raises SourceError, also where one is only a reference
        to what is kept elsewhere."""
        address = parsed(uri)
        manifest = await self._server.manifest(address)
        content = manifest.get("contents")
        if manifest.get("version") != 1 or not isinstance(content, dict):
            raise self._strange(address)
        if not content:
            raise SourceError(f"{address.name} has no files at W&B {self._server.shown}; log the model's files in it")
        return [self._file(address, path, entry) for path, entry in content.items()]

    def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The part's bytes in chunks. Raises SourceError, and FromStartError as Artifacts has it."""
        return self._server.download(parsed(uri), path, part)

    def _file(self, address: WandbAddress, path: str, entry: object) -> StoredFile:
        if not isinstance(entry, dict):
            raise self._strange(address)
        if (target := text(entry.get("ref"))) is not None:
            raise SourceError(
                f"the file {path[:256]!r} of {address.name} is a reference to {_named(target)}, and W&B has no bytes "
                "of it; log the file itself, or name where it is in `source.uri`"
            )
        size = entry.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise self._strange(address)
        return StoredFile(path, size, parts=True, md5=_md5(entry))

    def _strange(self, address: WandbAddress) -> SourceError:
        return SourceError(
            f"W&B at {self._server.shown} gave a list of files of {address.name} that cannot be understood"
        )


def _md5(entry: Mapping[str, Any]) -> str | None:
    """In hex; None of a file that is known by another sum, which is no promise that we can check."""
    if "alg" in member(entry, "extra") and entry["extra"]["alg"] != "MD5":
        return None
    try:
        found = b64decode(str(entry.get("digest")), validate=True)
    except (Error, ValueError):
        return None
    return found.hex() if len(found) == _MD5_BYTES else None


def _named(target: str) -> str:
    """Where a reference leads, without what may be secret in it."""
    return repr((shown_or_none(target) or "elsewhere")[:256])
