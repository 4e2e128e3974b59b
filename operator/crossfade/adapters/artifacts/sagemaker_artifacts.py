"""Files of SageMaker's model packages: folders of S3, single objects, and archives that unpack while they stream."""

import functools
from collections.abc import AsyncIterator, Sequence

from crossfade.adapters.artifacts.bucket_artifacts import BucketArtifacts, name_of, the_object
from crossfade.adapters.model_data import parsed
from crossfade.adapters.sagemaker_server import SageMakerServer
from crossfade.ports import WHOLE, Archive, Part, SourceError, StoredFile


class SageMakerArtifacts:
    """The Artifacts port over the S3 of one SageMaker."""

    def __init__(self, server: SageMakerServer) -> None:
        self._store = server.bucket
        self._folder = functools.lru_cache(maxsize=8)(functools.partial(BucketArtifacts, server.bucket))

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All objects of the folder, or the one object. Raises SourceError."""
        data = parsed(uri)
        if not data.single:
            return await self._folder(data.place).files(str(data.place))
        found = await the_object(self._store, data.place)
        if found is None:
            raise SourceError(f"{self._store.shown} has nothing at {data.place}, which the model package names")
        if data.etag and data.etag != found.etag.strip('"'):
            raise SourceError(
                f"the object {data.place} was overwritten since the model package was registered: its ETag was "
                f"{data.etag} and is {found.etag}; register what is there now as a new version"
            )
        archive = Archive("tar+gzip") if data.packed else None
        return [StoredFile(name_of(data.place), found.size, archive=archive, parts=True)]

    def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """The bytes of a part of a file or an archive in chunks, as they are stored. Raises SourceError, and
        FromStartError as Artifacts has it."""
        data = parsed(uri)
        if data.single:
            etag = f'"{data.etag}"' if data.etag else ""
            return self._store.read(data.place.bucket, data.place.key, part, etag=etag)
        return self._folder(data.place).read(str(data.place), path, part)
