"""OCI registries told of rollouts: tags on the manifests that there are, each read first and moved only where it means
another. The bytes of a manifest stay as they are, and so does its digest."""

import asyncio
from typing import Final

from crossfade.adapters.oci_server import OciServer, digest_of
from crossfade.adapters.oci_tokens import PULL_AND_DELETE, PULL_AND_PUSH
from crossfade.adapters.web import Reply
from crossfade.model.writing import Deed, Point, Release
from crossfade.ports import RefusedError, SourceError

_KEEPS_TAGS: Final = (400, 405)
"""How registries answer that let nobody take a tag away (distribution specification, deleting tags)."""

_PAUSES: Final = (1.0, 5.0)
"""Seconds between the tries to put a manifest back."""


class OciWriting:
    """What writes to one OCI registry."""

    def __init__(self, server: OciServer) -> None:
        self._server = server
        self._what = f"the OCI registry at {server.shown}"

    async def record(self, deed: Deed) -> None:
        """See ports.WriteBack."""
        match deed:
            case Point():
                await self._point(deed)
            case Release():
                await self._release(deed)
            case _:
                raise RefusedError(
                    "OCI registries have nothing beside a manifest that could be written without making another one; "
                    "use `writeBack.champion` and `writeBack.challenger` alone"
                )

    async def _point(self, deed: Point) -> None:
        if await self._meaning(deed) == deed.version:
            return
        manifest = await self._server.found(deed.model, f"sha256:{deed.version}")
        if manifest is None:
            raise RefusedError(
                f"{self._what} has no sha256:{deed.version} of {deed.model} that {deed.alias} could mean"
            )
        await self._put(deed, deed.alias, manifest)

    async def _release(self, deed: Release) -> None:
        """Some registries let a manifest go with its last tag, which pods may be about to pull: it is put back."""
        if await self._meaning(deed) != deed.version:
            return
        digest = f"sha256:{deed.version}"
        manifest = await self._server.found(deed.model, digest)
        reply = await self._server.tell("DELETE", deed.model, deed.alias, PULL_AND_DELETE)
        if reply.status in _KEEPS_TAGS:
            raise RefusedError(
                f"{self._what} takes no tags away ({reply.status}); have its administrator allow that, or leave "
                "`writeBack.challenger` out and take the tag away by hand"
            )
        if reply.status != 404:
            self._require_taken(deed, reply)
        if manifest is not None:
            await self._keep(deed, digest, manifest)

    async def _keep(self, deed: Release, digest: str, manifest: Reply) -> None:
        """In a bad moment it is tried again here: the next try would find neither the tag nor the manifest."""
        for pause in (*_PAUSES, None):
            try:
                if await self._server.found(deed.model, digest) is None:
                    await self._put(deed, digest, manifest)
            except SourceError:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    async def _put(self, deed: Point | Release, reference: str, manifest: Reply) -> None:
        kind = {"Content-Type": manifest.headers.get("content-type", "")}
        told = await self._server.tell("PUT", deed.model, reference, PULL_AND_PUSH, manifest.content, kind)
        self._require_taken(deed, told)

    async def _meaning(self, deed: Point | Release) -> str | None:
        """The digest of what the tag means, without `sha256:`; None where it means nothing."""
        found = await self._server.found(deed.model, deed.alias)
        return digest_of(found.content).removeprefix("sha256:") if found is not None else None

    def _require_taken(self, deed: Point | Release, reply: Reply) -> None:
        if reply.status < 300:
            return
        sentence = f"{self._what} refused the {deed} with {reply.status}"
        if reply.status == 429 or reply.status >= 500:
            raise SourceError(sentence, wait=reply.wait)
        raise RefusedError(f"{sentence}; check that sha256:{deed.version} is still in {deed.model}")
