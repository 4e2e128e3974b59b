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
HURRIED = f"""
from crossfade.__main__ import main
from crossfade.cli import warmth
warmth.PATIENCE_SECONDS, warmth.PAUSE_SECONDS = 0.1, {STEP}
main()
"""
"""The command line, where ten seconds are a tenth of one."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Model:
    """A server that counts, and answers as its knobs say."""

    def __init__(self) -> None:
        self.ready, self.status, self.seconds, self.bodies = True, 200, 0.0, list[bytes]()
        self.port, self._server = 0, Http1Server(self.handle)

    async def handle(self, request: Request) -> Response:
        if request.method == "GET":
            return Response(200 if self.ready else 503)
        self.bodies.append(request.body)
        await asyncio.sleep(self.seconds)
        return Response(self.status)

    async def start(self) -> None:
        """Listen: at any port at first, at the same later on."""
        self.port = await self._server.listen("127.0.0.1", self.port)

    async def end(self) -> None:
        """Listen no more, and close what is open."""
        await self._server.drain()
        self._server = Http1Server(self.handle)


@asynccontextmanager
async def pod(*flags: str, body: bytes = b"{}", folder: Path) -> AsyncIterator[tuple[Model, Process, str]]:
    """A model server with `crossfade warm` beside it: the server, the process, and where the kubelet asks it."""
    model, port = Model(), free_port()
    await model.start()
    (folder / "body").write_bytes(body)
    at = f"http://localhost:{model.port}"
    given = [f"--url={at}/infer", f"--up={at}/ready", f"--port={port}", f"--body={folder / 'body'}"]
    words = ["-c", HURRIED, "warm", *given, "--requests=3", *flags]
    process = await create_subprocess_exec(sys.executable, *words, stdout=DEVNULL, stderr=PIPE)
    try:
        yield model, process, f"http://localhost:{port}"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await model.end()


async def asked(address: str, path: str) -> int:
    """What the kubelet is answered; 0 while nobody listens."""
    try:
        async with aiohttp.ClientSession() as client, client.get(f"{address}{path}") as answer:
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0


async def until(address: str, path: str, status: int) -> None:
    async with asyncio.timeout(120):
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
        await model.end()
        await model.start()
        assert await asked(kubelet, "/warm") == 503
        await until(kubelet, "/warm", 200)
        assert len(model.bodies) == 6
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_a_kubelet_that_was_restarted_is_told_at_once_that_a_server_is_warm_still(tmp_path: Path) -> None:
    """Before Kubernetes 1.35 it asks all startup probes again, and a pod is not ready until they are answered."""
    async with pod(folder=tmp_path) as (model, _, kubelet):
        await until(kubelet, "/warm", 200)
        assert [await asked(kubelet, "/warm") for _ in range(3)] == [200, 200, 200]
        assert len(model.bodies) == 3


@pytest.mark.parametrize(
    ("status", "timeout", "says"),
    [
        (500, 60.0, "answered 500 to warm-up request 1 of 3"),
        (302, 60.0, "answered 302 to warm-up request 1 of 3"),
        (200, 0.1, "gave no answer within 0.1 s to warm-up request 1 of 3"),
    ],
)
async def test_a_server_that_answers_badly_for_a_while_is_told_of(status: int, timeout: float, says: str) -> None:
    model, gate = Model(), Gate(frozenset)
    model.status, model.seconds = status, 0.2
    await model.start()
    url = f"http://localhost:{model.port}/infer"
    send = partial(post, url, b"{}", "application/json", timeout)
    warmer = Warmer(gate, 3, lambda: is_up(url), send, patience=0.1, pause=STEP)
    assert await asyncio.to_thread(warmer.run) == f"the model server {says}"
    assert not gate.asked()
    await model.end()


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

    gate = Gate(frozenset)
    Warmer(gate, 3, lambda: True, send, patience=10.0, pause=0.0)._round()
    return gate.asked(), len(left)


def test_bad_answers_do_not_count_and_good_ones_after_them_do() -> None:
    assert warmed(200, 500, 404, 201, 204, 200) == (True, 1)


@pytest.mark.parametrize("end", [GoneError("-"), NoAnswerError("-")])
def test_what_another_process_answered_does_not_count(end: Exception) -> None:
    assert warmed(200, 200, end, 200, 200, 200, 200) == (True, 1)


def test_failures_before_a_server_was_gone_are_not_held_against_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each server fails once, is gone for longer than anybody has patience, and the last one answers."""
    clock, looks, answers = [1.0], iter([True, False, True, False, True, True]), iter([500, 500, 200])
    monkeypatch.setattr("crossfade.cli.warmth.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("crossfade.cli.warmth.time.sleep", lambda seconds: clock.append(clock.pop() + seconds))
    gate = Gate(frozenset)
    assert Warmer(gate, 1, lambda: next(looks), lambda: next(answers), patience=10.0, pause=11.0)._round() == ""
    assert gate.asked()


def test_where_processes_cannot_be_told_apart_a_second_question_means_another() -> None:
    gate = Gate(frozenset)
    gate.warmed(gate.listeners())
    assert [gate.asked(), gate.asked()] == [True, False]


def test_a_server_that_was_started_anew_before_the_kubelet_asked_is_not_warm() -> None:
    seen = [frozenset({7})]
    gate = Gate(lambda: seen[0])
    gate.warmed(gate.listeners())
    seen[0] = frozenset({8})
    assert not gate.asked()
    gate.warmed(gate.listeners())
    seen[0] = frozenset({8, 9})  # one more worker of the same server
    assert [gate.asked(), gate.asked()] == [True, True]


async def test_a_body_that_is_not_there_is_told_of_and_the_process_ends_for_the_kubelet_to_see(tmp_path: Path) -> None:
    async with pod(f"--body={tmp_path / 'none'}", folder=tmp_path) as (model, process, kubelet):
        assert process.stderr is not None
        async with asyncio.timeout(120):
            told = (await process.stderr.read()).decode()
        assert await process.wait() == EXIT_NOT_WARM
        assert "the body of the warm-up requests cannot be read (No such file or directory)" in told
        assert model.bodies == []
        assert await asked(kubelet, "/warm") == 0
