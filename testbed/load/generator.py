"""The open-loop generator: a Poisson stream of requests, none of which waits for the answer of another, as far as a
machine can hold them all."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from testbed.load.http_client import HttpClient
from testbed.load.samples import Sample, Summary, summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from testbed.load.client import Client

_LAST = 100
"""So many answers say what a wait met that came to nothing."""


class LoadGenerator:
    """Sends requests to one URL at ``rate`` per second until it is stopped: POSTs, or calls when it begins with grpc://.

    Gaps between requests are exponential, bodies are drawn at random from ``bodies``, both from ``seed``. Answers that
    take longer than ``timeout`` seconds count as failures, and so do answers that do not end with ``ending``, but for
    white space: a stream that breaks off may look whole. Connections are kept for later requests unless ``keep`` is
    false; then each request makes its own. With ``most`` requests under way the next one is sent late, which its sample
    says: on a machine that does not keep up, ever more of them would be all that it has time for. Use it as an
    asynchronous context manager, or call ``start`` and ``stop``. ``on_sample`` is called with each finished request.
    """

    def __init__(
        self,
        url: str,
        rate: float,
        bodies: Sequence[bytes],
        headers: Mapping[str, str] | None = None,
        *,
        seed: int = 0,
        timeout: float = 30.0,
        keep: bool = True,
        ending: bytes = b"",
        most: int = 256,
        on_sample: Callable[[Sample], None] | None = None,
    ) -> None:
        if rate <= 0 or not bodies:
            raise ValueError(
                f"A load of {rate} requests/s from {len(bodies)} bodies can't be sent. Give both above zero."
            )
        self.samples: list[Sample] = []
        """Finished requests in the order in which they finished."""
        self._client = _client(url, headers or {}, timeout, keep, ending)
        self._rate = rate
        self._bodies = bodies
        self._random = Random(seed)  # noqa: S311  # repeatable on purpose
        self._on_sample = on_sample
        self._in_flight: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(most)
        self._arrivals: asyncio.Task[None] | None = None
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
        await self._client.open()
        self._wall_offset = time.time() - asyncio.get_running_loop().time()
        self._arrivals = asyncio.create_task(self._arrive())

    async def stop(self) -> Summary:
        """Send nothing more, wait for the answers on their way (at most the timeout), and add everything up."""
        if self._arrivals is not None:
            self._arrivals.cancel()
            await asyncio.gather(self._arrivals, *self._in_flight, return_exceptions=True)
            await self._client.close()
        return summarize(self.samples)

    def snapshot(self, window: float = 1.0) -> Summary:
        """What finished within the last ``window`` seconds."""
        return summarize(self._finished_since(asyncio.get_running_loop().time() - window))

    async def wait_until(self, condition: Callable[[Sequence[Sample]], bool], deadline: float = 120.0) -> None:
        """Wait until ``condition`` holds for the samples so far; TimeoutError after ``deadline`` seconds, which tells
        who answered last and what is under way."""
        try:
            async with asyncio.timeout(deadline):
                while not condition(self.samples):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            last = dict(Counter(f"{one.arm} {one.status or one.error}" for one in self.samples[-_LAST:]))
            told = f"the last {_LAST} of {len(self.samples)} answers: {last}; {len(self._in_flight)} under way"
            raise TimeoutError(f"not within {deadline:g} s; {told}") from None

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
            await self._slots.acquire()
            task = asyncio.create_task(self._send(scheduled, self._random.randrange(len(self._bodies))))
            self._in_flight.add(task)
            task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._slots.release()

    async def _send(self, scheduled: float, body: int) -> None:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        answer = await self._client.send(self._bodies[body])
        self._record(
            Sample(
                scheduled=scheduled,
                wall=scheduled + self._wall_offset,
                lateness=sent - scheduled,
                latency=loop.time() - sent,
                body=body,
                status=answer.status,
                arm=answer.arm,
                blame=answer.blame,
                error=answer.error,
            )
        )

    def _record(self, sample: Sample) -> None:
        self.samples.append(sample)
        self._news.set()
        if self._on_sample is not None:
            self._on_sample(sample)


def _client(url: str, headers: Mapping[str, str], timeout: float, keep: bool, ending: bytes) -> Client:
    if not url.startswith("grpc://"):
        return HttpClient(url, headers, timeout=timeout, keep=keep, ending=ending)
    from testbed.load.grpc_client import GrpcClient  # loads of HTTP do without its weight

    return GrpcClient(url, headers, timeout=timeout, keep=keep)
