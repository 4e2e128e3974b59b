"""Files in an object store: `s3://<bucket>/<prefix>`, `gs://…` and `az://…`, beneath one place that a ModelRegistry
names."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from crossfade.adapters.artifacts.recent import Recent
from crossfade.adapters.buckets.bucket import Bucket, Place, StoredObject, place
from crossfade.ports import WHOLE, Part, SourceError, StoredFile


class BucketArtifacts:
    """The Artifacts port for a folder of objects, or a single one, at `within` or beneath it."""

    def __init__(self, store: Bucket, within: Place) -> None:
        self._store = store
        self._within = within
        self._keys: Recent[str] = Recent()

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All objects below the prefix, or the one object of that key. Raises SourceError."""
        where = self.place(uri)
        found = [one async for one in self._store.objects(where.bucket, f"{where.key}/") if not _is_marker(one)]
        self._keys[uri] = where.key if not found else f"{where.key}/{name_of(where)}"
        if found:
            return [self._file(one, one.key.removeprefix(f"{where.key}/")) for one in found]
        single = await the_object(self._store, where)
        if single is None:
            raise SourceError(
                f"{self._store.shown} has nothing at {uri!r}; upload the model there, or correct the address"
            )
        return [self._file(single, name_of(where))]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The bytes of a part of the object in chunks. Raises SourceError, and FromStartError as Artifacts has it."""
        where = self.place(uri)
        key = f"{where.key}/{path}" if path != name_of(where) else await self._key_of_its_name(uri, where)
        async with aclosing(self._store.read(where.bucket, key, part)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _file(self, stored: StoredObject, path: str) -> StoredFile:
        if stored.unpacked:
            raise SourceError(
                f"{self._store.shown} unpacks the object {stored.key[:256]!r} on the way, as it has `Content-Encoding: "
                "gzip`; upload it as it is, without"
            )
        return StoredFile(path, stored.size, parts=True)

    async def _key_of_its_name(self, uri: str, where: Place) -> str:
        """The key of the file that is named as the place is: in the folder, or the place itself."""
        found = self._keys.get(uri)
        if found is None:
            inner = replace(where, key=f"{where.key}/{name_of(where)}")
            found = self._keys[uri] = where.key if await the_object(self._store, inner) is None else inner.key
        return found

    def place(self, uri: str) -> Place:
        """The place of the model. Raises SourceError, also for what is elsewhere than the ModelRegistry says."""
        found = place(uri)
        if not self._within.holds(found):
            raise SourceError(
                f"the address {uri[:256]!r} is not beneath {str(self._within)!r}, which the ModelRegistry is for; name "
                "another ModelRegistry in `source.registryRef`, or correct its `objectStore.uri`"
            )
        if not found.key:
            raise SourceError(f"the address {uri!r} names a whole bucket; name the folder or the object of one model")
        return found


def name_of(where: Place) -> str:
    """The last part of its key."""
    return where.key.rpartition("/")[2]


async def the_object(store: Bucket, where: Place) -> StoredObject | None:
    """The object of this very key, which is the first whose key begins so; None where there is none."""
    async for one in store.objects(where.bucket, where.key):
        return one if one.key == where.key else None
    return None


def _is_marker(one: StoredObject) -> bool:
    """Whether it is named as a folder itself, which consoles make and no file is."""
    return one.key.endswith("/")
