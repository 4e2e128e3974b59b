"""Google Cloud Storage by its JSON API."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from crossfade.adapters.buckets.bucket import PAGE, Page, Refusal, StoredObject, paged, strange
from crossfade.adapters.google_tokens import GoogleTokens
from crossfade.adapters.json_object import json_object
from crossfade.adapters.web import Guard, Web
from crossfade.model.loose import count, objects, text
from crossfade.ports import WHOLE, Part

_SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_only"
_REFUSAL: Final = Refusal(
    frozenset(), "`storage.objects.list` and `storage.objects.get`, as the role Storage Object Viewer has them"
)


class GcsBucket:
    """A client of the server at `address`, which is shown a token for the service account `key`; without one it asks as
    nobody: no metadata server is asked. `timeout` is in seconds for a whole request with its answer. Raises SourceError
    when `key` or `ca` cannot be used as they are."""

    def __init__(self, address: str, key: str, ca: str, guard: Guard | None, timeout: float) -> None:
        self._web = Web(address, ca=ca, guard=guard, timeout=timeout)
        self._tokens = GoogleTokens(key, _SCOPE, ca, guard, timeout) if key else None
        self.shown = f"Google Cloud Storage at {self._web.shown}"

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()
        if self._tokens is not None:
            await self._tokens.close()

    def objects(self, bucket: str, prefix: str) -> AsyncIterator[StoredObject]:
        """See Bucket."""

        async def page(token: str) -> Page:
            found = await self._listed(bucket, {"prefix": prefix} | ({"pageToken": token} if token else {}))
            entries = objects(found.get("items"))
            return Page(map(self._object, entries), len(entries), text(found.get("nextPageToken")) or "")

        return paged(self.shown, page)

    def read(self, bucket: str, key: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """See Bucket."""
        what = f"the object gs://{bucket}/{key} of {self.shown}"
        path = f"/storage/v1/b/{bucket}/o/{quote(key, safe='')}?alt=media"
        return self._web.stream(what, path, tokens=self._tokens, part=part)

    async def _listed(self, bucket: str, asked: Mapping[str, str]) -> dict[str, Any]:
        wanted = {"fields": "items(name,size,contentEncoding),nextPageToken", "maxResults": str(PAGE)}
        known = await self._tokens.headers() if self._tokens is not None else {}
        reply = await self._web.ask(self.shown, f"/storage/v1/b/{bucket}/o", {**wanted, **asked}, known)
        if reply.status == 401 and self._tokens is not None:
            self._tokens.forget(known)
        if reply.status != 200:
            raise _REFUSAL.told(self.shown, f"bucket {bucket}", reply, "")
        page = json_object(reply.content)
        if page is None or not isinstance(page.get("items", []), list):
            raise strange(self.shown)
        return page

    def _object(self, entry: Mapping[str, Any]) -> StoredObject:
        key, size = text(entry.get("name")), count(entry.get("size"))
        if key is None or size is None:
            raise strange(self.shown)
        return StoredObject(key, size, unpacked=entry.get("contentEncoding") == "gzip")
