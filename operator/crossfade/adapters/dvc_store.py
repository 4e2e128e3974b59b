"""DVC's remotes: files by their MD5, in stores that are there already for other models."""

import hashlib
from collections.abc import AsyncIterator
from typing import Final

from crossfade.adapters.artifacts.http import HttpArtifacts
from crossfade.adapters.artifacts.router import ArtifactStore, plain_stores
from crossfade.adapters.dvc_layout import Out, Remote
from crossfade.ports import WHOLE, FromStartError, Part, SourceError

_LIST_BYTES: Final = 8 << 20


class DvcStore:
    """Reads what has an MD5 from the stores by the scheme of the remote's address, which committers write: it passes
    the egress guard, which `allow_loopback` widens for tests."""

    def __init__(self, *, allow_loopback: bool = False) -> None:
        self._allow_loopback = allow_loopback
        self._http: HttpArtifacts | None = None
        self._stores = ArtifactStore(
            {**plain_stores(None, allow_loopback=allow_loopback), "http": self._web, "https": self._web}
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.close()

    async def size(self, remote: Remote, out: Out) -> int:
        """In bytes. Raises SourceError."""
        if out.size is not None:
            return out.size
        try:
            found = await self._stores.files(remote.place(out.md5))
        except SourceError as failure:
            raise _unread(failure, remote, out) from None
        return found[0].size

    async def read(self, remote: Remote, out: Out, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """The bytes of a part in chunks; whether they have the MD5 is for the reader to check. Raises
        SourceError, and FromStartError as Artifacts has it."""
        place = remote.place(out.md5)
        try:
            async for chunk in self._stores.read(place, place.rpartition("/")[2], part):
                yield chunk
        except FromStartError:
            raise
        except SourceError as failure:
            raise _unread(failure, remote, out) from None

    async def whole(self, remote: Remote, out: Out) -> bytes:
        """The list of a folder's files, which has its MD5. Raises SourceError, also when it has more than 8 MiB."""
        content = bytearray()
        async for chunk in self.read(remote, out):
            content += chunk
            if len(content) > _LIST_BYTES:
                raise SourceError(
                    f"DVC's list of the files of {out.path!r} has more than 8 MiB; pack them", retry=False
                )
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != out.md5.removesuffix(".dir"):
            raise SourceError(
                f"DVC's list of the files of {out.path!r} in the remote {remote.name!r} has not the MD5 {out.md5}; it "
                "is damaged, `dvc push` it again"
            )
        return bytes(content)

    def _web(self) -> HttpArtifacts:
        if self._http is None:
            self._http = HttpArtifacts(allow_loopback=self._allow_loopback)
        return self._http


def _unread(failure: SourceError, remote: Remote, out: Out) -> SourceError:
    text = f"{out.path!r} is not to be had from the DVC remote {remote.name!r}, `dvc push` it there: {failure}"
    return SourceError(text, wait=failure.wait)
