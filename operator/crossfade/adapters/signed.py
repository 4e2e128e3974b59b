"""Files at addresses that a registry signs for a while: read as nobody, and shown to nobody, for who has one is let
in."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from typing import Final

import httpx

from crossfade.adapters.http_address import joined, server_address
from crossfade.adapters.ranged import ranged
from crossfade.adapters.transfer import UnreadError, source_errors, wait_of
from crossfade.adapters.web import NOTHING, Guard, LargeAnswerError, opened, plain_body, trust
from crossfade.ports import WHOLE, FromStartError, Part, SourceError

Sign = Callable[[], Awaitable[str]]
"""Asks for an address, which is good for a while. Raises SourceError."""

_OVER: Final = (400, 401, 403, 404)
"""What stores say of an address that is good no longer."""
_MOST_KEPT: Final = 64
"""Addresses; a loader reads far fewer files at once."""


class SignedFiles:
    """Reads what the registry at `base` signs, wherever that is: past the guard, without credentials, and not by plain
    http where the registry itself speaks https. `ca` is PEM; `timeout` is in seconds for a whole answer, but for
    streams; `slots` are the registry's, for it may have the files itself. Raises SourceError when `base` is no address
    or `ca` cannot be read."""

    def __init__(self, base: str, ca: str, guard: Guard, timeout: float, slots: asyncio.Semaphore) -> None:
        self._base = server_address(base)
        self._guard = guard
        self._timeout = timeout
        self._slots = slots
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False, verify=trust(ca))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def whole(self, what: str, address: str) -> bytes:
        """What is there now. Raises SourceError, in which `what` is named, and LargeAnswerError."""
        with source_errors(what):
            async with self._slots, asyncio.timeout(self._timeout), AsyncExitStack() as stack:
                response = await stack.enter_async_context(self._opened(what, address, NOTHING))
                if response.status_code != 200:
                    raise UnreadError(what, response.status_code, wait_of(response))
                return await plain_body(response, what)

    async def read(self, what: str, file: Hashable, sign: Sign, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The bytes of a part of a file, whose address is asked for once for all its parts, and anew when it is over or
        its connection broke; `file` tells it from all others. Raises SourceError, in which `what` is named, and
        FromStartError."""
        place = self._place(file)

        @asynccontextmanager
        async def asked(wanted: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
            for last in (False, True):
                with place.forgotten(await place.address(sign)) as address:
                    async with self._slots, self._opened(what, address, wanted) as response:
                        if last or response.status_code not in _OVER:
                            yield response
                            return
                place.forget(address)

        async with aclosing(ranged(asked, what, part)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _place(self, file: Hashable) -> "_Place":
        place = self._places.setdefault(file, _Place())
        self._places.move_to_end(file)
        if len(self._places) > _MOST_KEPT:
            self._places.popitem(last=False)
        return place

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


class _Place:
    """Where a file is, as far as that is known."""

    def __init__(self) -> None:
        self._address: str | None = None
        self._asking = asyncio.Lock()

    async def address(self, sign: Sign) -> str:
        """The one that is kept, or a new one, which parts that want it together ask for once. Raises SourceError."""
        async with self._asking:
            if self._address is None:
                self._address = await sign()
            return self._address

    def forget(self, address: str) -> None:
        """This one leads nowhere any longer."""
        if self._address == address:
            self._address = None

    @contextmanager
    def forgotten(self, address: str) -> Iterator[str]:
        """The address, which is forgotten where something fails."""
        try:
            yield address
        except Exception:
            self.forget(address)
            raise
