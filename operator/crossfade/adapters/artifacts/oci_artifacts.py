"""The layers of an OCI artifact or image: `oci://<host>/<repository>@sha256:<digest>`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from crossfade.adapters.artifacts.recent import Recent
from crossfade.adapters.oci_layout import layers
from crossfade.adapters.oci_server import OciServer
from crossfade.ports import WHOLE, Part, SourceError, StoredFile


class OciArtifacts:
    """The Artifacts port over one OCI registry."""

    def __init__(self, server: OciServer) -> None:
        self._server = server
        self._kept: Recent[dict[str, str]] = Recent()  # a digest means the same for ever

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """The layers that make files of the model. Raises SourceError."""
        found = await self._layers(uri)
        self._kept[uri] = {file.path: digest for file, digest in found}
        return [file for file, _ in found]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """The bytes of a part of a layer in chunks, as they are stored. Raises SourceError."""
        digests = self._kept.get(uri) or {file.path: digest for file, digest in await self._layers(uri)}
        if path not in digests:
            raise SourceError(f"there is no file {path!r} at {uri}", retry=False)
        async with aclosing(self._server.blob(self._place(uri)[0], digests[path], part)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _layers(self, uri: str) -> list[tuple[StoredFile, str]]:
        repository, digest = self._place(uri)
        _, manifest = await self._server.manifest(repository, digest)
        return layers(manifest, f"the artifact {uri}")

    def _place(self, uri: str) -> tuple[str, str]:
        """Repository and digest."""
        place, _, digest = uri.removeprefix("oci://").partition("@")
        host, _, repository = place.partition("/")
        if host != self._server.host or not repository or ".." in repository or not digest.startswith("sha256:"):
            raise SourceError(
                f"the address {uri!r} must be oci://{self._server.host}/<repository>@sha256:<digest>", retry=False
            )
        return repository, digest
