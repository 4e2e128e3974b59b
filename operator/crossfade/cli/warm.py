"""`crossfade warm`: the container beside a model server that holds its pod back until the server has been warmed up."""

import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Annotated
from urllib.parse import urlsplit

import typer

from crossfade.cli import warmth
from crossfade.cli.last_words import tell_kubelet
from crossfade.cli.warmth import EXIT_NOT_WARM, Gate, Warmer


def warm(
    url: Annotated[str, typer.Option(help="Where the warm-up requests are POSTed.")],
    requests: Annotated[int, typer.Option(min=1, help="How many must be answered with 2xx.")],
    body: Annotated[Path, typer.Option(help="The file that is sent with each; read anew for each.")],
    up: Annotated[str, typer.Option(help="What must answer a GET, or be listened at, before the first one.")],
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds that one request may take.")] = 30.0,
    content_type: Annotated[str, typer.Option(help="The body's media type.")] = "application/json",
    inline: Annotated[
        str | None, typer.Option(envvar="CROSSFADE_WARMUP_BODY", help="The body, without a file.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the kubelet asks.")] = 8089,
) -> None:
    """Warm up the model server of this pod, and tell the kubelet when that is done.

    Runs as long as the pod. Exit status: 5 when ten seconds went by with nothing but failures; the kubelet starts it
    again.
    """
    from crossfade.adapters.listeners import listeners
    from crossfade.adapters.model_server import is_up, post

    def send() -> int:
        return post(url, body.read_bytes() if inline is None else inline.encode(), content_type, timeout)

    gate = Gate(lambda: listeners(urlsplit(url).port or 80))
    warmer = Warmer(gate, requests, lambda: is_up(up), send, warmth.PATIENCE_SECONDS, warmth.PAUSE_SECONDS)
    server = _server(gate, port)
    trouble: list[str] = []

    def work() -> None:
        try:
            trouble.append(warmer.run())
        finally:  # without it the kubelet would ask for ever
            server.shutdown()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # a container's first process would outlive it
    Thread(target=work, daemon=True).start()
    server.serve_forever(poll_interval=warmth.PAUSE_SECONDS)
    said = trouble[0] if trouble else "the warm-up itself failed; its log says where"
    typer.echo(f"crossfade warm: {said}", err=True)
    tell_kubelet(said)
    raise typer.Exit(EXIT_NOT_WARM)


def _server(gate: Gate, port: int) -> ThreadingHTTPServer:
    """Answers /warm, the model container's startup probe, and /seen, the own container's readiness probe."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = gate.asked() if self.path == "/warm" else gate.seen
            self.send_response(200 if good else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: probes come each second."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        daemon_threads = True

        def server_bind(self) -> None:
            if self.address_family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            super().server_bind()

    return Server(("", port), Handler)
