"""S3 and what speaks its API, through obstore. Credentials, region and endpoint come from the AWS_* environment."""

import functools
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import timedelta

import obstore
from obstore import exceptions
from obstore.store import S3Store

from crossfade.adapters.artifacts.recent import Recent
from crossfade.ports import WHOLE, FromStartError, Part, SourceError, StoredFile

_CHUNK_BYTES = 1 << 20
_RANGE_BYTES = 8 * _CHUNK_BYTES
"""What one request reads: the library's time limit holds for whole requests, however large."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_STATUS = re.compile(r"status code: ([0-9]{3})")
_FOR_EVER = (exceptions.InvalidPathError, exceptions.UnknownConfigurationKeyError, exceptions.NotSupportedError)


class ObjectStoreArtifacts:
    """The Artifacts port for `s3://bucket/prefix`: a folder of objects, or a single one."""

    def __init__(self) -> None:
        self._store = functools.lru_cache(maxsize=16)(_open)
        self._keys: Recent[str] = Recent()

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All objects below the prefix, or the one object of that key. Raises SourceError."""
        bucket, key = _split(uri)
        with _source_errors(uri):
            store = self._store(bucket)
            found: list[StoredFile] = []
            async for page in store.list(prefix=f"{key}/"):
                # An object named as the folder itself is a marker that consoles make, not a file.
                objects = (item for item in page if item["path"] != key)
                found += [
                    StoredFile(item["path"].removeprefix(f"{key}/"), item["size"], parts=True) for item in objects
                ]
            name = key.rpartition("/")[2]
            self._keys[uri] = f"{key}/{name}" if found else key
            if found:
                return found
            single = await obstore.head_async(store, key)
            return [StoredFile(name, single["size"], parts=True)]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """The bytes of a part of the object in chunks, all of one and the same version. Raises SourceError."""
        bucket, key = _split(uri)
        with _source_errors(uri):
            store = self._store(bucket)
            full = f"{key}/{path}"
            if path == key.rpartition("/")[2]:
                full = self._keys.get(uri) or await self._key_of_its_name(uri, store, key, full)
            async with aclosing(_read(store, full, part)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _key_of_its_name(self, uri: str, store: S3Store, key: str, inner: str) -> str:
        """The key of the file that is named as its folder is: in the folder, or that key itself."""
        found = self._keys[uri] = inner if await _exists(store, inner) else key
        return found


async def _read(store: S3Store, key: str, part: Part) -> AsyncGenerator[bytes, None]:
    """Without an end it is asked for first, as the library cannot ask for the rest of an object that may be empty."""
    start, last, version = part.start, part.end, None
    if last is None:
        known = await obstore.head_async(store, key)
        last, version = known["size"], known["e_tag"]
    while start < last:
        options: obstore.GetOptions = {"range": (start, min(start + _RANGE_BYTES, last))}
        if version is not None:
            options["if_match"] = version
        found = await obstore.get_async(store, key, options=options)
        last, version = min(last, found.meta["size"]), found.meta["e_tag"]
        async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(chunk)
        start += _RANGE_BYTES


async def _exists(store: S3Store, key: str) -> bool:
    try:
        await obstore.head_async(store, key)
    except FileNotFoundError:
        return False
    return True


def _open(bucket: str) -> S3Store:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "https:"
    return S3Store(
        bucket,
        client_options={"allow_http": endpoint.startswith("http:"), "connect_timeout": "5s", "timeout": "60s"},
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=20)},
    )


def _split(uri: str) -> tuple[str, str]:
    """Bucket and key. A bucket's name is part of host names and paths, so nothing else may hide in it."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    key = key.strip("/")
    if not _BUCKET.fullmatch(bucket) or not key:
        raise SourceError(f"the address {uri!r} is no s3://<bucket>/<prefix>; correct it", retry=False)
    return bucket, key


@contextmanager
def _source_errors(uri: str) -> Iterator[None]:
    """Name what happened by its kind or HTTP status alone: the library's own words hold the server's answer."""
    try:
        yield
    except FileNotFoundError:
        raise _missing(uri) from None
    except exceptions.PreconditionError:
        raise FromStartError(f"a file of {uri!r} changed while it was read") from None
    except _FOR_EVER as failure:
        raise SourceError(f"{uri!r} cannot be read as written: {type(failure).__name__}", retry=False) from failure
    except (exceptions.BaseError, OSError, TimeoutError) as failure:
        status = _STATUS.search(str(failure))
        if status is None:
            raise SourceError(
                f"the store of {uri!r} cannot be reached; check AWS_ENDPOINT_URL and AWS_REGION"
            ) from failure
        if status[1] == "404":
            raise _missing(uri) from None
        raise SourceError(
            f"the store of {uri!r} answered with {status[1]}; check the credentials' permission to list and read"
        ) from failure


def _missing(uri: str) -> SourceError:
    return SourceError(f"there is nothing at {uri!r}; upload the model there, or correct the address")
