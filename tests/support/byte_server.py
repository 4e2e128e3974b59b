"""A web server of large files with ranges and validators, which drops, throttles or changes when it is told to.

It lists and serves them as a Hugging Face Hub does too, so that a loader can be told of many. Also a process of its
own: `python -m tests.support.byte_server FOLDER RATE DELAY` prints its URL and serves until its input ends.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_PIECE_BYTES = 1 << 20
COMMIT = "c" * 40
URI = f"hf://crossfade/model@{COMMIT}"
"""What it has, as a Hub."""
_LIST = f"/api/models/crossfade/model/tree/{COMMIT}"
_FILES = f"/crossfade/model/resolve/{COMMIT}/"


@dataclass
class ByteServer:
    """What lies below `folder` is at `url`. `asked` lists path and Range of every request, "" for the whole; `sent`
    counts the bytes of bodies. `lock` is for who changes what is served between two requests."""

    url: str
    folder: Path
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    ranges: bool = True
    validators: tuple[str, ...] = ("ETag",)
    """The headers that tell one version of a file from another."""
    names_parts: bool = True
    """Whether parts have them too."""
    conditions: bool = True
    """Whether If-Range is heeded."""
    modified: float = 0.0
    """What is in Last-Modified, in seconds since 1970."""
    now: float | None = None
    """What is in Date, in seconds since 1970; None for this machine's clock."""
    drops: list[int] = field(default_factory=list)
    """After so many bytes of the next bodies their connections end; one for each."""
    on_drop: Callable[[], object] = lambda: None
    stall: int | None = None
    """After so many bytes of each body nothing more comes."""
    version: str = "1"
    """What is in the ETag and the generation; whoever changes bytes in place changes it."""
    bytes_second: float = float("inf")
    """Of one connection."""
    stretch: int = 0
    """So many bytes more than are asked for are in a part, or fewer."""
    delay: float = 0.0
    """Seconds before each answer."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def part(self, handler: BaseHTTPRequestHandler, size: int) -> tuple[int, int] | None:
        """First byte and end of what is asked for, None for the whole."""
        found = _RANGE.fullmatch(handler.headers.get("Range", ""))
        current = not self.conditions or handler.headers.get("If-Range") in (None, *self.versions().values())
        if found is None or not self.ranges or not current or int(found[1]) >= size:
            return None
        return int(found[1]), min(int(found[2] or size - 1) + 1 + self.stretch, size)

    def versions(self) -> dict[str, str]:
        """What tells the version, by its header."""
        known = {
            "ETag": f'"{self.version}"',
            "Last-Modified": formatdate(self.modified, usegmt=True),
            "x-goog-generation": self.version,
        }
        return {name: known[name] for name in self.validators}


@contextmanager
def byte_server(folder: Path, address: str = "127.0.0.1") -> Iterator[ByteServer]:
    """A server on this machine."""
    with ThreadingHTTPServer((address, 0), BaseHTTPRequestHandler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        made = ByteServer(f"http://{address}:{server.server_port}", folder)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path.startswith(_LIST):
                    _list(self, made.folder)
                    return
                path = unquote(self.path.removeprefix(_FILES).lstrip("/"))
                with (made.folder / path).open("rb") as file:
                    _answer(self, made, file.fileno())

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(made.now if timestamp is None else timestamp)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        server.RequestHandlerClass = Handler
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.ended.set()
            server.shutdown()
            thread.join()


def _list(handler: BaseHTTPRequestHandler, folder: Path) -> None:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    listed = [
        {"type": "file", "path": path.relative_to(folder).as_posix(), "size": path.stat().st_size} for path in files
    ]
    content = json.dumps(listed).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def _answer(handler: BaseHTTPRequestHandler, made: ByteServer, file: int) -> None:
    size = os.fstat(file).st_size
    with made.lock:
        part = made.part(handler, size)
        made.asked.append((handler.path, handler.headers.get("Range", "")))
        drop = made.drops.pop(0) if made.drops else None
    time.sleep(made.delay)
    start, end = part or (0, size)
    handler.send_response(206 if part else 200)
    if part:
        handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
    for name, told in (made.versions() if made.names_parts or part is None else {}).items():
        handler.send_header(name, told)
    handler.send_header("Content-Length", str(end - start))
    handler.end_headers()
    handler.wfile.flush()
    until = end if drop is None else min(start + drop, end)
    try:
        if made.stall is not None:
            _send(handler, made, file, start, min(start + made.stall, end))
            made.ended.wait()
        _send(handler, made, file, start, until)
    except (BrokenPipeError, ConnectionResetError):
        handler.close_connection = True
    if until < end:
        handler.close_connection = True
        made.on_drop()


def _send(handler: BaseHTTPRequestHandler, made: ByteServer, file: int, start: int, end: int) -> None:
    while start < end:
        count = os.sendfile(handler.connection.fileno(), file, start, min(end - start, _PIECE_BYTES))
        start += count
        with made.lock:
            made.sent += count
        time.sleep(count / made.bytes_second)


@contextmanager
def in_a_process(folder: Path, rate: float = float("inf"), delay: float = 0.0) -> Iterator[str]:
    """The URL of a server that takes no processor time of this interpreter."""
    command = [sys.executable, "-m", "tests.support.byte_server", str(folder), str(rate), str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def main() -> None:
    """Entry point."""
    folder, rate, delay = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    with byte_server(folder) as server:
        server.bytes_second, server.delay = rate, delay
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
