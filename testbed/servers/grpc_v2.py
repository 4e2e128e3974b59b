"""The programmable model over gRPC (`inference.GRPCInferenceService`).

Like MLServer: `ModelStreamInfer` answers each request with as many messages as its stream has; an error is INTERNAL
when the model raised, INVALID_ARGUMENT when the request was not understood. Every answer says who gave it
in its metadata, and once more in its trailers: so a status that the model gave is told from one that somebody made up
on the way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from grpc import aio

from testbed import oip
from testbed.servers import grpc_metrics
from testbed.servers.model import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from testbed.servers.model import Model

    Context = aio.ServicerContext[Any, Any]

_OPTIONS = (("grpc.so_reuseport", 0),)  # a port that is taken shall be an error
_FAR_OFF = 3600.0
_REFUSALS = {
    Outcome.LOADING: (grpc.StatusCode.UNAVAILABLE, "The model is still loading."),
    Outcome.NOT_UNDERSTOOD: (grpc.StatusCode.INVALID_ARGUMENT, "The request has no numeric input."),
    Outcome.RAISED: (grpc.StatusCode.INTERNAL, "The model raised an error."),
}


class GrpcServer:
    """Serves one model on one port; ``drain`` ends it without losing a call that was received."""

    def __init__(self, model: Model) -> None:
        self._service = InferenceService(model)
        self._server = aio.server(options=_OPTIONS)

    async def listen(self, host: str | None, port: int) -> int:
        """Listen on ``host`` (None: every address of this network namespace); returns the port."""
        self._server.add_generic_rpc_handlers((self._service.handlers(),))
        port_in_use = self._server.add_insecure_port(f"{host or '[::]'}:{port}")
        await self._server.start()
        return port_in_use

    async def drain(self) -> None:
        """Tell clients to go away, finish every call in flight, then close."""
        await self._server.stop(_FAR_OFF)


class InferenceService:
    """The service's methods."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def handlers(self) -> grpc.GenericRpcHandler:
        """The methods by name, for a server."""
        unary = {
            "ServerLive": self._live,
            "ServerReady": self._server_ready,
            "ModelReady": self._model_ready,
            "ModelInfer": self._infer,
        }
        methods = {
            name: grpc.unary_unary_rpc_method_handler(grpc_metrics.counted(name, method), *_serializers(name))
            for name, method in unary.items()
        }
        methods["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(self._stream, *_serializers("ModelInfer"))
        return grpc.method_handlers_generic_handler(oip.SERVICE, methods)

    async def _live(self, _: Any, context: Context) -> Any:
        return await self._answer(context, "ServerLiveResponse", live=True)

    async def _server_ready(self, _: Any, context: Context) -> Any:
        return await self._answer(context, "ServerReadyResponse", ready=self._model.ready)

    async def _model_ready(self, request: Any, context: Context) -> Any:
        await self._known(request.name, context)
        return await self._answer(context, "ModelReadyResponse", ready=self._model.ready)

    async def _infer(self, request: Any, context: Context) -> Any:
        count = await self._rows(request, context)
        return await self._answer(context, "ModelInferResponse", **self._prediction(count))

    async def _stream(self, requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        stream, begun = self._model.behaviour.stream, False
        async for request in requests:
            grpc_metrics.stream_received()
            count = await self._rows(request, context)
            if not begun:
                await self._begin(context)
                begun = True
            for event in range(stream.events):
                await asyncio.sleep(stream.gap if event else 0)
                yield oip.message("ModelInferResponse")(**self._prediction(count))
                grpc_metrics.stream_sent()

    async def _rows(self, request: Any, context: Context) -> int:
        """How many rows a good request has; any other is ended with its error, by an exception."""
        await self._known(request.model_name, context)
        outcome, count = await self._model.infer(lambda: oip.rows(request), version="")
        if outcome is not Outcome.PREDICTED:
            await context.abort(*_REFUSALS[outcome], trailing_metadata=self._model.marks)
        return count

    async def _known(self, name: str, context: Context) -> None:
        if name != self._model.behaviour.name:
            missing = f"Model {name} is not served here."
            await context.abort(grpc.StatusCode.NOT_FOUND, missing, trailing_metadata=self._model.marks)

    def _prediction(self, count: int) -> dict[str, Any]:
        output = {
            "name": "predict",
            "datatype": "INT64",
            "shape": [count, 1],
            "contents": {"int64_contents": [0] * count},
        }
        behaviour = self._model.behaviour
        return {"model_name": behaviour.name, "model_version": behaviour.version, "outputs": [output]}

    async def _answer(self, context: Context, name: str, **fields: Any) -> Any:
        await self._begin(context)
        return oip.message(name)(**fields)

    async def _begin(self, context: Context) -> None:
        context.set_trailing_metadata(self._model.marks)
        await context.send_initial_metadata(self._model.marks)


def _serializers(name: str) -> tuple[Any, Any]:
    return oip.message(f"{name}Request").FromString, oip.message(f"{name}Response").SerializeToString
