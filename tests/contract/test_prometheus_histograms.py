"""Would catch native histograms of a real Prometheus that are counted differently from its classic ones, or late."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from math import inf

import pytest
from crossfade.adapters.clock import SystemClock
from crossfade.adapters.prometheus import PrometheusMetrics
from crossfade.decide.templates import Source
from crossfade.model.evidence import Counters, Series
from crossfade.observe.answers import DEFAULT, Watched
from crossfade.observe.poller import Poller

from tests.support.polled import client, polled, scraped
from tests.support.prometheus import LABELS, prometheus

_NAME = "prometheus_http_request_duration_seconds"
_SELDOM = 120.0
"""Seconds between readings that no scrape asks for."""
_EACH = {"scrape_interval": "1s", "scrape_timeout": "1s"}
_JOBS = (
    {"job_name": "custom", "convert_classic_histograms_to_nhcb": True, "always_scrape_classic_histograms": True},
    {"job_name": "exponential", "scrape_native_histograms": True, "always_scrape_classic_histograms": True},
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes its own histograms, as classic ones and as native ones of both sorts."""
    with prometheus(tmp_path_factory.mktemp("prometheus"), *({**_EACH, **job} for job in _JOBS)) as running:
        yield running


@pytest.fixture
async def metrics(url: str) -> AsyncIterator[PrometheusMetrics]:
    async with client(url) as found:
        yield found


async def counted(metrics: PrometheusMetrics, **buckets: str) -> Mapping[str, Counters]:
    """What the poller reads once each has been scraped three times since there was something to count."""
    sources = {name: Source("latency", buckets=selector) for name, selector in buckets.items()}
    async with asyncio.timeout(120):
        while True:
            evidence = await polled(metrics, sources)
            assert evidence.error is None or "with 503" in evidence.error, evidence.error
            whole = [found.buckets.get(inf, ()) for found in evidence.metrics.values()]
            if len(whole) == len(buckets) and all(each and all(len(s.samples) >= 3 for s in each) for each in whole):
                return evidence.metrics
            await asyncio.sleep(0.2)


def at(series: tuple[Series, ...], times: frozenset[float]) -> list[float]:
    (one,) = series
    return [value for when, value in one.samples if when in times]


async def test_custom_buckets_count_what_the_classic_ones_of_the_same_scrape_count(metrics: PrometheusMetrics) -> None:
    labels = '{job="custom",handler="/api/v1/query"}'
    found = await counted(metrics, classic=f"{_NAME}_bucket{labels}", native=f"{_NAME}{labels}")
    classic, native = found["classic"].buckets, found["native"].buckets
    times = frozenset.intersection(*(frozenset(when for when, _ in b[inf][0].samples) for b in (classic, native)))
    assert len(times) >= 2
    assert len(native) >= 2
    assert native.keys() <= classic.keys()
    for bound in native:
        assert at(native[bound], times) == at(classic[bound], times)


async def test_exponential_buckets_are_edges_of_their_kind_and_agree_with_the_classic_ones_around_them(
    metrics: PrometheusMetrics,
) -> None:
    labels = '{job="exponential",handler="/api/v1/query"}'
    found = await counted(metrics, classic=f"{_NAME}_bucket{labels}", native=f"{_NAME}{labels}")
    classic, native = found["classic"].buckets, found["native"].buckets
    (whole,) = native[inf]
    assert (whole.revision, whole.pod) == (LABELS["revision"], LABELS["pod"])
    both = {when for when, _ in classic[inf][0].samples}  # a scrape may have come between the two queries
    when, requests = [sample for sample in whole.samples if sample[0] in both][-1]
    last = frozenset({when})
    assert requests > 0
    assert len(native) >= 2
    counts = [at(native[bound], last)[0] for bound in sorted(native)]
    assert counts == sorted(counts)
    for bound in sorted(native):
        below = [b for b in classic if b <= bound]
        above = min(b for b in classic if b >= bound)
        low = at(classic[max(below)], last) if below else [0.0]
        assert low <= at(native[bound], last) <= at(classic[above], last)


async def test_the_same_series_is_refused_as_a_counter(metrics: PrometheusMetrics) -> None:
    await counted(metrics, native=f'{_NAME}{{job="exponential",handler="/api/v1/query"}}')
    selector = f'{_NAME}{{job="exponential"}}'
    evidence = await polled(metrics, {"errors": Source("ratio", bad=selector, total=selector)})
    assert "reads a native histogram" in str(evidence.error)


async def test_evidence_follows_each_scrape_at_once(metrics: PrometheusMetrics) -> None:
    """What is there soon is there because the scrape was waited for: without, half of the samples would be older than
    half of the time between two readings."""
    one = Watched(
        ("ml", "fraud"), {"up": Source("gauge", series='up{job="custom"}')}, frozenset({"fraud-2"}), "fraud-2"
    )
    seen: dict[float, float] = {}
    enough = asyncio.Event()

    def note(place: tuple[str, str]) -> None:
        found = poller.evidence[place].metrics.get("up", Counters()).gauges
        for when in (when for when, _ in (found[0].samples if found else ()) if when > begun):
            seen.setdefault(when, time.time())
        if len(seen) >= 8:
            enough.set()

    await scraped(metrics, 'up{job="custom"}', times=3)
    poller = Poller({DEFAULT: metrics}, SystemClock(), _SELDOM, lambda: [one], note)
    begun = time.time()
    running = asyncio.create_task(poller.run())
    async with asyncio.timeout(4 * _SELDOM):
        await enough.wait()
    running.cancel()
    late = sorted(known - when for when, known in seen.items())
    assert late[len(late) // 2] < _SELDOM / 4
