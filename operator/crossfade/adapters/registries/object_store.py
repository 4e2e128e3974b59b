"""An object store as a registry: an address beneath its own means what is there, as the digest freezes it."""

from typing import TYPE_CHECKING

from crossfade.adapters.artifacts.bucket_artifacts import BucketArtifacts
from crossfade.ports import Reference, SourceError

if TYPE_CHECKING:
    from crossfade.api.v1alpha1.modelversion import Source


class ObjectStoreRegistry:
    """The Registry port for one object store."""

    def __init__(self, artifacts: BucketArtifacts) -> None:
        self._artifacts = artifacts

    async def resolve(self, source: "Source") -> Reference:
        """The address itself, once there is something. Raises SourceError; what is missing may still appear."""
        if source.uri is None:
            raise SourceError("the source is in no object store; name one in `source.uri`", retry=False)
        uri = source.uri.uri
        await self._artifacts.files(uri)
        return Reference(uri, uri)
