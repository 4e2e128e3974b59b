"""Would catch a generator that waits for answers, loses or miscounts requests, or blames the route for a model."""

import asyncio
import contextlib
import itertools
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from testbed.load import LoadGenerator, Sample, summarize
from testbed.load.__main__ import read_bodies, table
from testbed.load.verdict import Blame

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[str]:
    """A raw TCP server on the loopback; yields its URL."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/infer"
    finally:
        server.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    return await reader.readexactly(int(length.partition(b":")[2]))


def answering(answer: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await read_request(reader)
                writer.write(answer)
        writer.close()

    return handler


PATIENCE = 60.0
"""Seconds after which what is waited for never comes, on a machine that is busy with everything else too."""
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-model-version: stable\r\n\r\n{}"


async def finished(url: str, count: int, **options: Any) -> list[Sample]:
    """The first ``count`` samples of a load at 500 requests/s."""
    load = LoadGenerator(url, 500, [b"{}"], **options)
    async with load:
        await load.wait_until(lambda samples: len(samples) >= count, deadline=PATIENCE)
    return load.samples


async def test_arrivals_never_wait_for_answers() -> None:
    enough, waiting = asyncio.Event(), 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        await read_request(reader)
        waiting += 1
        if waiting == 40:
            enough.set()
        await enough.wait()
        writer.write(OK)
        writer.close()

    async with listening(handler) as url:
        samples = await finished(url, 40)
    assert {sample.status for sample in samples} == {200}


async def test_the_rate_and_the_bodies_are_as_asked() -> None:
    async with listening(answering(OK)) as url:
        load = LoadGenerator(url, 400, [b"0", b"1", b"2"], seed=7)
        async with load:
            await load.wait_until(lambda samples: len(samples) >= 400, deadline=PATIENCE)
    first = sorted(load.samples, key=lambda sample: sample.scheduled)
    gaps = [later.scheduled - earlier.scheduled for earlier, later in itertools.pairwise(first)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(1 / 400, rel=0.2)
    assert deviation == pytest.approx(mean, rel=0.25), "exponential gaps deviate by as much as their mean"
    assert {sample.body for sample in load.samples} == {0, 1, 2}


async def test_a_connection_is_kept_for_the_next_request() -> None:
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answering(OK)(reader, writer)

    async with listening(handler) as url:
        await finished(url, 100, most=1)  # a generator that is late would have many under way, each on its own
    assert connections == 1


async def test_a_machine_that_does_not_keep_up_sends_late_and_not_ever_more_at_once() -> None:
    now = most = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        await read_request(reader)
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)  # in which ten are due
        now -= 1
        writer.write(OK)
        writer.close()

    async with listening(handler) as url, LoadGenerator(url, 500, [b"{}"], keep=False, most=3) as load:
        await load.wait_until(lambda samples: len(samples) >= 50, deadline=PATIENCE)
    assert most == 3
    assert load.samples[49].lateness > 0.1


async def test_a_wait_that_comes_to_nothing_tells_who_answered_last() -> None:
    async with listening(answering(OK)) as url, LoadGenerator(url, 200, [b"{}"]) as load:
        await load.wait_until(lambda samples: len(samples) >= 5, deadline=PATIENCE)
        with pytest.raises(
            TimeoutError, match=r"not within 0.1 s; the last 100 of \d+ answers: .* 200': \d+.* under way"
        ):
            await load.wait_until(lambda samples: False, deadline=0.1)


async def test_each_request_has_a_connection_of_its_own_when_none_is_kept() -> None:
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answering(OK)(reader, writer)

    async with listening(handler) as url, LoadGenerator(url, 500, [b"{}"], keep=False) as load:
        await load.wait_until(lambda samples: len(samples) >= 100, deadline=PATIENCE)
        await load.stop()
    assert connections == len(load.samples)
    assert {sample.status for sample in load.samples} == {200}


@pytest.mark.parametrize(("events", "word"), [(b"data: 1\n\ndata: [DONE]\n\n", None), (b"data: 1\n\n", "cut off")])
async def test_a_stream_without_its_last_event_is_cut_off(events: bytes, word: str | None) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(events)}\r\nx-model-version: stable\r\n\r\n"
    async with (
        listening(answering(head.encode() + events)) as url,
        LoadGenerator(url, 500, [b"{}"], ending=b"data: [DONE]") as load,
    ):
        await load.wait_until(lambda samples: len(samples) >= 5, deadline=PATIENCE)
    assert {(sample.status, sample.error, sample.arm) for sample in load.samples} == {(200, word, "stable")}
    assert {sample.blame for sample in load.samples} == {Blame.ROUTE if word else None}


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.close()


async def answer_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\nx-model-version: stable\r\n\r\n{}")
    writer.close()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("handler", "word", "timeout"),
    [(close_at_once, "reset", PATIENCE), (answer_half, "cut off", PATIENCE), (say_nothing, "timeout", 0.2)],
)
async def test_requests_without_a_whole_answer_are_the_routes(handler: Handler, word: str, timeout: float) -> None:
    async with listening(handler) as url:
        samples = await finished(url, 5, timeout=timeout)
    assert {(sample.blame, sample.error, sample.status) for sample in samples} == {(Blame.ROUTE, word, None)}
    assert {sample.arm for sample in samples} == {"stable" if handler is answer_half else None}


async def test_a_refused_connection_is_the_routes() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # so that nobody else listens there meanwhile
        samples = await finished(f"http://127.0.0.1:{nobody.getsockname()[1]}/infer", 5)
    assert {(sample.blame, sample.error) for sample in samples} == {(Blame.ROUTE, "refused")}


async def test_stop_waits_for_the_answers_on_their_way() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        asked.set()
        await answer.wait()
        writer.write(OK)
        writer.close()

    async with listening(handler) as url:
        load = LoadGenerator(url, 100, [b"{}"])
        await load.start()
        await asked.wait()
        stopping = asyncio.create_task(load.stop())
        await asyncio.wait({stopping}, timeout=0.05)
        assert not stopping.done()
        answer.set()
        summary = await stopping
    assert summary.requests > 0
    assert summary.route_failures == 0


def sample(second: float, arm: str | None, blame: Blame | None = None, latency: float = 0.01) -> Sample:
    return Sample(second, second, 0.001, latency, 0, 500 if blame else 200, arm, blame, None)


def test_a_summary_counts_each_arm_by_itself() -> None:
    samples = [sample(i, "stable", latency=i / 100) for i in range(1, 101)]
    samples += [sample(1, "candidate", Blame.MODEL), sample(1, "candidate"), sample(1, None, Blame.ROUTE)]
    summary = summarize(samples)
    assert list(summary.arms) == ["candidate", "stable", None]
    assert (summary.requests, summary.route_failures, summary.model_failures) == (103, 1, 1)
    assert (summary.arms["stable"].p50, summary.arms["stable"].p99) == (0.5, 0.99)
    assert summary.arms["candidate"].model_failures == 1
    assert "1 by the route, 1 by a model" in table(summary)


async def test_a_snapshot_holds_only_the_last_seconds() -> None:
    load = LoadGenerator("http://127.0.0.1:9/", 1, [b"{}"])
    now = asyncio.get_running_loop().time()
    load.samples += [sample(now - 500, "stable"), sample(now - 50, "stable"), sample(now, "candidate")]
    snapshot = load.snapshot(100)
    assert {arm: part.requests for arm, part in snapshot.arms.items()} == {"candidate": 1, "stable": 1}


def test_a_record_survives_its_file() -> None:
    original = sample(3.5, "candidate", Blame.MODEL)
    assert Sample.from_json(original.to_json()) == original


def test_a_bodies_file_with_a_broken_line_is_refused_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "bodies.jsonl"
    path.write_text(json.dumps({"inputs": []}) + "\n{broken\n")
    with pytest.raises(SystemExit, match="Line 2"):
        read_bodies(path)
