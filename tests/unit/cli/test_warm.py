"""Would catch: a pod that is called warm before its server answered, or not again after its server was started anew."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from crossfade.adapters.model_server import GoneError, NoAnswerError, is_up, post
from crossfade.cli.warmth import EXIT_NOT_WARM, Gate, Warmer
from crossfade.decide.warming import NOT_WARM_EXIT

from testbed.servers.http1 import Http1Server, Request, Response

Answer = Callable[[Request], Awaitable[Response]]
STEP = 0.02


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Model:
    """A server that counts, and answers as its knobs say."""

    def __init__(self) -> None:
        self.ready, self.status, self.seconds, self.bodies = True, 200, 0.0, list[bytes]()

    async def handle(self, request: Request) -> Response:
        if request.method == "GET":
            return Response(200 if self.ready else 503)
        self.bodies.append(request.body)
        await asyncio.sleep(self.seconds)
        return Response(self.status)


@asynccontextmanager
async def pod(*flags: str, body: bytes = b"{}", folder: Path) -> AsyncIterator[tuple[Model, Process, str]]:
    """A model server with `crossfade warm` beside it: the server, the process, and where the kubelet asks it."""
    model, port = Model(), free_port()
    server = Http1Server(model.handle)
    at = await server.listen("127.0.0.1", 0)
    (folder / "body").write_bytes(body)
    given = [f"--url=http://localhost:{at}/infer", f"--up=http://localhost:{at}/ready", f"--port={port}"]
    words = ["-m", "crossfade", "warm", *given, f"--body={folder / 'body'}", "--requests=3", *flags]
    process = await create_subprocess_exec(sys.executable, *words, stdout=DEVNULL, stderr=PIPE)
    try:
        yield model, process, f"http://localhost:{port}"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await server.drain()


async def asked(address: str, path: str) -> int:
    """What the kubelet is answered; 0 while nobody listens."""
    try:
        async with aiohttp.ClientSession() as client, client.get(f"{address}{path}") as answer:
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0


async def until(address: str, path: str, status: int) -> None:
    async with asyncio.timeout(20):
        while await asked(address, path) != status:  # noqa: ASYNC110 - as the kubelet does
            await asyncio.sleep(STEP)


async def test_a_server_is_warm_when_it_has_answered_so_many_and_cold_again_when_it_is_started_anew(
    tmp_path: Path,
) -> None:
    async with pod(body=b'{"a": 1}', folder=tmp_path) as (model, process, kubelet):
        model.ready = False
        await until(kubelet, "/warm", 503)
        assert (await asked(kubelet, "/seen"), model.bodies) == (503, [])
        model.ready = True
        await until(kubelet, "/seen", 200)
        await until(kubelet, "/warm", 200)
        assert model.bodies == [b'{"a": 1}'] * 3
        # Kubernetes asks no more once it was told; so this is the first question about another process
        model.seconds = 0.2
        assert await asked(kubelet, "/warm") == 503
        await until(kubelet, "/warm", 200)
        assert len(model.bodies) == 6
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("status", "timeout", "says"),
    [
        (500, 5.0, "answered 500 to warm-up request 1 of 3"),
        (302, 5.0, "answered 302 to warm-up request 1 of 3"),
        (200, 0.1, "gave no answer within 0.1 s to warm-up request 1 of 3"),
    ],
)
async def test_a_server_that_answers_badly_for_a_while_is_told_of(status: int, timeout: float, says: str) -> None:
    model = Model()
    model.status, model.seconds, gate = status, 0.3, Gate()
    server = Http1Server(model.handle)
    url = f"http://localhost:{await server.listen('127.0.0.1', 0)}/infer"
    send = partial(post, url, b"{}", "application/json", timeout)
    warmer = Warmer(gate, 3, lambda: is_up(url), send, patience=0.2, pause=STEP)
    assert await asyncio.to_thread(warmer.run) == f"the model server {says}"
    assert not gate.asked()
    await server.drain()


def test_the_operator_reads_the_exit_code_that_is_given() -> None:
    assert EXIT_NOT_WARM == NOT_WARM_EXIT


def warmed(*answers: int | Exception) -> tuple[bool, int]:
    """Whether three answers of these made a server warm, and how many of them were not needed."""
    left = list(answers)

    def send() -> int:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    gate = Gate()
    Warmer(gate, 3, lambda: True, send, pause=0.0)._round()
    return gate.asked(), len(left)


def test_bad_answers_do_not_count_and_good_ones_after_them_do() -> None:
    assert warmed(200, 500, 404, 201, 204, 200) == (True, 1)


@pytest.mark.parametrize("end", [GoneError("-"), NoAnswerError("-")])
def test_what_another_process_answered_does_not_count(end: Exception) -> None:
    assert warmed(200, 200, end, 200, 200, 200, 200) == (True, 1)


async def test_a_body_that_is_not_there_is_told_of_and_the_process_ends_for_the_kubelet_to_see(tmp_path: Path) -> None:
    async with pod(f"--body={tmp_path / 'none'}", folder=tmp_path) as (model, process, kubelet):
        assert process.stderr is not None
        async with asyncio.timeout(30):
            told = (await process.stderr.read()).decode()
        assert await process.wait() == EXIT_NOT_WARM
        assert "the body of the warm-up requests cannot be read (No such file or directory)" in told
        assert model.bodies == []
        assert await asked(kubelet, "/warm") == 0
