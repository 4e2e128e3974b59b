"""A single file behind http or https. Its ModelVersion must pin the digest: the bytes behind an address can change."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Final
from urllib.parse import unquote

import httpx

from crossfade.adapters.artifacts.guard import allowed_address
from crossfade.adapters.web import CHUNK_BYTES, source_errors
from crossfade.ports import SourceError, StoredFile

_MAX_REDIRECTS: Final = 3
_PORTS: Final = {"http": 80, "https": 443}


class HttpArtifacts:
    """The Artifacts port for addresses that users write. `timeout` is in seconds for each wait on the network."""

    def __init__(self, *, allow_loopback: bool = False, timeout: float = 30.0) -> None:
        self._allow_loopback = allow_loopback
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """The one file that the address names. Raises SourceError."""
        name = _name(uri)
        with source_errors(f"the file {uri!r}"):
            async with AsyncExitStack() as stack:
                response = await self._open(stack, uri)
                size = response.headers.get("Content-Length", "")
        if not size.isdecimal():
            raise SourceError(
                f"the server of {uri!r} does not say how long the file is; serve it with a Content-Length", retry=False
            )
        return [StoredFile(name, int(size))]

    async def read(self, uri: str, path: str) -> AsyncIterator[bytes]:
        """The file's bytes in chunks; `path` is its name, as `files` gave it. Raises SourceError."""
        if path != _name(uri):
            raise SourceError(f"there is no file {path!r} at {uri!r}", retry=False)
        with source_errors(f"the file {uri!r}"):
            async with AsyncExitStack() as stack:
                response = await self._open(stack, uri)
                async for chunk in response.aiter_raw(CHUNK_BYTES):
                    yield chunk

    async def _open(self, stack: AsyncExitStack, uri: str) -> httpx.Response:
        """GET, following redirects within the same host; each hop passes the guard anew."""
        url = _url(uri)
        for _ in range(_MAX_REDIRECTS + 1):
            response = await stack.enter_async_context(self._stream(await self._pinned(url)))
            if response.next_request is None:
                _require_ok(response, uri)
                return response
            url = _next_hop(url, response.headers["Location"], uri)
        raise SourceError(f"the file {uri!r} is redirected more than {_MAX_REDIRECTS} times; give its final address")

    def _stream(self, request: httpx.Request) -> "_Streamed":
        return _Streamed(self._client, request)

    async def _pinned(self, url: httpx.URL) -> httpx.Request:
        """A request to the very IP address that the guard has seen, with the name for TLS and the Host header."""
        port = url.port or _PORTS[url.scheme]
        address = await allowed_address(url.host, port, allow_loopback=self._allow_loopback)
        headers = {"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"}
        return self._client.build_request(
            "GET",
            url.copy_with(host=address),
            headers=headers,
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )


class _Streamed:
    """A response whose body is not read yet, closed on leaving."""

    def __init__(self, client: httpx.AsyncClient, request: httpx.Request) -> None:
        self._client = client
        self._request = request
        self._response: httpx.Response | None = None

    async def __aenter__(self) -> httpx.Response:
        self._response = await self._client.send(self._request, stream=True)
        return self._response

    async def __aexit__(self, *_: object) -> None:
        if self._response is not None:
            await self._response.aclose()


def _url(uri: str) -> httpx.URL:
    """The address parsed; with user or password it is refused unshown, as it would be kept where others can read it."""
    try:
        url = httpx.URL(uri)
    except httpx.InvalidURL:
        raise SourceError("the model's http address cannot be parsed; correct it", retry=False) from None
    if url.userinfo or url.scheme not in _PORTS or not url.host:
        raise SourceError(
            f"the address of a model at the host {url.host!r} must be http(s)://<host>/<file>, without a user",
            retry=False,
        )
    return url


def _next_hop(url: httpx.URL, location: str, uri: str) -> httpx.URL:
    target = url.join(location)
    if target.host != url.host or target.scheme not in _PORTS or (url.scheme, target.scheme) == ("https", "http"):
        raise SourceError(
            f"the file {uri!r} is redirected to another host or to plain http, which is not followed; "
            "give its final address",
            retry=False,
        )
    return target


def _require_ok(response: httpx.Response, uri: str) -> None:
    if response.status_code != 200:
        raise SourceError(f"the file {uri!r} cannot be read: its server answered with {response.status_code}")


def _name(uri: str) -> str:
    """The file's name: the last part of the address."""
    name = unquote(_url(uri).raw_path.decode("ascii").partition("?")[0].rpartition("/")[2])
    if not name or "/" in name:
        raise SourceError(f"the address {uri!r} names no file; end it with a file's name", retry=False)
    return name
