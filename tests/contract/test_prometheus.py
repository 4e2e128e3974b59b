"""Catches wrong or partial samples taken for evidence, and failures of Prometheus without a usable sentence."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from crossfade.adapters.prometheus import PrometheusMetrics
from crossfade.ports import MetricsError, RawSeries

from testbed.handle import ClusterHandle

REAL = pytest.mark.cluster


@asynccontextmanager
async def answering(answer: bytes, *, then_hang: bool = False) -> AsyncIterator[str]:
    """The URL of a server that gives these bytes to everyone: faults that a healthy Prometheus never shows."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if then_hang:
            await ended.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        ended.set()
        server.close()


def http(body: str, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", body]).encode()


def matrix(*values: list[object], **more: object) -> str:
    result = [{"metric": {"pod": "p"}, "values": list(values)}]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}} | more)


async def asked(url: str, **limits: float) -> list[RawSeries]:
    metrics = PrometheusMetrics(url, **limits)  # type: ignore[arg-type]
    try:
        return list(await metrics.window("up", 60))
    finally:
        await metrics.close()


async def refused(answer: bytes, match: str, **limits: float) -> None:
    async with answering(answer) as url:
        with pytest.raises(MetricsError, match=match):
            await asked(url, **limits)


async def scraped_thrice(metrics: PrometheusMetrics, selector: str) -> RawSeries:
    """The selector's one series, asked for until there are three scrapes of it."""
    async with asyncio.timeout(120):
        while True:
            for series in await metrics.window(selector, 30):
                if len(series.samples) >= 3:
                    return series


@REAL
async def test_raw_samples_come_with_their_labels_oldest_first(bed: ClusterHandle) -> None:
    metrics = PrometheusMetrics(bed.prometheus, timeout=60.0)
    series = await scraped_thrice(metrics, 'up{job="traefik"}')
    await metrics.close()
    assert series.labels["__name__"] == "up"
    assert series.labels["job"] == "traefik"
    times = [at for at, _ in series.samples]
    assert times == sorted(set(times))
    assert {value for _, value in series.samples} <= {0.0, 1.0}


@REAL
async def test_a_selector_without_series_gives_none(bed: ClusterHandle) -> None:
    metrics = PrometheusMetrics(bed.prometheus, timeout=60.0)
    assert list(await metrics.window('no_such_metric{pod="x"}', 60)) == []
    await metrics.close()


@REAL
async def test_a_selector_that_is_none_is_named_as_the_fault(bed: ClusterHandle) -> None:
    """Case D10."""
    metrics = PrometheusMetrics(bed.prometheus, timeout=60.0)
    with pytest.raises(MetricsError, match="correct the metric's selector"):
        await metrics.window("up{", 60)
    await metrics.close()


@REAL
async def test_a_selector_with_a_comment_cannot_cut_off_the_window(bed: ClusterHandle) -> None:
    metrics = PrometheusMetrics(bed.prometheus, timeout=60.0)
    with pytest.raises(MetricsError, match="bad_data"):
        await metrics.window("sum(rate(up[5m]))[1h:1s] #", 60)
    await metrics.close()


async def test_samples_that_are_no_numbers_are_left_out() -> None:
    async with answering(http(matrix([1, "1"], [2, "NaN"], [3, "+Inf"], [4.5, "2.5"]))) as url:
        (series,) = await asked(url)
    assert series == RawSeries({"pod": "p"}, ((1.0, 1.0), (4.5, 2.5)))


async def test_a_partial_answer_is_no_evidence() -> None:
    await refused(http(matrix([1, "1"], warnings=["a store did not answer: secret detail"])), "may be partial$")


async def test_what_prometheus_says_of_itself_does_no_harm() -> None:
    async with answering(http(matrix([1, "1"], infos=["metric might not be a counter"]))) as url:
        assert len(await asked(url)) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>sign in</html>",
        "[]",
        '{"status":"success"',
        '{"status":"success"}',
        '{"status":"success","data":{"resultType":"vector","result":[]}}',
        '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}}',
        '{"status":"success","data":{"resultType":"matrix","result":[{"metric":[],"values":[]}]}}',
        '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}}',
        '{"status":"success","data":{"resultType":"matrix","result":null}}',
    ],
)
async def test_an_answer_that_is_not_prometheus_is_refused(body: str) -> None:
    await refused(http(body), "Prometheus")


async def test_an_error_is_passed_on_by_its_kind_alone() -> None:
    """Case D16."""
    body = '{"status":"error","errorType":"unavailable","error":"secret detail"}'
    async with answering(http(body, "503 Service Unavailable")) as url:
        with pytest.raises(MetricsError, match="failed with 503 unavailable") as failure:
            await asked(url)
    assert "secret" not in str(failure.value)


async def test_a_redirect_is_not_followed() -> None:
    await refused(http("", "302 Found", "Location: http://127.0.0.1:1/"), "redirected with 302, which is not followed")


async def test_an_answer_beyond_the_limit_is_cut() -> None:
    await refused(http(matrix([1, "1"]) + " " * 5000), "more than 1000 bytes", max_bytes=1000)


async def test_a_truncated_answer_is_refused() -> None:
    await refused(http(matrix([1, "1"]))[:-20], "cannot be reached: RemoteProtocolError")


async def test_a_server_that_hangs_midway_is_given_up_in_time() -> None:
    """Case D6."""
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", then_hang=True) as url:
        with pytest.raises(MetricsError, match=r"did not answer within 0\.2 s"):
            await asked(url, timeout=0.2)


async def test_no_message_carries_the_addresss_credentials() -> None:
    """Case D16."""
    with pytest.raises(MetricsError, match=r"http://127\.0\.0\.1:9 cannot be reached") as failure:
        await asked("http://user:secret@127.0.0.1:9/?token=secret")
    assert "secret" not in str(failure.value)
