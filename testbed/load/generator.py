"""The open-loop generator: a Poisson stream of requests, none of which waits for the answer of another."""

from __future__ import annotations

import asyncio
import time
from random import Random
from typing import TYPE_CHECKING

import aiohttp

from testbed.load.samples import Sample, Summary, summarize
from testbed.load.verdict import Blame, arm_in, arm_of, blame_for_error, blame_for_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType


class LoadGenerator:
    """Sends POST requests to one URL at ``rate`` per second until it is stopped.

    Gaps between requests are exponential, bodies are drawn at random from ``bodies``, both from ``seed``. Answers that
    take longer than ``timeout`` seconds count as failures, and so do answers that do not end with ``ending``, but for
    white space: a stream that breaks off may look whole. Connections are kept for later requests unless ``keep`` is
    false; then each request makes its own. Use it as an asynchronous context manager, or call ``start`` and ``stop``.
    ``on_sample`` is called with each finished request.
    """

    def __init__(
        self,
        url: str,
        rate: float,
        bodies: Sequence[bytes],
        headers: Mapping[str, str] | None = None,
        *,
        seed: int = 0,
        timeout: float = 10.0,
        keep: bool = True,
        ending: bytes = b"",
        on_sample: Callable[[Sample], None] | None = None,
    ) -> None:
        if rate <= 0 or not bodies:
            raise ValueError(
                f"A load of {rate} requests/s from {len(bodies)} bodies can't be sent. Give both above zero."
            )
        self.samples: list[Sample] = []
        """Finished requests in the order in which they finished."""
        self._url = url
        self._rate = rate
        self._bodies = bodies
        self._headers = {"content-type": "application/json", **(headers or {})}
        self._random = Random(seed)  # noqa: S311  # repeatable on purpose
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._keep = keep
        self._ending = ending
        self._on_sample = on_sample
        self._in_flight: set[asyncio.Task[None]] = set()
        self._arrivals: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._wall_offset = 0.0
        self._news = asyncio.Event()

    async def __aenter__(self) -> LoadGenerator:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begin to send; returns at once."""
        # No limit: arrivals never queue for a connection.
        connector = (
            aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
            if self._keep
            else aiohttp.TCPConnector(limit=0, force_close=True)
        )
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, auto_decompress=False)
        self._wall_offset = time.time() - asyncio.get_running_loop().time()
        self._arrivals = asyncio.create_task(self._arrive())

    async def stop(self) -> Summary:
        """Send nothing more, wait for the answers on their way (at most the timeout), and add everything up."""
        if self._arrivals is not None:
            self._arrivals.cancel()
            await asyncio.gather(self._arrivals, *self._in_flight, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        return summarize(self.samples)

    def snapshot(self, window: float = 1.0) -> Summary:
        """What finished within the last ``window`` seconds."""
        return summarize(self._finished_since(asyncio.get_running_loop().time() - window))

    async def wait_until(self, condition: Callable[[Sequence[Sample]], bool], deadline: float) -> None:
        """Wait until ``condition`` holds for the samples so far; TimeoutError after ``deadline`` seconds."""
        async with asyncio.timeout(deadline):
            while not condition(self.samples):
                self._news.clear()
                await self._news.wait()

    def _finished_since(self, moment: float) -> Iterator[Sample]:
        for sample in reversed(self.samples):
            if sample.finished < moment:
                return
            yield sample

    async def _arrive(self) -> None:
        loop = asyncio.get_running_loop()
        scheduled = loop.time()
        while True:
            scheduled += self._random.expovariate(self._rate)
            # Even a late generator yields here, so that answers are read while it catches up.
            await asyncio.sleep(max(0.0, scheduled - loop.time()))
            task = asyncio.create_task(self._send(scheduled, self._random.randrange(len(self._bodies))))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _send(self, scheduled: float, body: int) -> None:
        assert self._session is not None
        loop = asyncio.get_running_loop()
        sent = loop.time()
        status, arm, blame, error = None, None, None, None
        try:
            async with self._session.post(
                self._url, data=self._bodies[body], headers=self._headers, allow_redirects=False
            ) as answer:
                arm = arm_of(answer.headers)  # known of an answer that is cut off later, too
                content = await answer.read()
                arm = arm or arm_in(content)
                whole = content.rstrip().endswith(self._ending)
                status, blame = answer.status, blame_for_status(answer.status, answer.headers)
                if blame is None and not whole:
                    blame, error = Blame.ROUTE, "cut off"
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            blame, error = _no_answer(failure)
        self._record(
            Sample(
                scheduled=scheduled,
                wall=scheduled + self._wall_offset,
                lateness=sent - scheduled,
                latency=loop.time() - sent,
                body=body,
                status=status,
                arm=arm,
                blame=blame,
                error=error,
            )
        )

    def _record(self, sample: Sample) -> None:
        self.samples.append(sample)
        self._news.set()
        if self._on_sample is not None:
            self._on_sample(sample)


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
