"""Files of Vertex AI's models: folders of Google Cloud Storage."""

import functools
from collections.abc import AsyncGenerator, Sequence

from crossfade.adapters.artifacts.bucket_artifacts import BucketArtifacts
from crossfade.adapters.buckets.bucket import place
from crossfade.adapters.vertex_server import VertexServer
from crossfade.ports import WHOLE, Part, StoredFile


class VertexArtifacts:
    """The Artifacts port over the Google Cloud Storage of one Vertex AI. Which bucket it is the registry says."""

    def __init__(self, server: VertexServer) -> None:
        self._folder = functools.lru_cache(maxsize=8)(functools.partial(BucketArtifacts, server.bucket))

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All objects of the folder. Raises SourceError."""
        return await self._folder(place(uri)).files(uri)

    def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The bytes of a part of the object in chunks. Raises SourceError, and FromStartError as Artifacts has it."""
        return self._folder(place(uri)).read(uri, path, part)
