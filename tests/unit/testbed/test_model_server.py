"""Would catch a model server that misbehaves unlike told, loses requests at its end, or has series unlike MLServer."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from testbed.servers.behaviour import Behaviour, Cold, Latency, Marked, ModelFileError, Stream, read_behaviour
from testbed.servers.http1 import Http1Server, Request, Response
from testbed.servers.model import Model
from testbed.servers.v2 import ModelServer

GOOD = {"inputs": [{"name": "input", "shape": [2, 3], "datatype": "FP64", "data": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}]}


@contextlib.asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[tuple[str, Model, Http1Server, aiohttp.ClientSession]]:
    model = Model(behaviour)
    model.loaded = True
    server = Http1Server(ModelServer(model).handle)
    port = await server.listen("127.0.0.1", 0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        yield f"/v2/models/{behaviour.name}", model, server, client
    await server.drain()


async def infer(client: aiohttp.ClientSession, model: str, body: object = GOOD) -> tuple[int, Any]:
    async with client.post(f"{model}/infer", json=body) as answer:
        assert answer.headers["x-model-version"] == "1.0.0"
        return answer.status, await answer.json()


async def status(client: aiohttp.ClientSession, path: str) -> int:
    async with client.get(path) as answer:
        return answer.status


async def test_a_good_model_answers_one_prediction_a_row() -> None:
    async with serving(Behaviour("good", "1.0.0")) as (path, _, _, client):
        code, answer = await infer(client, path)
    assert code == 200
    assert (answer["model_name"], answer["model_version"]) == ("good", "1.0.0")
    assert answer["outputs"][0]["shape"] == [2, 1]


@pytest.mark.parametrize(
    "body", [{}, [], {"inputs": []}, {"inputs": [{"shape": [0, 3], "data": [1]}]}, {"inputs": [{"shape": [1]}]}]
)
async def test_a_body_that_is_no_inference_request_is_refused(body: object) -> None:
    async with serving(Behaviour("strict", "1.0.0")) as (path, _, _, client):
        assert (await infer(client, path, body))[0] == 422


@pytest.mark.parametrize("nested", [False, True])
async def test_the_marked_input_and_no_other_is_answered_with_an_error(nested: bool) -> None:
    def body(value: float) -> object:
        rows = [[1.0, 2.0, 3.0], [4.0, value, 6.0]]
        data = rows if nested else [cell for row in rows for cell in row]
        return {"inputs": [{"name": "input", "shape": [2, 3], "datatype": "FP64", "data": data}]}

    async with serving(Behaviour("marked", "1.0.0", fails_when=(Marked(1, 0.0),))) as (path, _, _, client):
        assert (await infer(client, path, body(0.0)))[0] == 500
        assert (await infer(client, path, body(0.1)))[0] == 200


async def test_only_the_first_inferences_of_a_process_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    slept, took = list[float](), list[float]()
    clock, real = asyncio.get_running_loop().time, asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await real(seconds)

    monkeypatch.setattr("testbed.servers.model.asyncio", SimpleNamespace(sleep=sleep))
    async with serving(Behaviour("cold", "1.0.0", cold=Cold(count=2, seconds=0.2))) as (path, _, _, client):
        for _ in range(3):
            begun = clock()
            assert (await infer(client, path))[0] == 200
            took.append(clock() - begun)
    assert slept == [0.2, 0.2], "the third waits for nothing of the model's"
    assert min(took[:2]) >= 0.19


async def test_a_stream_comes_in_pieces_takes_its_time_and_is_counted_at_its_end() -> None:
    async with serving(Behaviour("told", "1.0.0", stream=Stream(seconds=0.3, events=4))) as (path, _, _, client):
        clock = asyncio.get_running_loop().time
        begun = clock()
        async with client.post(f"{path}/generate_stream", json=GOOD) as answer:
            events = [line async for line in answer.content if line.strip()]
            assert clock() - begun >= 0.25
        assert (answer.status, answer.headers["x-model-version"]) == (200, "1.0.0")
        assert answer.headers["transfer-encoding"] == "chunked"
        assert b'"predict"' in events[0]
        assert (len(events), events[-1]) == (5, b"data: [DONE]\n")
        async with client.get("/metrics") as exposition:
            text = await exposition.text()
    route = 'method="POST",path="/v2/models/{model_name}/generate_stream",status_code="200"'
    assert f'rest_server_requests_total{{app_name="mlserver",{route}}} 1.0' in text
    assert f'rest_server_request_duration_seconds_bucket{{app_name="mlserver",le="0.1",{route}}} 0.0' in text


async def test_a_stream_under_way_is_finished_by_a_server_that_drains() -> None:
    async with (
        serving(Behaviour("told", "1.0.0", stream=Stream(seconds=0.3, events=4))) as (path, _, server, client),
        client.post(f"{path}/generate_stream", json=GOOD) as answer,
    ):
        await server.drain()
        assert (await answer.read()).endswith(b"data: [DONE]\n\n")


async def test_a_client_that_leaves_a_stream_holds_up_nothing() -> None:
    async with serving(Behaviour("told", "1.0.0", stream=Stream(seconds=60, events=2))) as (path, _, server, client):
        async with client.post(f"{path}/generate_stream", json=GOOD) as answer:
            await answer.content.readline()
            answer.close()
        async with asyncio.timeout(60):
            await server.drain()


async def test_an_error_is_answered_before_a_stream_begins() -> None:
    async with (
        serving(Behaviour("bad", "1.0.0", error_rate=1.0)) as (path, _, _, client),
        client.post(f"{path}/generate_stream", json=GOOD) as answer,
    ):
        assert answer.status == 500


async def test_errors_come_at_the_asked_rate_and_again_the_same() -> None:
    async def codes() -> list[int]:
        async with serving(Behaviour("noisy", "1.0.0", seed=3, error_rate=0.2)) as (path, _, _, client):
            return [(await infer(client, path))[0] for _ in range(200)]

    first = await codes()
    assert 20 <= first.count(500) <= 60
    assert first == await codes()


def test_latency_has_the_percentiles_that_were_asked() -> None:
    random = Random(1)
    drawn = sorted(Latency(p50=5, p99=30).draw(random) for _ in range(20_000))
    assert drawn[10_000] == pytest.approx(0.005, rel=0.03)
    assert drawn[19_800] == pytest.approx(0.030, rel=0.1)


async def test_readiness_fails_after_the_asked_requests_while_it_still_serves() -> None:
    async with serving(Behaviour("tiring", "1.0.0", fail_readiness_after_requests=2)) as (path, _, _, client):
        assert await status(client, "/v2/health/ready") == 200
        codes = [(await infer(client, path))[0] for _ in range(3)]
        assert await status(client, "/v2/health/ready") == 503
        assert await status(client, f"{path}/ready") == 503
        assert await status(client, "/v2/health/live") == 200
    assert codes == [200, 200, 200]


async def test_a_model_that_still_loads_is_alive_but_not_ready() -> None:
    async with serving(Behaviour("slow", "1.0.0")) as (path, model, _, client):
        model.loaded = False
        assert await status(client, "/v2/health/live") == 200
        assert await status(client, "/v2/health/ready") == 503
        assert (await infer(client, path))[0] == 503


async def test_series_have_the_names_and_labels_of_mlserver() -> None:
    async with serving(Behaviour("counted", "1.0.0", fails_when=(Marked(0, 0.0),))) as (path, _, _, client):
        bad = {"inputs": [{"name": "input", "shape": [1, 3], "datatype": "FP64", "data": [0.0, 1.0, 1.0]}]}
        assert [(await infer(client, path, body))[0] for body in (GOOD, GOOD, bad, {})] == [200, 200, 500, 422]
        await status(client, "/v2/health/ready")
        async with client.get("/metrics") as answer:
            text = await answer.text()
    route = 'method="POST",path="/v2/models/{model_name}/infer",status_code="500"'
    assert f'rest_server_requests_total{{app_name="mlserver",{route}}} ' in text
    assert f'rest_server_request_duration_seconds_bucket{{app_name="mlserver",le="0.005",{route}}} ' in text
    assert 'model_infer_request_success_total{model="counted",version="None"} 2.0' in text
    assert 'model_infer_request_failure_total{model="counted",version="None"} 1.0' in text
    assert 'model_infer_request_duration_count{model="counted",version="None"} 3.0' in text
    assert "/v2/health/ready" not in text


async def test_drain_answers_what_is_in_flight_and_then_closes() -> None:
    async with serving(Behaviour("draining", "1.0.0", latency=Latency(150, 151))) as (path, _, server, client):
        received, handle = asyncio.Event(), server.handler

        async def note_and_handle(request: Request) -> Response:
            received.set()
            return await handle(request)

        server.handler = note_and_handle
        request = asyncio.create_task(infer(client, path))
        await received.wait()
        await server.drain()
        assert (await request)[0] == 200
        with pytest.raises(aiohttp.ClientConnectionError):
            await infer(client, path)


async def test_two_requests_sent_at_once_on_a_connection_are_answered_in_order() -> None:
    async with serving(Behaviour("piped", "1.0.0")) as (_, _, _, client):
        assert client._base_url is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", client._base_url.port)
        writer.write(
            b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\nGET /v2/nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        text = (await reader.read()).decode()
        writer.close()
    assert text.index("HTTP/1.1 200") < text.index("HTTP/1.1 404")


async def test_what_is_not_http_is_refused_and_the_connection_closed() -> None:
    async with serving(Behaviour("plain", "1.0.0")) as (_, _, _, client):
        assert client._base_url is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", client._base_url.port)
        writer.write(b"\x16\x03\x01\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"errorRate": 1.5}, "errorRate"),
        ({"latencyMs": {"p50": 10, "p99": 5}}, "latencyMs"),
        ({"errorrate": 0.1}, "errorrate"),
        ({"loadSeconds": -1}, "loadSeconds"),
        ({"stream": {"second": 1}}, "stream"),
        ({"coldRequests": {"seconds": 1}}, "coldRequests"),
        ({"coldRequests": {"count": -1}}, "coldRequests"),
        ({"stream": {"events": 0}}, "stream"),
    ],
)
def test_a_wrong_model_file_is_refused_by_its_field(tmp_path: Path, fields: dict[str, object], named: str) -> None:
    path = model_file(tmp_path / "model.json", **fields)
    with pytest.raises(ModelFileError, match=named):
        read_behaviour(path)


def model_file(path: Path, **fields: object) -> Path:
    path.write_text(json.dumps({"name": "m", "version": "1.0.0"} | fields))
    return path


async def started(path: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "testbed.servers.v2", "--model", str(path), "--host", "127.0.0.1", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def port_of(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    return int((await process.stdout.readline()).split()[-1])


async def test_sigterm_ends_the_process_with_success_after_the_answer(tmp_path: Path) -> None:
    process = await started(model_file(tmp_path / "model.json", latencyMs={"p50": 300, "p99": 301}))
    reader, writer = await asyncio.open_connection("127.0.0.1", await port_of(process))
    body = json.dumps(GOOD).encode()
    head = f"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\nexpect: 100-continue\r\n\r\n"
    writer.write(head.encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    writer.write(body)
    process.send_signal(signal.SIGTERM)
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()
    assert await process.wait() == 0


async def test_a_crash_leaves_the_request_without_an_answer(tmp_path: Path) -> None:
    process = await started(model_file(tmp_path / "model.json", crashAfterRequests=1))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{await port_of(process)}") as client:
        assert (await infer(client, "/v2/models/m"))[0] == 200
        with pytest.raises(aiohttp.ClientError):
            await infer(client, "/v2/models/m")
    assert await process.wait() == 70


async def test_a_model_may_crash_at_start_or_be_unreadable(tmp_path: Path) -> None:
    assert await (await started(model_file(tmp_path / "a.json", crashAtStart=True))).wait() == 70
    process = await started(model_file(tmp_path / "b.json", typo=1))
    assert process.stderr is not None
    assert b"'typo'" in await process.stderr.read()
    assert await process.wait() == 2
