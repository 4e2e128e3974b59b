"""Files of Azure ML's models: blobs of the datastore that a workspace names, or those for which a registry signs."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final

import httpx

from crossfade.adapters.artifacts.bucket_artifacts import BucketArtifacts
from crossfade.adapters.artifacts.recent import Recent
from crossfade.adapters.azureml_places import Blobs, at_address, in_datastore, kept_in, model_of
from crossfade.adapters.azureml_server import AzureMlServer
from crossfade.adapters.buckets.bucket import StoredObject
from crossfade.adapters.ranged import ranged
from crossfade.model.loose import member, text
from crossfade.ports import WHOLE, Part, SourceError, StoredFile

_REFUSED: Final = (401, 403)


class AzureMlArtifacts:
    """The Artifacts port over one workspace or registry."""

    def __init__(self, server: AzureMlServer) -> None:
        self._server = server
        self._folders: Recent[tuple[Blobs, BucketArtifacts]] = Recent()

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All blobs of the model. Raises SourceError."""
        blobs = await self._blobs(uri)
        folder = BucketArtifacts(_Store(self._server, blobs, partial(self._blobs, uri)), blobs.place)
        self._folders[uri] = blobs, folder
        return await folder.files(str(blobs.place))

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The bytes of a part of a file in chunks. Raises SourceError, and FromStartError as Artifacts has it."""
        if uri not in self._folders:
            await self.files(uri)
        blobs, folder = self._folders[uri]
        async with aclosing(folder.read(str(blobs.place), path, part)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _blobs(self, uri: str) -> Blobs:
        """Where the model's version is. Signatures end, so that each listing asks for one of its own, and whoever is
        refused with it for another."""
        name, version = model_of(uri, self._server.kind, self._server.name)
        what = f"the model {name} {version} of {self._server.shown}"
        told = member(await self._server.version(name, version), "properties")
        where = text(told.get("modelUri")) or ""
        if self._server.kind == "registries":
            bare = at_address(where, what)
            signed = at_address(await self._server.signed(name, version, where), what)
            if (signed.host, signed.place.bucket) != (bare.host, bare.place.bucket):
                raise SourceError(f"{what} has a signature for another container than it is in; register it anew")
            return replace(bare, signature=signed.signature, public=not signed.signature)
        kept = kept_in(where)
        if kept is None:
            return replace(at_address(where, what), signature="")
        own = (self._server.subscription, self._server.group, self._server.name)
        if kept.workspace not in ((), tuple(part.lower() for part in own)):
            raise SourceError(f"{what} is in a datastore of another workspace; register it from one of this workspace")
        return in_datastore(await self._server.datastore(kept.datastore), kept.path, what)


class _Store:
    """The Bucket of some blobs, whose connections the server keeps; `find` says anew where and how they are read."""

    def __init__(self, server: AzureMlServer, blobs: Blobs, find: Callable[[], Awaitable[Blobs]]) -> None:
        self._server = server
        self._blobs = blobs
        self._find = find
        self._finding = asyncio.Lock()
        self.shown = f"Azure Blob Storage at {blobs.host}"

    async def close(self) -> None:
        """Nothing of its own is open."""

    async def objects(self, bucket: str, prefix: str) -> AsyncGenerator[StoredObject]:
        """See Bucket."""
        async with self._server.store(self._blobs) as store:
            async for one in store.objects(bucket, prefix):
                yield one

    def read(self, bucket: str, key: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """See Bucket."""
        return ranged(partial(self._begun, bucket, key), f"the blob az://{bucket}/{key} of {self.shown}", part)

    @asynccontextmanager
    async def _begun(self, bucket: str, key: str, wanted: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """One answer; where the signature has ended, what is answered to the next one."""
        blobs = self._blobs
        async with AsyncExitStack() as stack:
            response = await stack.enter_async_context(self._once(blobs, bucket, key, wanted))
            if blobs.signature and response.status_code in _REFUSED:
                await stack.aclose()
                again = self._once(await self._renewed(blobs), bucket, key, wanted)
                response = await stack.enter_async_context(again)
            yield response

    @asynccontextmanager
    async def _once(
        self, blobs: Blobs, bucket: str, key: str, wanted: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        async with self._server.store(blobs) as store, store.begun(bucket, key, wanted) as response:
            yield response

    async def _renewed(self, refused: Blobs) -> Blobs:
        """With another signature than the one that was refused, which others may have asked for meanwhile."""
        async with self._finding:
            if self._blobs == refused:
                self._blobs = await self._find()
            return self._blobs
