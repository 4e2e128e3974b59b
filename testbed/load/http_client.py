"""POST requests over HTTP/1.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from testbed.load.client import Answer
from testbed.load.verdict import Blame, arm_in, arm_of, blame_for_error, blame_for_status

if TYPE_CHECKING:
    from collections.abc import Mapping


class HttpClient:
    """Connections are kept for later requests unless ``keep`` is false; then each request makes its own.

    An answer that does not end with ``ending``, but for white space, is cut off; ``timeout`` is in seconds.
    """

    def __init__(self, url: str, headers: Mapping[str, str], *, timeout: float, keep: bool, ending: bytes) -> None:
        self._url = url
        self._headers = {"content-type": "application/json", **headers}
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._keep = keep
        self._ending = ending
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """See Client."""
        # No limit: arrivals never queue for a connection.
        connector = (
            aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
            if self._keep
            else aiohttp.TCPConnector(limit=0, force_close=True)
        )
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, auto_decompress=False)

    async def close(self) -> None:
        """See Client."""
        if self._session is not None:
            await self._session.close()

    async def send(self, body: bytes) -> Answer:
        """See Client."""
        assert self._session is not None
        arm = None
        try:
            async with self._session.post(self._url, data=body, headers=self._headers, allow_redirects=False) as answer:
                arm = arm_of(answer.headers)  # known of an answer that is cut off later, too
                content = await answer.read()
                arm = arm or arm_in(content)
                whole = content.rstrip().endswith(self._ending)
                blame = blame_for_status(answer.status, answer.headers)
                if blame is None and not whole:
                    return Answer(answer.status, arm, Blame.ROUTE, "cut off")
                return Answer(answer.status, arm, blame)
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            return Answer(None, arm, *_no_answer(failure))


def _no_answer(failure: Exception) -> tuple[Blame, str]:
    """Who failed a request that got no whole answer, and a word for how."""
    system = failure if isinstance(failure, OSError) and not isinstance(failure, TimeoutError) else None
    if isinstance(failure, TimeoutError):
        word = "timeout"
    elif isinstance(failure, aiohttp.ClientConnectorError):
        word = "refused" if isinstance(failure.os_error, ConnectionRefusedError) else "unreachable"
    elif isinstance(failure, aiohttp.ClientPayloadError):
        word = "cut off"
    elif isinstance(failure, (aiohttp.ServerDisconnectedError, ConnectionResetError, aiohttp.ClientOSError)):
        word = "reset"
    else:
        word = type(failure).__name__
    return blame_for_error(system), word
