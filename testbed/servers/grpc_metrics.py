"""The Prometheus series of a model server's gRPC calls, by the names, labels and gaps that MLServer 1.7 has.

Gaps and all: a call that ends in an error is started and never handled, and of a stream nothing but its messages is
counted. Failed inferences are counted by ``model_infer_request_failure_total``, whose ``version`` is empty here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Histogram

from testbed import oip

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Method = Callable[[Any, Any], Awaitable[Any]]

_CALL = ("grpc_type", "grpc_service", "grpc_method")
_STREAM = ("BIDI_STREAMING", oip.SERVICE, "ModelStreamInfer")

_started = Counter("grpc_server_started", "Total number of RPCs started on the server.", _CALL)
_handled = Counter("grpc_server_handled", "Total number of RPCs completed on the server.", (*_CALL, "grpc_code"))
_durations = Histogram("grpc_server_handling_seconds", "Response latency of RPCs handled by the server.", _CALL)
_received = Counter("grpc_server_msg_received", "Total number of RPC stream messages received on the server.", _CALL)
_sent = Counter("grpc_server_msg_sent", "Total number of gRPC stream messages sent by the server.", _CALL)


def counted(name: str, method: Method) -> Method:
    """The same unary method, counted."""
    labels = ("UNARY", oip.SERVICE, name)

    async def call(request: Any, context: Any) -> Any:
        begun = time.perf_counter()
        _started.labels(*labels).inc()
        try:
            answer = await method(request, context)
        finally:
            _durations.labels(*labels).observe(time.perf_counter() - begun)
        _handled.labels(*labels, "OK").inc()
        return answer

    return call


def stream_received() -> None:
    """Count a message that a stream's client sent."""
    _received.labels(*_STREAM).inc()


def stream_sent() -> None:
    """Count a message that was sent on a stream."""
    _sent.labels(*_STREAM).inc()
