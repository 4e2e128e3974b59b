"""What the poller reads of a Prometheus of a test's own (`tests.support.prometheus`)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from crossfade.adapters.clock import SystemClock
from crossfade.adapters.prometheus import PrometheusMetrics
from crossfade.decide.templates import Source
from crossfade.model.evidence import Evidence
from crossfade.observe.answers import DEFAULT, Watched
from crossfade.observe.poller import Poller
from crossfade.ports import MetricsError, RawSeries

from tests.support.prometheus import LABELS

_ENOUGH_SECONDS = 120.0


@asynccontextmanager
async def client(url: str) -> AsyncIterator[PrometheusMetrics]:
    """One that waits as long as a busy machine takes."""
    metrics = PrometheusMetrics(url, timeout=60.0)
    yield metrics
    await metrics.close()


async def scraped(metrics: PrometheusMetrics, selector: str, times: int) -> Sequence[RawSeries]:
    """All that it selects, once each was scraped so often; until its store is open Prometheus answers with 503."""
    async with asyncio.timeout(_ENOUGH_SECONDS):
        while True:
            with suppress(MetricsError):
                found = list(await metrics.window(selector, 60))
                if found and all(len(each.samples) >= times for each in found):
                    return found
            await asyncio.sleep(0.2)


async def polled(metrics: PrometheusMetrics, sources: Mapping[str, Source]) -> Evidence:
    """What one round makes of them for the revision that is scraped."""
    revision = LABELS["revision"]
    one = Watched((LABELS["namespace"], "fraud"), sources, frozenset({revision}), revision)
    poller = Poller({DEFAULT: metrics}, SystemClock(), 5.0, lambda: [one], lambda place: None)
    await poller.poll()
    return poller.evidence[one.place]
