"""gRPC calls over HTTP/2 without TLS, unary ones and streams."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import grpc
from grpc import aio

from testbed import oip
from testbed.load.client import Answer
from testbed.load.verdict import arm_of, blame_for_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_CONNECTIONS = 4
"""HTTP/2 carries all calls of a client on one connection; a gateway has many clients."""


class GrpcClient:
    """Calls to the method of a URL such as ``grpc://10.0.0.1:80/inference.GRPCInferenceService/ModelInfer``.

    Each body is a whole request message. The header ``host`` is the calls' authority, others are their metadata.
    Calls take turns on four connections that are kept, or, unless ``keep``, each has one of its own. None is tried a
    second time, not even where gRPC's clients do so by default. ``timeout`` is in seconds.
    """

    def __init__(self, url: str, headers: Mapping[str, str], *, timeout: float, keep: bool) -> None:
        parts = urlsplit(url)
        self._target, self._method = f"{parts.hostname}:{parts.port or 80}", parts.path
        self._metadata = tuple((name.lower(), value) for name, value in headers.items() if name.lower() != "host")
        authority = next((value for name, value in headers.items() if name.lower() == "host"), parts.netloc)
        self._options = (
            ("grpc.default_authority", authority),
            ("grpc.use_local_subchannel_pool", 1),  # else channels to one address share a connection
            ("grpc.enable_retries", 0),
            ("grpc.enable_http_proxy", 0),
        )
        self._timeout = timeout
        self._keep = keep
        self._kept: list[aio.Channel] = []
        self._turns: Iterator[aio.Channel] = iter(())

    async def open(self) -> None:
        """See Client."""
        if self._keep:
            self._kept = [self._channel() for _ in range(_CONNECTIONS)]
            self._turns = itertools.cycle(self._kept)

    async def close(self) -> None:
        """See Client."""
        for channel in self._kept:
            await channel.close()

    async def send(self, body: bytes) -> Answer:
        """See Client."""
        if self._keep:
            return await self._call(next(self._turns), body)
        async with self._channel() as channel:
            return await self._call(channel, body)

    def _channel(self) -> aio.Channel:
        return aio.insecure_channel(self._target, options=self._options)

    async def _call(self, channel: aio.Channel, body: bytes) -> Answer:
        # On the wire a unary call is a stream of one message.
        method: aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(self._method)
        call = method(body, timeout=self._timeout, metadata=self._metadata)
        last = await _last_message(call)
        initial, trailing = _headers(await call.initial_metadata()), _headers(await call.trailing_metadata())
        code, said = await call.code(), await call.details()
        error = None if code is grpc.StatusCode.OK else code.name
        arm = arm_of(initial | trailing) or oip.model_version(last)
        return Answer(int(code.value[0]), arm, blame_for_code(code, trailing, said or ""), error)


async def _last_message(call: aio.UnaryStreamCall[bytes, bytes]) -> bytes:
    last = b""
    with contextlib.suppress(aio.AioRpcError):  # how the call ended is asked of the call itself
        async for message in call:
            last = message
    return last


def _headers(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    return {name: str(value) for name, value in metadata or ()}
