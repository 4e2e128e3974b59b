"""How bytes come over HTTP: in pieces that bound memory and time, with failures that repeat nothing secret."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from httpcore import _synchronization
from httpcore._async.http11 import AsyncHTTP11Connection

from crossfade.ports import SourceError

CHUNK_BYTES: Final = 1 << 20
"""Files are streamed in pieces of this size, which bounds memory."""
_CHUNK_SECONDS: Final = 60.0
"""The longest that one of them may take: a server that drips keeps nobody waiting for hours."""
_LONGEST_WAIT: Final = 300.0
# The library reads 64 KiB at a time and has no option for it, which takes a third of a load's processor time.
AsyncHTTP11Connection.READ_NUM_BYTES = 256 << 10
# It looks for a package that says which event loop this is four times a request, and looking for what is not installed
# reads folders: a fifth of a request's processor time. There is but one here.
_synchronization.current_async_library = lambda: "asyncio"


async def paced(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body in chunks, and what came of the last one before a connection broke. Raises TimeoutError when one takes
    longer than a minute."""
    pieces = response.aiter_raw()
    more = True
    while more:
        held: list[bytes] = []
        try:
            async with asyncio.timeout(_CHUNK_SECONDS):
                more = await _fill(held, pieces)
        except (httpx.NetworkError, httpx.ProtocolError):
            if held:
                yield b"".join(held)
            raise
        if held:
            yield b"".join(held)


async def _fill(held: list[bytes], pieces: AsyncIterator[bytes]) -> bool:
    """Take pieces until they make a chunk; False at the body's end."""
    size = 0
    async for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            return True
    return False


class UnreadError(SourceError):
    """A server did not give a file, and answered with this status."""

    def __init__(self, what: str, status: int, wait: float) -> None:
        super().__init__(f"{what} cannot be read: the server answered with {status}", wait=wait)
        self.status = status


@contextmanager
def source_errors(what: str) -> Iterator[None]:
    """Turn transport failures into SourceError; `what` names the thing asked for and where.

    The cause is cut off: what a library says of a header that it cannot send repeats the header.
    """
    try:
        yield
    except (TimeoutError, httpx.TimeoutException):
        raise SourceError(f"{what} did not answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as failure:
        raise SourceError(f"{what} cannot be read: {_kind(failure)}") from None


def _kind(failure: Exception) -> str:
    text = str(failure)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not trusted; name its authority in `tls.caConfigMapRef` of the ModelRegistry"
    return type(failure).__name__


def wait_of(response: httpx.Response) -> float:
    """Seconds that the answer asks to be left alone."""
    return wait_asked(response.headers.get("retry-after", ""))


def wait_asked(text: str) -> float:
    """Seconds that a Retry-After asks for, 0 when it asks for nothing; 5 minutes at most."""
    if text.strip().isdecimal():
        return min(float(text), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_WAIT)
