"""Would catch a model server that is another one over gRPC: other errors, other counts, calls lost at its end."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from grpc import aio

from testbed import oip
from testbed.servers import metrics
from testbed.servers.behaviour import Behaviour, Latency, Marked, Stream
from testbed.servers.grpc_v2 import GrpcServer
from testbed.servers.model import Model

MARK = ("x-model-version", "1.0.0")


def request(*data: float, model: str = "m") -> bytes:
    payload = {"inputs": [{"name": "input", "shape": [1, len(data)], "datatype": "FP64", "data": list(data)}]}
    return oip.infer_request(model, payload)


@contextlib.asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[tuple[aio.Channel, Model, GrpcServer]]:
    model = Model(behaviour)
    model.loaded = True
    server = GrpcServer(model)
    port = await server.listen("127.0.0.1", 0)
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel, model, server
    await server.drain()


def infer(channel: aio.Channel, body: bytes) -> Any:
    return channel.unary_unary(oip.INFER)(body)


def stream(channel: aio.Channel, *bodies: bytes) -> Any:
    return channel.stream_stream(oip.STREAM)(iter(bodies))


async def code(channel: aio.Channel, body: bytes) -> grpc.StatusCode:
    """The status of an inference; every answer says in its trailers who gave it."""
    call = infer(channel, body)
    assert MARK in tuple(await call.trailing_metadata() or ())
    found: grpc.StatusCode = await call.code()
    return found


async def ready(channel: aio.Channel, method: str, name: str = "") -> bool:
    fields = {"name": name} if name else {}
    body = oip.message(f"{method}Request")(**fields).SerializeToString()
    answer = await channel.unary_unary(f"/{oip.SERVICE}/{method}")(body)
    return bool(oip.message(f"{method}Response").FromString(answer).ready)


async def test_a_good_model_answers_one_prediction_a_row() -> None:
    payload = {"inputs": [{"name": "input", "shape": [2, 3], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}]}
    async with serving(Behaviour("m", "1.0.0")) as (channel, _, _):
        call = infer(channel, oip.infer_request("m", payload))
        answer = oip.message("ModelInferResponse").FromString(await call)
        assert MARK in tuple(await call.initial_metadata())
    assert (answer.model_name, answer.model_version) == ("m", "1.0.0")
    assert list(answer.outputs[0].shape) == [2, 1]
    assert list(answer.outputs[0].contents.int64_contents) == [0, 0]


async def test_errors_are_those_that_the_model_gives_over_http() -> None:
    async with serving(Behaviour("m", "1.0.0", fails_when=(Marked(0, 13.0),))) as (channel, model, _):
        assert await code(channel, request(13.0)) is grpc.StatusCode.INTERNAL
        assert await code(channel, request(0.5)) is grpc.StatusCode.OK
        assert await code(channel, request(0.5, model="other")) is grpc.StatusCode.NOT_FOUND
        assert await code(channel, oip.infer_request("m", {"inputs": []})) is grpc.StatusCode.INVALID_ARGUMENT
        model.loaded = False
        assert await code(channel, request(0.5)) is grpc.StatusCode.UNAVAILABLE


async def test_readiness_follows_the_model() -> None:
    async with serving(Behaviour("m", "1.0.0", fail_readiness_after_requests=1)) as (channel, _, _):
        assert await ready(channel, "ServerReady")
        assert await ready(channel, "ModelReady", "m")
        assert await code(channel, request(0.5)) is grpc.StatusCode.OK
        assert not await ready(channel, "ServerReady")
        assert not await ready(channel, "ModelReady", "m")


async def test_a_stream_comes_in_pieces_and_takes_its_time() -> None:
    async with serving(Behaviour("m", "1.0.0", stream=Stream(seconds=0.3, events=4))) as (channel, _, _):
        clock = asyncio.get_running_loop().time
        begun = clock()
        call = stream(channel, request(0.5))
        times = [clock() - begun async for _ in call]
        assert await call.code() is grpc.StatusCode.OK
    assert len(times) == 4
    assert times[-1] >= 0.29


async def test_the_first_piece_of_a_stream_is_not_kept_until_the_last() -> None:
    async with serving(Behaviour("m", "1.0.0", stream=Stream(seconds=600, events=2))) as (channel, _, _):
        call = stream(channel, request(0.5))
        async with asyncio.timeout(60):
            await anext(aiter(call))
        call.cancel()


async def test_a_stream_that_the_model_raises_on_is_an_error_and_not_begun() -> None:
    async with serving(Behaviour("m", "1.0.0", error_rate=1.0)) as (channel, _, _):
        call = stream(channel, request(0.5))
        assert await call.code() is grpc.StatusCode.INTERNAL
        assert MARK in tuple(await call.trailing_metadata())
        assert tuple(await call.initial_metadata()) == ()


async def test_drain_finishes_calls_and_streams_in_flight_and_takes_no_more() -> None:
    behaviour = Behaviour("m", "1.0.0", latency=Latency(150, 151), stream=Stream(seconds=0.5, events=3))
    async with serving(behaviour) as (channel, model, server):
        events = aiter(streamed := stream(channel, request(0.5)))
        await anext(events)
        received, predict = asyncio.Event(), model.infer

        async def note_and_infer(*arguments: Any, **named: Any) -> Any:
            received.set()
            return await predict(*arguments, **named)

        model.infer = note_and_infer  # type: ignore[method-assign]
        call = infer(channel, request(0.5))
        await received.wait()
        await server.drain()
        assert await call.code() is grpc.StatusCode.OK
        assert len([one async for one in events]) == 2
        assert await streamed.code() is grpc.StatusCode.OK
        assert await infer(channel, request(0.5)).code() is grpc.StatusCode.UNAVAILABLE


async def test_series_have_the_names_labels_and_gaps_of_mlserver() -> None:
    behaviour = Behaviour("counted", "1.0.0", fails_when=(Marked(0, 13.0),), stream=Stream(0, 3))
    async with serving(behaviour) as (channel, _, _):
        for value in (0.5, 13.0):
            await infer(channel, request(value, model="counted")).code()
        assert len([one async for one in stream(channel, request(0.5, model="counted"))]) == 3
    text = metrics.exposition().decode()
    method = f'grpc_method="ModelInfer",grpc_service="{oip.SERVICE}",grpc_type="UNARY"'
    streams = f'grpc_method="ModelStreamInfer",grpc_service="{oip.SERVICE}",grpc_type="BIDI_STREAMING"'
    for series in (f"grpc_server_started_total{{{method}}}", f"grpc_server_handling_seconds_count{{{method}}}"):
        assert f"{series} " in text
    assert f'grpc_server_handled_total{{grpc_code="OK",{method}}} ' in text
    assert 'grpc_code="INTERNAL"' not in text
    assert f"grpc_server_msg_sent_total{{{streams}}} " in text
    assert f"grpc_server_started_total{{{streams}}}" not in text
    assert 'model_infer_request_success_total{model="counted",version=""} 2.0' in text
    assert 'model_infer_request_failure_total{model="counted",version=""} 1.0' in text


async def started(path: Path, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "testbed.servers.v2", "--model", str(path), "--host", "127.0.0.1", "--port", "0"),
        *options,
        stdout=asyncio.subprocess.PIPE,
    )


async def port_of(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    return int((await process.stdout.readline()).split()[-1])


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"name": "m", "version": "1.0.0", "stream": {"seconds": 3, "events": 2}}))
    return path


async def until_stopping(client: aiohttp.ClientSession, port: int) -> None:
    """Wait until the process knows that it is to end."""
    async with asyncio.timeout(60):
        while True:
            async with client.get(f"http://127.0.0.1:{port}/v2/health/ready") as answer:
                if answer.status == 503:
                    return


async def test_sigterm_ends_the_process_after_its_streams_and_its_series_are_there_till_then(model_file: Path) -> None:
    process = await started(model_file, "--grpc-port", "0")
    http, port = await port_of(process), await port_of(process)
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel, aiohttp.ClientSession() as client:
        events = aiter(call := stream(channel, request(0.5)))
        await anext(events)
        process.send_signal(signal.SIGTERM)
        await until_stopping(client, http)
        async with client.get(f"http://127.0.0.1:{http}/metrics") as answer:
            assert 'model_infer_request_success_total{model="m",version=""} 1.0' in await answer.text()
        assert len([one async for one in events]) == 1
        assert await call.code() is grpc.StatusCode.OK
        assert await process.wait() == 0


async def test_a_server_of_http_alone_loads_nothing_of_grpc() -> None:
    program = "import sys, testbed.servers.v2; print(*{'grpc', 'google.protobuf'} & sys.modules.keys())"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0].strip() == b""
