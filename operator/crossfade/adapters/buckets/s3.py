"""S3, and what speaks as it does (MinIO, Ceph, R2, GCS with HMAC keys), by its REST API with the bucket in the path."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final
from urllib.parse import quote

from crossfade.adapters.buckets.bucket import PAGE, Page, Refusal, StoredObject, paged, strange
from crossfade.adapters.buckets.xml import Element, parsed, text
from crossfade.adapters.said import code, region
from crossfade.adapters.sigv4 import AwsKeys, Scope, signer
from crossfade.adapters.web import Guard, Reply, Web
from crossfade.model.loose import count
from crossfade.ports import WHOLE, Part, SourceError

UNKNOWN: Final = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidToken"),
        *("InvalidSecurity", "InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch"),
        *("TokenRefreshRequired", "UnrecognizedClientException", "MissingAuthenticationTokenException"),
    }
)
"""What Amazon's services call credentials that they do not know, or no longer."""
_REFUSAL: Final = Refusal(UNKNOWN, "`s3:ListBucket` on the bucket and `s3:GetObject` on what is beneath the prefix")
_ELSEWHERE: Final = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")


class S3Bucket:
    """A client of the S3 server at `address`. Without `keys` it asks as nobody: nothing is looked for elsewhere.
    `timeout` is in seconds for a whole request with its answer. Raises SourceError when `ca` cannot be read."""

    def __init__(
        self, address: str, region: str, keys: AwsKeys | None, ca: str, guard: Guard | None, timeout: float
    ) -> None:
        sign = signer(keys, Scope(region, "s3"))
        self._web = Web(address, signer=sign, ca=ca, guard=guard, timeout=timeout)
        self._region = region
        self.shown = f"the S3 server at {self._web.shown}"

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()

    def objects(self, bucket: str, prefix: str) -> AsyncIterator[StoredObject]:
        """See Bucket."""

        async def page(token: str) -> Page:
            more = f"&continuation-token={quote(token, safe='')}" if token else ""
            query = f"list-type=2{more}&max-keys={PAGE}&prefix={quote(prefix, safe='')}"
            found = self._listed(bucket, await self._web.ask(self.shown, f"/{bucket}?{query}", {}))
            entries = found.findall("Contents")
            following = text(found, "NextContinuationToken") if text(found, "IsTruncated") == "true" else ""
            return Page(map(self._object, entries), len(entries), following)

        return paged(self.shown, page)

    def read(self, bucket: str, key: str, part: Part = WHOLE, *, etag: str = "") -> AsyncGenerator[bytes]:
        """See Bucket; with an `etag` only as long as that is the object's."""
        what = f"the object s3://{bucket}/{key} of {self.shown}"
        condition = {"If-Match": etag} if etag else None
        return self._web.stream(what, f"/{bucket}/{quote(key)}", condition, part=part)

    def _listed(self, bucket: str, reply: Reply) -> Element:
        found = parsed(reply.content)
        if reply.status == 200 and found is not None and found.tag == "ListBucketResult":
            return found
        why = code(text(found, "Code")) if found is not None else ""
        where = region(text(found, "Region")) if found is not None else ""
        where = where or region(reply.headers.get("x-amz-bucket-region", ""))
        if why in _ELSEWHERE or reply.status == 301:
            raise SourceError(
                f"{self.shown} says that the bucket {bucket} is not in the region {self._region!r}"
                f"{f' but in {where!r}' if where else ''}; correct `region` in the ModelRegistry"
            )
        if reply.status == 200:
            raise strange(self.shown)
        raise _REFUSAL.told(self.shown, f"bucket {bucket}", reply, why)

    def _object(self, entry: Element) -> StoredObject:
        key, size = text(entry, "Key"), count(text(entry, "Size"))
        if not key or size is None:
            raise strange(self.shown)
        return StoredObject(key, size, text(entry, "ETag"))
