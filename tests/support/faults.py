"""A proxy in front of a real server that answers wrongly when it is told to: what registries do on their bad days."""

import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

_DROPPED = {"transfer-encoding", "connection", "content-length", "content-encoding", "keep-alive"}


@dataclass(frozen=True)
class Answer:
    """What goes back: `sent` of its `content`, so fast."""

    status: int
    headers: dict[str, str]
    content: bytes
    sent: int | None = None
    byte_seconds: float = 0.0


Fault = Callable[[Answer], Answer]


def refusing(status: int, **headers: str) -> Fault:
    """Another status, with these headers; underlines stand for dashes."""
    return lambda _: Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, b"{}")


def truncating(answer: Answer) -> Answer:
    """Half of the body, and then the end of the connection."""
    return Answer(answer.status, answer.headers, answer.content, sent=len(answer.content) // 2)


def dripping(answer: Answer) -> Answer:
    """A byte every twentieth of a second: each read gets something, and the whole never comes."""
    return Answer(answer.status, answer.headers, answer.content + b" " * 1000, byte_seconds=0.05)


def flipping(answer: Answer) -> Answer:
    """One bit of the last byte is another one."""
    return Answer(answer.status, answer.headers, answer.content[:-1] + bytes([answer.content[-1] ^ 1]))


def swelling(answer: Answer) -> Answer:
    """The same, with five MiB of nothing behind it."""
    return Answer(answer.status, answer.headers, answer.content + b" " * (5 << 20))


def compressing(answer: Answer) -> Answer:
    """The same, packed although nobody asked for that."""
    return Answer(answer.status, {**answer.headers, "Content-Encoding": "gzip"}, gzip.compress(answer.content))


@dataclass
class Proxy:
    """Reached at `url`. `seen` lists path and headers of every request; `fault` is done to answers whose path holds
    `where`, at most `times` times."""

    url: str
    upstream: str
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    fault: Fault | None = None
    where: str = ""
    times: float = float("inf")
    refuses: Callable[[Mapping[str, str]], int | None] = lambda _: None
    """The status for requests with such headers, where the server behind asks nobody; None for those that pass."""
    told: list[bytes] = field(default_factory=list)
    """The bodies of all that was posted, or sent to be deleted."""
    keeps_host: bool = False
    """Whether the server behind is told the name that was asked for, which signatures may be of."""

    def inject(self, fault: Fault, where: str = "", times: float = float("inf")) -> None:
        """From now on."""
        self.fault, self.where, self.times = fault, where, times

    def sent(self, name: str) -> set[str | None]:
        """All values that requests had in this header."""
        return {headers.get(name.lower()) for _, headers in self.seen}

    def answer(
        self,
        client: httpx.Client,
        path: str,
        headers: dict[str, str],
        content: bytes | None = None,
        method: str = "POST",
    ) -> Answer:
        """What the server says, or what the fault makes of it."""
        self.seen.append((path, headers))
        self.told += [content] if content is not None else []
        if refusal := self.refuses(headers):
            return Answer(refusal, {}, b"{}")
        dropped = ("connection",) if self.keeps_host else ("host", "connection")
        passed = {name: text for name, text in headers.items() if name not in dropped}
        method = "GET" if content is None else method
        found = client.request(method, f"{self.upstream}{path}", headers=passed, content=content)
        kept = {name: text for name, text in found.headers.items() if name not in _DROPPED}
        answer = Answer(found.status_code, kept, found.content)
        if self.fault is None or self.where not in path or self.times < 1:
            return answer
        self.times -= 1
        return self.fault(answer)


@contextmanager
def proxy(
    upstream: str,
    certificate: tuple[Path, Path] | None = None,
    address: str = "127.0.0.1",
    port: int = 0,
    *,
    keeps_host: bool = False,
) -> Iterator[Proxy]:
    """A proxy at an address of this machine, and at this port or any that is free; with a certificate and its key it
    speaks TLS."""
    with (
        httpx.Client(timeout=60, trust_env=False) as client,
        ThreadingHTTPServer((address, port), BaseHTTPRequestHandler) as server,
    ):
        made = Proxy(f"{'https' if certificate else 'http'}://{address}:{server.server_port}", upstream)
        made.keeps_host = keeps_host

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): text for name, text in self.headers.items()}
                _write(self, made.answer(client, self.path, headers))

            def do_POST(self) -> None:
                headers = {name.lower(): text for name, text in self.headers.items()}
                content = self.rfile.read(int(headers.get("content-length", 0)))
                _write(self, made.answer(client, self.path, headers, content, self.command))

            do_DELETE = do_PATCH = do_PUT = do_POST  # noqa: N815 - the library's names

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        server.RequestHandlerClass = Handler
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def _write(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    try:
        handler.send_response(answer.status)
        for name, text in answer.headers.items():
            handler.send_header(name, text)
        handler.send_header("Content-Length", str(len(answer.content)))
        handler.end_headers()
        if not answer.byte_seconds:
            handler.wfile.write(answer.content[: answer.sent])
            return
        for byte in answer.content:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(answer.byte_seconds)
    except (BrokenPipeError, ConnectionResetError):
        pass
