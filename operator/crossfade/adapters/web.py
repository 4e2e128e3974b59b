"""What HTTP adapters share: bodies that cannot grow and failures with a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from crossfade.ports import SourceError

CHUNK_BYTES = 1 << 20
"""Files are streamed in pieces of this size, which bounds memory."""


class TooLargeError(ValueError):
    """A body was larger than its limit."""


async def body(response: httpx.Response, limit: int) -> bytes:
    """The body of a streamed response. Raises TooLargeError beyond `limit` bytes, whatever the headers promise."""
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > limit:
            raise TooLargeError(f"the answer is larger than {limit} bytes")
    return bytes(content)


@contextmanager
def source_errors(what: str) -> Iterator[None]:
    """Turn transport failures into SourceError; `what` names the thing asked for and where."""
    try:
        yield
    except (TimeoutError, httpx.TimeoutException):
        raise SourceError(f"{what} did not answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
        raise SourceError(f"{what} cannot be read: {type(failure).__name__}") from failure
