"""OCI registries: a tag or a digest to the manifest's digest, over the distribution API alone."""

from typing import TYPE_CHECKING, Any

from crossfade.adapters.oci_layout import KITFILE, MODELPACK_CONFIG, image_id, is_index, layers, the_one
from crossfade.adapters.oci_server import OciServer
from crossfade.adapters.registries.oci_facts import facts
from crossfade.adapters.registries.oci_writing import OciWriting
from crossfade.api.v1alpha1.spelling import is_version
from crossfade.ports import MOST_LISTED, Listed, Reference, SourceError

if TYPE_CHECKING:
    from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
    from crossfade.api.v1alpha1.modelversion import Source
    from crossfade.model.writing import Deed


class OciRegistry:
    """The Registry port for one OCI registry."""

    def __init__(self, server: OciServer) -> None:
        self._server = server
        self._writing = OciWriting(server)

    async def record(self, deed: "Deed") -> None:
        """See ports.WriteBack."""
        await self._writing.record(deed)

    async def check(self) -> None:
        """See ports.Asked."""
        await self._server.reached()

    async def resolve(self, source: "Source") -> Reference:
        """Follow the tag once. Raises SourceError; what is missing may still appear, so that is retried."""
        if source.oci is None:
            raise SourceError("the source is in no OCI registry; name one in `source.oci`", retry=False)
        repository, wanted = _parsed(source.oci.reference)
        what = f"{source.oci.reference} at the OCI registry {self._server.shown}"
        digest, manifest = await self._server.manifest(repository, wanted)
        if is_index(manifest):
            digest, manifest = await self._server.manifest(repository, the_one(manifest, what))
        layers(manifest, what)
        uri = f"oci://{self._server.host}/{repository}@{digest}"
        known = facts(manifest, await self._config(repository, manifest))
        exact = source.oci.model_copy(update={"reference": f"{repository}@{digest}"})
        pinned = source.model_copy(update={"oci": exact})
        return Reference(uri, uri, digest.removeprefix("sha256:"), known, pinned, image_id(manifest))

    async def versions(self, spec: "ModelSourceSpec") -> Listed:
        """All tags that are semantic versions. Raises SourceError."""
        from crossfade.api.v1alpha1.modelversion import OciSource, Source

        repository = spec.oci.repository if spec.oci else ""
        tags = [tag for tag in await self._server.tags(repository, MOST_LISTED) if is_version(tag)]

        def source(tag: str) -> Source:
            return Source(oci=OciSource(reference=f"{repository}:{tag}"), registry_ref=spec.registry_ref)

        return Listed(tags, source)

    async def _config(self, repository: str, manifest: dict[str, Any]) -> dict[str, Any]:
        """What the artifact says of its model; empty where it says nothing of the kind."""
        config = manifest.get("config")
        if not isinstance(config, dict) or config.get("mediaType") not in (KITFILE, MODELPACK_CONFIG):
            return {}
        return await self._server.config(repository, str(config.get("digest")))


def _parsed(reference: str) -> tuple[str, str]:
    """Repository, and tag or digest."""
    repository, at, digest = reference.partition("@")
    if at:
        return repository, digest
    repository, _, tag = reference.rpartition(":")
    return repository, tag
