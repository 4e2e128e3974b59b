"""A single file behind http or https. Its ModelVersion must pin the digest: the bytes behind an address can change."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial
from urllib.parse import unquote

import httpx

from crossfade.adapters.http_address import http_address
from crossfade.adapters.ranged import ranged
from crossfade.adapters.transfer import UnreadError, source_errors, wait_of
from crossfade.adapters.web import AT_ONCE, NOTHING, Guard, opened
from crossfade.model.loose import count
from crossfade.model.networks import Networks
from crossfade.ports import WHOLE, Part, SourceError, StoredFile


class HttpArtifacts:
    """The Artifacts port for addresses that users write, which are public or in the `allowed` networks. `timeout` is in
    seconds for each wait on the network, and for the whole of an answer that has no content."""

    def __init__(self, allowed: Networks = (), timeout: float = 30.0) -> None:
        self._guard = Guard(allowed)
        self._timeout = timeout
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """The one file that the address names. Raises SourceError."""
        name = _name(uri)
        with source_errors(f"the file {uri!r}"):
            async with AsyncExitStack() as stack:
                response = await stack.enter_async_context(self._opened(uri, NOTHING, self._timeout))
                if response.status_code != 200:
                    raise UnreadError(f"the file {uri!r}", response.status_code, wait_of(response))
                size = count(response.headers.get("Content-Length"))
        if size is None:
            raise SourceError(
                f"the server of {uri!r} does not say how long the file is; serve it with a Content-Length", retry=False
            )
        return [StoredFile(name, size, parts=True)]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The part's bytes in chunks; `path` is the file's name, as `files` gave it. Raises SourceError."""
        if path != _name(uri):
            raise SourceError(f"there is no file {path!r} at {uri!r}", retry=False)
        async with aclosing(ranged(partial(self._opened, uri), f"the file {uri!r}", part)) as chunks:
            async for chunk in chunks:
                yield chunk

    @asynccontextmanager
    async def _opened(
        self, uri: str, wanted: Mapping[str, str], within: float | None = None
    ) -> AsyncIterator[httpx.Response]:
        answering = opened(self._client, _url(uri), f"the file {uri!r}", {}, self._guard, wanted=wanted)
        async with self._slots, asyncio.timeout(within), answering as response:
            yield response


def _url(uri: str) -> httpx.URL:
    """The address parsed; with user or password it is refused unshown, as it would be kept where others can read it."""
    url = http_address(uri, "the model's http address cannot be parsed; correct it", retry=False)
    if url.userinfo:
        raise SourceError(
            f"the address of a model at the host {url.host!r} must be http(s)://<host>/<file>, without a user",
            retry=False,
        )
    return url


def _name(uri: str) -> str:
    """The file's name: the last part of the address."""
    name = unquote(_url(uri).raw_path.decode("ascii").partition("?")[0].rpartition("/")[2])
    if not name or "/" in name:
        raise SourceError(f"the address {uri!r} names no file; end it with a file's name", retry=False)
    return name
