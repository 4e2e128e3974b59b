"""What HTTP adapters share: guarded and pinned connections, bodies that cannot grow, deadlines, and failures with a
sentence that repeats nothing secret."""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final, Protocol

import httpx

from crossfade.adapters.address import query_of, shown
from crossfade.adapters.artifacts.guard import allowed_address
from crossfade.adapters.http_address import http_address, joined, server_address
from crossfade.adapters.ranged import ranged
from crossfade.adapters.transfer import UnreadError, paced, source_errors, wait_asked
from crossfade.model.networks import Networks
from crossfade.ports import WHOLE, FromStartError, Part, SourceError

_JSON_BYTES: Final = 4 << 20
_NEXT: Final = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')
AT_ONCE: Final = 20
"""Requests to one registry side by side, each until its answer was read to the end or left."""
_MAX_REDIRECTS: Final = 3
_SAME_METHOD: Final = (307, 308)
_PORTS: Final = {"http": 80, "https": 443}
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

Signer = Callable[[str, httpx.URL, Mapping[str, str], bytes], Mapping[str, str]]
"""The headers that vouch for one request: its method, its address with the name that was written, its other headers,
and its body."""


class Tokens(Protocol):
    """What lets requests in for a while."""

    async def headers(self) -> Mapping[str, str]:
        """What to send now. Raises SourceError."""
        ...

    def forget(self, refused: Mapping[str, str]) -> None:
        """The server does not know these headers any longer."""
        ...


class LargeAnswerError(SourceError):
    """A server's answer is larger than any that is read."""


class TooLargeError(ValueError):
    """A body was larger than its limit."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What holds for addresses that tenants write. `allowed` are the networks that the operator's configuration lists;
    with `configured` the server's own address is configuration too, and only where it leads us is not."""

    allowed: Networks = ()
    configured: bool = False

    @property
    def beyond(self) -> "Guard":
        """What holds for where the server leads us."""
        return Guard(self.allowed)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def wait(self) -> float:
        """Seconds that Retry-After asks for, 0 when it asks for nothing; 5 minutes at most."""
        return wait_asked(self.headers.get("retry-after", ""))


