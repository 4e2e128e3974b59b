"""DVC's remotes: files by their MD5, in stores that committers name, asked as their tenant or as nobody."""

import hashlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from typing import Final

from crossfade.adapters.artifacts.bucket_artifacts import the_object
from crossfade.adapters.artifacts.http import HttpArtifacts
from crossfade.adapters.buckets.bucket import place
from crossfade.adapters.buckets.s3 import S3Bucket
from crossfade.adapters.dvc_layout import Out, Remote
from crossfade.adapters.kept_open import KeptOpen
from crossfade.adapters.sigv4 import AwsKeys, aws_keys
from crossfade.adapters.web import Guard
from crossfade.model.access import Access
from crossfade.ports import WHOLE, DamagedError, FromStartError, Part, SourceError

_LIST_BYTES: Final = 8 << 20
_MOST_OPEN: Final = 8
"""S3 servers whose connections are kept. Those in use are kept beyond it."""


class DvcStore:
    """Reads what has an MD5. Where a remote is committers write, so every address passes the guard; s3 is asked with
    the keys of the ModelRegistry's Secret, or as nobody where there are none, and http(s) always as nobody: never as
    who the operator or its machine is. `timeout` is in seconds for a whole request with its answer, but for streams.

    Raises SourceError when the keys cannot be used as they are.
    """

    def __init__(self, access: Access, guard: Guard, timeout: float) -> None:
        self._keys = _keys(access)
        self._guard = guard
        self._timeout = timeout
        self._http = HttpArtifacts(guard.allowed, timeout)
        self._buckets: KeptOpen[tuple[str, str], S3Bucket] = KeptOpen(_MOST_OPEN)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()
        await self._buckets.close()

    async def size(self, remote: Remote, out: Out) -> int:
        """In bytes. Raises SourceError."""
        if out.size is not None:
            return out.size
        with _named(remote, out):
            return await self._size(remote, remote.place(out.md5))

    async def read(self, remote: Remote, out: Out, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The bytes of a part in chunks; whether they have the MD5 is for the reader to check. Raises
        SourceError, and FromStartError as Artifacts has it."""
        with _named(remote, out):
            async with aclosing(self._chunks(remote, remote.place(out.md5), part)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def whole(self, remote: Remote, out: Out) -> bytes:
        """The list of a folder's files, which has its MD5. Raises SourceError, also when it has more than 8 MiB, and
        DamagedError for another list."""
        content = bytearray()
        async with aclosing(self.read(remote, out)) as chunks:
            async for chunk in chunks:
                content += chunk
                if len(content) > _LIST_BYTES:
                    raise SourceError(
                        f"DVC's list of the files of {out.path!r} has more than 8 MiB; pack them", retry=False
                    )
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != out.md5.removesuffix(".dir"):
            raise DamagedError(
                f"DVC's list of the files of {out.path!r} in the remote {remote.name!r} has not the MD5 {out.md5}; it "
                "is damaged, `dvc push` it again"
            )
        return bytes(content)

    async def _size(self, remote: Remote, address: str) -> int:
        if not remote.is_bucket:
            return (await self._http.files(address))[0].size
        where = place(address)
        async with self._bucket(remote) as bucket:
            found = await the_object(bucket, where)
        if found is None:
            raise SourceError(f"{bucket.shown} has nothing at {address!r}")
        return found.size

    async def _chunks(self, remote: Remote, address: str, part: Part) -> AsyncGenerator[bytes]:
        if not remote.is_bucket:
            async with aclosing(self._http.read(address, address.rpartition("/")[2], part)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        where = place(address)
        async with self._bucket(remote) as bucket, aclosing(bucket.read(where.bucket, where.key, part)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _bucket(self, remote: Remote) -> AbstractAsyncContextManager[S3Bucket]:
        """The client of the remote's server."""
        where = (remote.server, remote.region)
        return self._buckets.use(where, lambda: S3Bucket(*where, self._keys, "", self._guard, self._timeout))


def _keys(access: Access) -> AwsKeys | None:
    """Those for s3 of the registry's secrets, which may be for the repository alone."""
    named = any(key in access.secrets for key in ("accessKeyId", "secretAccessKey"))
    return aws_keys(access) if named else None


@contextmanager
def _named(remote: Remote, out: Out) -> Iterator[None]:
    """Failures say which file is missing where."""
    what = f"{out.path!r} is not to be had from the DVC remote {remote.name!r}, `dvc push` it there: "
    try:
        yield
    except FromStartError:
        raise
    except SourceError as failure:
        raise SourceError(f"{what}{failure}", wait=failure.wait) from None
