"""Azure Blob Storage by its REST API, with a shared key, a shared access signature, or tokens."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import parse_qsl, quote

import httpx

from crossfade.adapters.buckets.bucket import PAGE, Page, Refusal, StoredObject, paged, strange
from crossfade.adapters.buckets.xml import Element, parsed, text
from crossfade.adapters.said import code
from crossfade.adapters.web import Guard, Reply, Signer, Tokens, Web
from crossfade.model.loose import count
from crossfade.ports import WHOLE, Part, SourceError

_VERSION: Final = {"x-ms-version": "2023-11-03"}
_REFUSAL: Final = Refusal(
    frozenset(
        {"AuthenticationFailed", "AuthorizationFailure", "InvalidAuthenticationInfo", "NoAuthenticationInformation"}
    ),
    "the permissions Read and List on the container",
    {"AuthorizationFailure": ", or let the operator through the account's firewall"},
)
_ROLE: Final = Refusal(
    frozenset({"InvalidAuthenticationInfo", "NoAuthenticationInformation"}),
    "the role Storage Blob Data Reader on the container",
    {"AuthorizationFailure": ", or let the operator through the account's firewall"},
)
_BEFORE_RANGE: Final = 10
"""The headers that are signed between the verb and Range, from Content-Encoding on, of which we send none."""


class AzureBucket:
    """A client of the blob service of `account` at `address`; without `secrets` it shows `tokens`, which are another's
    to close, and without these it asks as nobody: no metadata server is asked. `timeout` is in seconds for a whole
    request with its answer. Raises SourceError when the secrets or `ca` cannot be used as they are."""

    def __init__(
        self,
        address: str,
        account: str,
        secrets: Mapping[str, str],
        ca: str,
        guard: Guard | None,
        timeout: float,
        tokens: Tokens | None = None,
    ) -> None:
        key, sas = secrets.get("accountKey", ""), secrets.get("sasToken", "").lstrip("?")
        if secrets and not key and not sas:
            raise SourceError("the Secret must have `accountKey` or `sasToken` for an az address")
        if not sas.isascii():
            raise SourceError("the key `sasToken` of the Secret must be plain ASCII, as Azure gave it out")
        sign = _shared_key(account, _decoded(key)) if key else None
        self._sas = "" if key else sas
        self._tokens = tokens
        self._refusal = _REFUSAL if tokens is None else _ROLE
        self._web = Web(address, headers=_VERSION, signer=sign, ca=ca, guard=guard, timeout=timeout)
        self.shown = f"Azure Blob Storage at {self._web.shown}"

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()

    def objects(self, bucket: str, prefix: str) -> AsyncIterator[StoredObject]:
        """See Bucket."""

        async def page(marker: str) -> Page:
            query = f"comp=list&maxresults={PAGE}&prefix={quote(prefix, safe='')}&restype=container"
            query += f"&marker={quote(marker, safe='')}" if marker else ""
            found = await self._listed(bucket, query)
            entries = found.findall("Blobs/Blob")
            files = (one for one in entries if text(one, "Properties/ResourceType") != "directory")
            return Page(map(self._object, files), len(entries), text(found, "NextMarker"))

        return paged(self.shown, page)

    def read(self, bucket: str, key: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """See Bucket."""
        path = self._path(f"{bucket}/{quote(key)}")
        return self._web.stream(self._what(bucket, key), path, tokens=self._tokens, part=part)

    def begun(self, bucket: str, key: str, wanted: Mapping[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        """One answer of a `read`, of which `wanted` says which part it is."""
        path = self._path(f"{bucket}/{quote(key)}")
        return self._web.begun(self._what(bucket, key), path, wanted, tokens=self._tokens)

    def _what(self, bucket: str, key: str) -> str:
        """A blob, for sentences."""
        return f"the blob az://{bucket}/{key} of {self.shown}"

    def _path(self, place: str, query: str = "") -> str:
        whole = "&".join(part for part in (query, self._sas) if part)
        return f"/{place}?{whole}" if whole else f"/{place}"

    async def _listed(self, container: str, query: str) -> Element:
        known = await self._tokens.headers() if self._tokens is not None else {}
        reply = await self._web.ask(self.shown, self._path(container, query), {}, known)
        if reply.status == 401 and self._tokens is not None:
            self._tokens.forget(known)
        return self._understood(container, reply)

    def _understood(self, container: str, reply: Reply) -> Element:
        found = parsed(reply.content)
        if reply.status == 200 and found is not None and found.tag == "EnumerationResults":
            return found
        if reply.status == 200:
            raise strange(self.shown)
        raise self._refusal.told(
            self.shown, f"container {container}", reply, code(reply.headers.get("x-ms-error-code"))
        )

    def _object(self, entry: Element) -> StoredObject:
        key, size = text(entry, "Name"), count(text(entry, "Properties/Content-Length"))
        if not key or size is None:
            raise strange(self.shown)
        return StoredObject(key, size)


def _shared_key(account: str, key: bytes) -> Signer:
    def sign(method: str, url: httpx.URL, others: Mapping[str, str], content: bytes) -> Mapping[str, str]:
        headers = {**_VERSION, "x-ms-date": format_datetime(datetime.now(UTC), usegmt=True)}
        told = headers | {name: text for name, text in others.items() if name == "Range"}
        signature = b64encode(hmac.new(key, signed_text(account, method, url, told).encode(), hashlib.sha256).digest())
        return {**headers, "Authorization": f"SharedKey {account}:{signature.decode()}"}

    return sign


def signed_text(account: str, method: str, url: httpx.URL, headers: Mapping[str, str]) -> str:
    """What a shared key signs of a request without a body that has these x-ms `headers` and, it may be, Range."""
    path, _, query = url.raw_path.decode("ascii").partition("?")
    lines = [f"{name}:{headers[name]}" for name in sorted(headers) if name != "Range"]
    parameters = [f"{name.lower()}:{value}" for name, value in sorted(parse_qsl(query, keep_blank_values=True))]
    before = [method, *[""] * _BEFORE_RANGE, headers.get("Range", "")]
    return "\n".join([*before, *lines, f"/{account}{path}", *parameters])


def _decoded(key: str) -> bytes:
    try:
        return b64decode(key, validate=True)
    except (NotBase64, ValueError):
        raise SourceError("the key `accountKey` of the Secret must be base64, as Azure gave it out") from None
