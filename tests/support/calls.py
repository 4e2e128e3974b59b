"""What users of an endpoint do over gRPC: calls and streams through its gateway, by its host name."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass

from grpc import aio

from testbed import oip
from testbed.load import LoadGenerator
from testbed.load.grpc_client import GrpcClient
from tests.support import objects
from tests.support.endpoint import BODY, FAILING, REQUEST_SECONDS, Endpoint
from tests.support.recorder import PATIENCE_SECONDS

PORT = 9000
CALL = oip.infer_request(objects.MODEL, json.loads(BODY))
FAILING_CALL = oip.infer_request(objects.MODEL, json.loads(FAILING))
"""A call on which a model with `failsWhen` at 13 raises."""
_PAUSE = 0.02


def served_over_grpc(container: objects.Object) -> objects.Object:
    """The programmable server's container, serving gRPC too, on its port `grpc`."""
    args = [*container["args"], "--grpc-port", str(PORT)]
    return {**container, "args": args, "ports": [*container["ports"], {"name": "grpc", "containerPort": PORT}]}


def calls(endpoint: Endpoint, rate: float, *, keep: bool = True, body: bytes = CALL) -> LoadGenerator:
    """Inferences, `rate` per second, on kept connections or on new ones."""
    url = _url(endpoint, oip.INFER)
    load = LoadGenerator(url, rate, [body], {"host": endpoint.host}, timeout=REQUEST_SECONDS, keep=keep)
    return endpoint.counted("gRPC calls" if keep else "gRPC calls on new connections", load)


def streams(endpoint: Endpoint, rate: float) -> LoadGenerator:
    """Streams, which take the model's time, `rate` begun per second."""
    load = LoadGenerator(_url(endpoint, oip.STREAM), rate, [CALL], {"host": endpoint.host}, timeout=REQUEST_SECONDS)
    return endpoint.counted("gRPC streams", load)


async def until_called(endpoint: Endpoint) -> None:
    """Wait until the gateway serves the route."""
    client = GrpcClient(_url(endpoint, oip.INFER), {"host": endpoint.host}, timeout=REQUEST_SECONDS, keep=False)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await client.send(CALL)).error is not None:  # noqa: ASYNC110 - a gateway tells nobody when it serves
            await asyncio.sleep(_PAUSE)


def _url(endpoint: Endpoint, method: str) -> str:
    return endpoint.gateway.replace("http://", "grpc://") + method


@dataclass(frozen=True)
class Heard:
    """How one call ended; `headers` are those before the answer and after it, as one."""

    code: str
    headers: dict[str, str]


async def call(endpoint: Endpoint, method: str = oip.INFER, body: bytes = CALL, **metadata: str) -> Heard:
    """One call through the gateway."""
    target = endpoint.gateway.removeprefix("http://") + ":80"
    options = (("grpc.default_authority", endpoint.host), ("grpc.enable_retries", 0))
    sent = tuple((name.replace("_", "-"), value) for name, value in metadata.items())
    async with aio.insecure_channel(target, options=options) as channel:
        asked: aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)
        answer = asked(body, timeout=REQUEST_SECONDS, metadata=sent)
        with suppress(aio.AioRpcError):
            async for _ in answer:
                pass
        code = (await answer.code()).name
        both = (*(await answer.initial_metadata() or ()), *(await answer.trailing_metadata() or ()))
    return Heard(code, {name: str(value) for name, value in both})
