"""Files at addresses that a registry signs for a while: read as nobody, and shown to nobody, for who has one is let
in."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import httpx

from crossfade.adapters.http_address import joined, server_address
from crossfade.adapters.ranged import ranged
from crossfade.adapters.transfer import UnreadError, source_errors, wait_of
from crossfade.adapters.web import NOTHING, Guard, LargeAnswerError, opened, plain_body, trust
from crossfade.ports import WHOLE, FromStartError, Part, SourceError

Sign = Callable[[], Awaitable[str]]
"""Asks for an address, which is good for a while. Raises SourceError."""


class SignedFiles:
    """Reads what the registry at `base` signs, wherever that is: past the guard, without credentials, and not by plain
    http where the registry itself speaks https. `ca` is PEM; `timeout` is in seconds for a whole answer, but for
    streams. Raises SourceError when `base` is no address or `ca` cannot be read."""

    def __init__(self, base: str, ca: str, guard: Guard, timeout: float) -> None:
        self._base = server_address(base)
        self._guard = guard
        self._timeout = timeout
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False, verify=trust(ca))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def whole(self, what: str, address: str) -> bytes:
        """What is there now. Raises SourceError, in which `what` is named, and LargeAnswerError."""
        with source_errors(what):
            async with asyncio.timeout(self._timeout), AsyncExitStack() as stack:
                response = await stack.enter_async_context(self._opened(what, address, NOTHING))
                if response.status_code != 200:
                    raise UnreadError(what, response.status_code, wait_of(response))
                return await plain_body(response, what)

    async def read(self, what: str, sign: Sign, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The bytes of a part of a file, whose address is asked for anew for each connection. Raises SourceError, in
        which `what` is named, and FromStartError."""

        @asynccontextmanager
        async def asked(wanted: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
            async with self._opened(what, await sign(), wanted) as response:
                yield response

        async with aclosing(ranged(asked, what, part)) as chunks:
            async for chunk in chunks:
                yield chunk

    @asynccontextmanager
    async def _opened(self, what: str, address: str, wanted: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """As `opened`; nothing is refused for ever, for the registry may sign another one."""
        url = self._url(what, address)
        try:
            async with opened(self._client, url, what, {}, self._guard, self._guard, wanted) as response:
                yield response
        except (FromStartError, LargeAnswerError, UnreadError):
            raise
        except SourceError as failure:
            raise SourceError(str(failure), wait=failure.wait) from None

    def _url(self, what: str, address: str) -> httpx.URL:
        """The address, which may be relative to the registry's."""
        url = joined(self._base, address, f"{what} is where no address leads; check the registry's address")
        if url.scheme not in ("http", "https") or url.userinfo:
            raise SourceError(f"{what} is not behind http(s); check the registry's address")
        if (self._base.scheme, url.scheme) == ("https", "http"):
            raise SourceError(f"{what} is to be read by plain http, which is not done where the registry has https")
        return url