class Web:
    """One server at `address`, which may have a path. `headers`, and what `signer` makes of each request, go with every
    request and are never shown.

    With a `guard` every connection goes to the very IP address that the guard has seen. `ca` is PEM; `timeout` is in
    seconds for a whole request with its answer, but for streams. `slots` are those of the registry that this is a part
    of; without, it has its own. Raises SourceError when `address` is none, or `ca` cannot be read.
    """

    def __init__(
        self,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        signer: Signer | None = None,
        ca: str = "",
        guard: Guard | None = None,
        timeout: float = 30.0,
        slots: asyncio.Semaphore | None = None,
    ) -> None:
        server_address(address)
        self.shown = shown(address)
        self._base = address.rstrip("/")
        self._guard = None if guard is not None and guard.configured else guard
        self._timeout = timeout
        self._headers = dict(headers or {})
        self._signer = signer
        self.slots = slots or asyncio.Semaphore(AT_ONCE)
        """One for each request under way. Whoever has one waits for nobody who wants one."""
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False, verify=trust(ca))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def ask(
        self, what: str, path: str, parameters: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Reply:
        """GET, with these headers besides. `path` may have a query of its own where there are no parameters. Any status
        is an answer, but what asks for time. Raises SourceError, in which `what` is named."""
        return await self._answer(what, self._url(what, path, parameters), headers or {}, None)

    async def tell(
        self, what: str, path: str, content: bytes, headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> Reply:
        """POST this content, or send it by another method, with these headers besides. Any status is an answer. Raises
        SourceError, in which `what` is named."""
        return await self._answer(what, self._url(what, path), headers or {}, content, method)

    async def stream(
        self,
        what: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        tokens: Tokens | None = None,
        elsewhere: Guard | None = None,
        part: Part = WHOLE,
    ) -> AsyncGenerator[bytes]:
        """The bytes of a part of the file behind a path, asked for with these headers besides, and gone on with where a
        connection broke; the `tokens` are asked each time what to send, and once more where that has ended. With
        `elsewhere` a redirect may lead to another server, at an address that this guard lets pass, and which gets none
        of the headers. Raises SourceError, in which `what` is named, and FromStartError."""

        def asked(wanted: Mapping[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
            return self.begun(what, path, wanted, headers or {}, tokens, elsewhere)

        async with aclosing(ranged(asked, what, part)) as chunks:
            async for chunk in chunks:
                yield chunk

    @asynccontextmanager
    async def begun(
        self,
        what: str,
        path: str,
        wanted: Mapping[str, str],
        headers: Mapping[str, str] = NOTHING,
        tokens: Tokens | None = None,
        elsewhere: Guard | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """One answer of a `stream`, of which `wanted` says which part it is."""
        url = self._url(what, path)
        known = await tokens.headers() if tokens is not None else NOTHING
        for last in (False, True):
            async with self.slots, self._opened(url, what, {**headers, **known}, elsewhere, wanted) as response:
                if last or tokens is None or response.status_code != 401:
                    yield response
                    return
            tokens.forget(known)
            known = await tokens.headers()

    def _url(self, what: str, path: str, parameters: Mapping[str, str] = NOTHING) -> httpx.URL:
        wrong = f"{what} is at what is no address; names in it are too long, or have letters that none has"
        return http_address(f"{self._base}{path}", wrong, parameters)

    async def _answer(
        self, what: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None, method: str = "POST"
    ) -> Reply:
        with source_errors(what):
            async with self.slots, asyncio.timeout(self._timeout), AsyncExitStack() as stack:
                response = await stack.enter_async_context(
                    self._opened(url, what, headers, content=content, method=method)
                )
                return Reply(response.status_code, dict(response.headers), await plain_body(response, what))

    @asynccontextmanager
    async def post(
        self, what: str, path: str, content: bytes, headers: Mapping[str, str], within: float | None = None
    ) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        """POST with these headers besides: the answer without its content, and the content as a stream. Any status is
        an answer. `within` is in seconds for the whole of it, from when it has its slot on. Raises SourceError, in
        which `what` is named, also for failures while the stream is read."""
        url = self._url(what, path)
        with source_errors(what):
            async with (
                self.slots,
                asyncio.timeout(within),
                self._opened(url, what, headers, content=content) as response,
            ):
                yield Reply(response.status_code, dict(response.headers), b""), paced(response)

    @asynccontextmanager
    async def _opened(
        self,
        url: httpx.URL,
        what: str,
        more: Mapping[str, str],
        elsewhere: Guard | None = None,
        wanted: Mapping[str, str] = NOTHING,
        content: bytes | None = None,
        method: str = "POST",
    ) -> AsyncIterator[httpx.Response]:
        """As `opened`; nothing is refused for ever, for the server's address can be edited."""
        headers = self._headers | dict(more)
        if self._signer is not None:
            headers |= self._signer(
                method if content is not None else "GET", url, {**headers, **wanted}, content or b""
            )
        try:
            answering = opened(self._client, url, what, headers, self._guard, elsewhere, wanted, content, method)
            async with answering as response:
                yield response
        except (FromStartError, LargeAnswerError, UnreadError):
            raise
        except SourceError as failure:
            raise SourceError(str(failure), wait=failure.wait) from None


@asynccontextmanager
async def opened(
    client: httpx.AsyncClient,
    url: httpx.URL,
    what: str,
    headers: Mapping[str, str],
    guard: Guard | None,
    elsewhere: Guard | None = None,
    wanted: Mapping[str, str] = NOTHING,
    content: bytes | None = None,
    method: str = "POST",
) -> AsyncIterator[httpx.Response]:
    """GET, following redirects within the same host, and with `elsewhere` to others, which this guard must let pass and
    which get no `headers`, but what is `wanted`; each hop passes its guard anew. With `content` it is a POST, or
    another `method`, which is followed only as what it is. Raises SourceError."""
    for _ in range(_MAX_REDIRECTS + 1):
        request = await _request(client, url, {**headers, **wanted}, guard, content, method)
        response = await client.send(request, stream=True)
        try:
            if response.next_request is None:
                yield response
                return
            target = _target(url, response.headers["Location"], what)
            if content is not None and response.status_code not in _SAME_METHOD:
                raise _not_followed(what)
            if not _same_server(url, target):
                if elsewhere is None:
                    raise _not_followed(what)
                headers, guard = {}, elsewhere
            url = target
        finally:
            await response.aclose()
    raise SourceError(f"{what} is redirected more than {_MAX_REDIRECTS} times; give its final address")


async def _request(
    client: httpx.AsyncClient,
    url: httpx.URL,
    headers: Mapping[str, str],
    guard: Guard | None,
    content: bytes | None,
    method: str,
) -> httpx.Request:
    """A request; with a guard to the very IP address that it has seen, with the name for TLS and the Host header."""
    plain = {**headers, "Accept-Encoding": "identity"}
    method = method if content is not None else "GET"
    if guard is None:
        return client.build_request(method, url, headers=plain, content=content)
    address = await allowed_address(url.host, url.port or _PORTS[url.scheme], guard.allowed)
    return client.build_request(
        method,
        url.copy_with(host=address),
        content=content,
        headers={**plain, "Host": url.netloc.decode("ascii")},
        extensions={"sni_hostname": url.raw_host.decode("ascii")},
    )


def _target(url: httpx.URL, location: str, what: str) -> httpx.URL:
    """Where a redirect leads: never from https to plain http."""
    target = joined(url, location, f"{what} is redirected to what is no address")
    if target.scheme not in _PORTS or (url.scheme, target.scheme) == ("https", "http"):
        raise _not_followed(what)
    if url.userinfo and _same_server(url, target):
        return target.copy_with(username=url.username, password=url.password)
    return target.copy_with(username=None, password=None)


def _same_server(url: httpx.URL, target: httpx.URL) -> bool:
    """Whether a redirect may be followed with the credentials that we carry."""
    upgraded = (url.scheme, target.scheme) == ("http", "https")
    same_port = (target.port or _PORTS[target.scheme]) == (url.port or _PORTS[url.scheme])
    return target.host == url.host and (upgraded or same_port)


def _not_followed(what: str) -> SourceError:
    return SourceError(
        f"{what} is redirected to another host or port or to plain http, which is not followed; give its final address",
        retry=False,
    )


async def body(response: httpx.Response, limit: int) -> bytes:
    """The body of a streamed response. Raises TooLargeError beyond `limit` bytes, whatever the headers promise."""
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > limit:
            raise TooLargeError(f"the answer is larger than {limit} bytes")
    return bytes(content)


async def plain_body(response: httpx.Response, what: str) -> bytes:
    """The body as it was sent: what is compressed, although we asked for what is not, can grow without bounds. Raises
    SourceError, in which `what` is named."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceError(f"{what} compresses its answers although it was asked not to; serve them plain")
    try:
        return await body(response, _JSON_BYTES)
    except TooLargeError as failure:
        raise LargeAnswerError(f"{what} cannot be read: {failure}") from None


def trust(ca: str) -> ssl.SSLContext:
    """What httpx is to verify with: the authorities in PEM, or those that everybody trusts. Raises SourceError."""
    if not ca:
        return _everybodys()
    try:
        return ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError):
        raise SourceError("the certificate authority is no PEM certificate; put one there") from None


@cache
def _everybodys() -> ssl.SSLContext:
    """Loaded once: it takes 23 ms and a MiB, and a registry has several clients."""
    return httpx.create_ssl_context(trust_env=False)


def next_page(link: str) -> Mapping[str, str] | None:
    """Of the address that a header `Link` names as the next page what follows its `?`, None when it names none:
    whatever host that is, this server is asked."""
    found = _NEXT.search(link)
    return query_of(found[1]) if found else None
