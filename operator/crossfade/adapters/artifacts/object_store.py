"""S3 and what speaks its API, through obstore. Credentials, region and endpoint come from the AWS_* environment."""

import functools
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import obstore
from obstore import exceptions
from obstore.store import S3Store

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
            if found:
                return found
            single = await obstore.head_async(store, key)
            return [StoredFile(key.rpartition("/")[2], single["size"], parts=True)]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """The bytes of a part of the object in chunks, all of one and the same version. Raises SourceError."""
        bucket, key = _split(uri)
        with _source_errors(uri):
            store = self._store(bucket)
            full = f"{key}/{path}"
            if path == key.rpartition("/")[2] and not await _exists(store, full):
                full = key
            meta = await obstore.head_async(store, full)
            for start in range(part.start, last := min(part.end or meta["size"], meta["size"]), _RANGE_BYTES):
                end = min(start + _RANGE_BYTES, last)
                options: obstore.GetOptions = {"range": (start, end), "if_match": meta["e_tag"]}
                found = await obstore.get_async(store, full, options=options)
                async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                    yield bytes(chunk)


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
