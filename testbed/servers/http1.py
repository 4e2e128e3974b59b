"""A small HTTP/1.1 server around h11: keep-alive, one answer at a time per connection, drain on request.

h11 instead of a web framework, because a model server pod has to be up within a fraction of a second on a busy machine.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request; ``path`` is without its query."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response, or one whose ``chunks`` are sent as they come; length and connection headers are added."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Headers = ()
    chunks: AsyncIterator[bytes] | None = None


class Http1Server:
    """Serves one handler on one port; ``drain`` ends it without losing a request that was received."""

    def __init__(self, handler: Callable[[Request], Awaitable[Response]]) -> None:
        self.handler = handler
        self.draining = False
        self.connections: set[_Connection] = set()
        self._idle = asyncio.Event()
        self._listener: asyncio.Server | None = None

    async def listen(self, host: str | None, port: int) -> int:
        """Listen on ``host`` (None: every address of this network namespace); returns the port."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Connection(self), host, port, backlog=1024)
        port_in_use: int = self._listener.sockets[0].getsockname()[1]
        return port_in_use

    async def drain(self) -> None:
        """Answer every request in flight, then stop listening and close the idle connections."""
        self.draining = True
        self.note_progress()
        await self._idle.wait()
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self.connections):
            connection.close()

    def note_progress(self) -> None:
        """Called by a connection when an answer has left."""
        if self.draining and not any(connection.busy for connection in self.connections):
            self._idle.set()


class _Connection(asyncio.Protocol):
    """One client connection; pipelined requests wait in h11 until the answer before them has left."""

    def __init__(self, server: Http1Server) -> None:
        self._server = server
        self._http = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._body: list[bytes] = []
        self._answer: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def busy(self) -> bool:
        return self._head is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._head = None
        self._server.connections.discard(self)
        self._server.note_progress()

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        self._advance()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _advance(self) -> None:
        try:
            while (event := self._http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Request):
                    self._head, self._body = event, []
                    self._continue_if_asked()
                elif isinstance(event, h11.Data):
                    self._body.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    self._answer = asyncio.get_running_loop().create_task(self._respond(self._whole_request()))
                elif isinstance(event, h11.ConnectionClosed):
                    return self.close()
        except h11.RemoteProtocolError as error:
            self._send(Response(error.error_status_hint, b'{"error":"not an HTTP/1.1 request"}'))
            self.close()

    def _continue_if_asked(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self._write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))

    def _whole_request(self) -> Request:
        assert self._head is not None
        path = self._head.target.decode("ascii", "replace").partition("?")[0]
        return Request(self._head.method.decode("ascii"), path, b"".join(self._body))

    async def _respond(self, request: Request) -> None:
        response = await self._server.handler(request)
        if response.chunks is not None:
            await self._stream(response, response.chunks)
        if self._transport is None:
            return
        if response.chunks is None:
            self._send(response)
        self._head = None
        if self._http.our_state is h11.MUST_CLOSE:
            self.close()
        elif self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
            self._advance()
        self._server.note_progress()

    async def _stream(self, response: Response, chunks: AsyncIterator[bytes]) -> None:
        """Send the chunks as they come; the rest is drawn even when the client has gone, for it is counted."""
        if self._transport is not None:
            self._write(self._http.send(self._head_of(response, ("transfer-encoding", "chunked"))))
        async for chunk in chunks:
            if self._transport is not None:
                self._write(self._http.send(h11.Data(data=chunk)))
        if self._transport is not None:
            self._write(self._http.send(h11.EndOfMessage()))

    def _head_of(self, response: Response, length: tuple[str, str]) -> h11.Response:
        headers = [("content-type", response.content_type), length, *response.headers]
        if self._server.draining:
            headers.append(("connection", "close"))
        return h11.Response(status_code=response.status, headers=headers)

    def _send(self, response: Response) -> None:
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        parts = [
            self._http.send(self._head_of(response, ("content-length", str(len(response.body))))),
            self._http.send(h11.Data(data=response.body)),
            self._http.send(h11.EndOfMessage()),
        ]
        self._write(b"".join(part for part in parts if part))

    def _write(self, data: bytes | None) -> None:
        if self._transport is not None and data:
            self._transport.write(data)
