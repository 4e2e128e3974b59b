"""Would catch requests that count twice because two scrape jobs of a real Prometheus show the same pod."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from crossfade.adapters.prometheus import PrometheusMetrics
from crossfade.decide.templates import Source
from crossfade.model.evidence import Counters

from tests.support.polled import client, polled, scraped
from tests.support.prometheus import prometheus

_NAME = "prometheus_http_requests_total"
_EACH = {"scrape_interval": "1s", "scrape_timeout": "1s"}
_TEAM = [{"target_label": "team", "replacement": "risk"}]


def _container(number: int) -> dict[str, Any]:
    """A target of the job `containers` that differs from its others in the container alone."""
    relabel = {"job": "containers", "container": f"c{number}"}
    told = [{"target_label": label, "replacement": value} for label, value in relabel.items()]
    return {"job_name": f"containers-{number}", "relabel_configs": told}


_JOBS: tuple[dict[str, Any], ...] = (
    {"job_name": "pods"},
    {"job_name": "monitor", "relabel_configs": _TEAM},
    *map(_container, range(4)),
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes its own counters by several jobs, as if by a PodMonitor beside annotations."""
    with prometheus(tmp_path_factory.mktemp("prometheus"), *({**_EACH, **job} for job in _JOBS)) as running:
        yield running


@pytest.fixture
async def metrics(url: str) -> AsyncIterator[PrometheusMetrics]:
    async with client(url) as found:
        yield found


async def read(metrics: PrometheusMetrics, selector: str) -> tuple[Counters, int]:
    """What the poller reads once all was scraped four times, and how many series Prometheus has of it."""
    series = await scraped(metrics, selector, times=4)
    evidence = await polled(metrics, {"errors": Source("ratio", bad=f'{selector[:-1]},code="500"}}', total=selector)})
    assert evidence.error is None
    return evidence.metrics["errors"], len(series)


async def test_two_jobs_of_one_pod_are_told_by_what_differs_and_count_once(metrics: PrometheusMetrics) -> None:
    handler = 'handler="/api/v1/query",code="200"'
    found, series = await read(metrics, f'{_NAME}{{job=~"pods|monitor",{handler}}}')
    assert series == 2
    assert f"series of `{_NAME}` differ in nothing but `job` (" in found.doubled
    assert '`team` (none and "risk")' in found.doubled or '`team` ("risk" and none)' in found.doubled
    assert len(found.total) == 1


async def test_one_job_shows_several_series_of_a_pod_and_none_is_a_double(metrics: PrometheusMetrics) -> None:
    found, series = await read(metrics, f'{_NAME}{{job="pods"}}')
    assert series > 2
    assert (found.doubled, len(found.total)) == ("", series)


async def test_scrapes_of_one_address_that_differ_in_the_container_alone_are_told_apart_by_their_times(
    metrics: PrometheusMetrics,
) -> None:
    found, series = await read(metrics, f'{_NAME}{{job="containers",handler="/api/v1/query",code="200"}}')
    assert series == 4
    assert "differ in nothing but `container` (" in found.doubled
    found, _ = await read(metrics, f'{_NAME}{{job="containers",container="c1",handler="/api/v1/query",code="200"}}')
    assert (found.doubled, len(found.total)) == ("", 1)
