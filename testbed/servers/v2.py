"""A programmable Open Inference Protocol v2 server: ``python -m testbed.servers.v2 --model FILE --port 8080``.

What it does is data in the model file (see behaviour.py). `generate_stream` answers with server-sent events, the last
of which is ``data: [DONE]``, as language models do. Every answer carries ``x-model-version``, and ``x-model-revision``
when the environment has a REVISION. On SIGTERM readiness is false at once, requests in flight are answered, then it
ends with exit code 0. With ``--grpc-port`` the same model is served over gRPC too (see grpc_v2.py).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.servers import metrics
from testbed.servers.behaviour import Behaviour, ModelFileError, Stream, read_behaviour
from testbed.servers.http1 import Http1Server, Request, Response
from testbed.servers.model import Model, Outcome, crash

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_UNCOUNTED = frozenset({"/v2/health/live", "/v2/health/ready", "/metrics"})


class ModelServer:
    """Routes HTTP requests to one model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        path = f"/v2/models/{model.behaviour.name}"
        self._routes: dict[tuple[str, str], tuple[str, Callable[[Request], Awaitable[Response]]]] = {
            ("GET", "/v2/health/live"): ("/v2/health/live", self._live),
            ("GET", "/v2/health/ready"): ("/v2/health/ready", self._ready),
            ("GET", "/metrics"): ("/metrics", self._metrics),
            ("GET", "/v2"): ("/v2", self._server_metadata),
            ("GET", path): ("/v2/models/{model_name}", self._model_metadata),
            ("GET", f"{path}/ready"): ("/v2/models/{model_name}/ready", self._ready),
            ("POST", f"{path}/infer"): ("/v2/models/{model_name}/infer", self._infer),
            ("POST", f"{path}/generate_stream"): ("/v2/models/{model_name}/generate_stream", self._generate),
        }

    async def handle(self, request: Request) -> Response:
        """Answer one request and count it."""
        template, route = self._routes.get((request.method, request.path), (request.path, self._not_found))
        if template in _UNCOUNTED:
            return await route(request)
        started = time.perf_counter()
        metrics.begin(request.method)
        response = await route(request)

        def end() -> None:
            metrics.end(request.method, template, response.status, time.perf_counter() - started)

        if response.chunks is not None:
            return replace(response, chunks=_then(response.chunks, end))
        end()
        return response

    def _json(self, status: int, value: object) -> Response:
        return Response(status, json.dumps(value).encode(), headers=self._model.marks)

    async def _live(self, _: Request) -> Response:
        return Response(200, headers=self._model.marks)

    async def _ready(self, _: Request) -> Response:
        return Response(200 if self._model.ready else 503, headers=self._model.marks)

    async def _metrics(self, _: Request) -> Response:
        return Response(200, metrics.exposition(), "text/plain; version=0.0.4; charset=utf-8", self._model.marks)

    async def _server_metadata(self, _: Request) -> Response:
        return self._json(200, {"name": "crossfade-testbed", "version": "1", "extensions": []})

    async def _model_metadata(self, _: Request) -> Response:
        behaviour = self._model.behaviour
        names = {"name": behaviour.name, "versions": [behaviour.version], "platform": "testbed"}
        return self._json(200, names | {"inputs": [], "outputs": []})

    async def _not_found(self, request: Request) -> Response:
        return self._json(404, {"error": f"Nothing is served at {request.method} {request.path}."})

    async def _infer(self, request: Request) -> Response:
        # MLServer labels with the word None what it takes over HTTP without a version
        outcome, rows = await self._model.infer(lambda: _rows(json.loads(request.body)), "None")
        behaviour = self._model.behaviour
        if outcome is Outcome.LOADING:
            return self._json(503, {"error": f"Model {behaviour.name} is still loading."})
        if outcome is Outcome.NOT_UNDERSTOOD:
            return self._json(422, {"error": "The body is not an Open Inference v2 request with a numeric input."})
        if outcome is Outcome.RAISED:
            return self._json(500, {"error": "The model raised an error."})
        output = {"name": "predict", "shape": [rows, 1], "datatype": "INT64", "data": [0] * rows}
        return self._json(200, {"model_name": behaviour.name, "model_version": behaviour.version, "outputs": [output]})

    async def _generate(self, request: Request) -> Response:
        """Like an inference, but that a good answer comes in pieces."""
        response = await self._infer(request)
        if response.status != 200:
            return response
        events = _events(self._model.behaviour.stream, response.body)
        return Response(200, b"", "text/event-stream", self._model.marks, events)


async def _events(stream: Stream, content: bytes) -> AsyncIterator[bytes]:
    yield b"data: " + content + b"\n\n"
    for _ in range(stream.events - 1):
        await asyncio.sleep(stream.gap)
        yield b"data: " + content + b"\n\n"
    yield b"data: [DONE]\n\n"


async def _then(chunks: AsyncIterator[bytes], end: Callable[[], None]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
    end()


def _rows(payload: dict[str, Any]) -> list[list[float]]:
    """The rows of the first input, whose shape is [rows, columns] and whose data is flat or nested."""
    first = payload["inputs"][0]
    count, data = int(first["shape"][0]), first["data"]
    if data and isinstance(data[0], list):
        return [list(row) for row in data]
    width = len(data) // count
    return [data[row * width : (row + 1) * width] for row in range(count)]


async def serve(behaviour: Behaviour, host: str | None, port: int, grpc_port: int | None) -> None:
    """Serve until SIGTERM or SIGINT, then drain: gRPC first, for HTTP has the series."""
    model = Model(behaviour, os.environ.get("REVISION", ""))
    server = Http1Server(ModelServer(model).handle)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    port = await server.listen(host, port)
    print(f"{behaviour.name} {behaviour.version} listens on port {port}", flush=True)
    drains: list[Callable[[], Awaitable[None]]] = [server.drain]
    if grpc_port is not None:
        drains.insert(0, await _serve_grpc(model, host, grpc_port))
    loop.call_later(behaviour.load_seconds, setattr, model, "loaded", True)
    await stop.wait()
    model.stopping = True
    for drain in drains:
        await drain()


async def _serve_grpc(model: Model, host: str | None, port: int) -> Callable[[], Awaitable[None]]:
    from testbed.servers.grpc_v2 import GrpcServer  # servers of HTTP alone start without it in half the time

    server = GrpcServer(model)
    port = await server.listen(host, port)
    print(f"{model.behaviour.name} {model.behaviour.version} listens for gRPC on port {port}", flush=True)
    return server.drain


def main() -> int:
    """Entry point; 2 for a model file that can't be served."""
    parser = argparse.ArgumentParser(prog="python -m testbed.servers.v2", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model file (JSON)")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--grpc-port", type=int, help="serve gRPC too, on this port")
    parser.add_argument("--host", help="address to listen on; every address of this network namespace when left out")
    options = parser.parse_args()
    try:
        behaviour = read_behaviour(options.model)
    except ModelFileError as error:
        print(error, file=sys.stderr)
        return 2
    if behaviour.crash_at_start:
        crash("crashAtStart")
    asyncio.run(serve(behaviour, options.host, options.port, options.grpc_port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
