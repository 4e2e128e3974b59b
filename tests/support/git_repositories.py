"""Git repositories behind Git's own `http-backend`, with users by password in front of it, and a web server that keeps
what DVC pushes."""

import base64
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.servers import Quiet
from tests.support.servers import serving as web_server

CALM = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    **{f"GIT_{who}_{what}": f"{what.lower()}@git" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
"""The environment in which nobody's own settings count."""


@dataclass
class Repositories:
    """Bare repositories below `folder`, and DVC's files below `kept`. `passwords` are the users; those in `outsiders`
    may read nothing. Without passwords anybody may read. `url` is the address of both."""

    folder: Path
    kept: Path
    passwords: dict[str, str] = field(default_factory=dict)
    outsiders: set[str] = field(default_factory=set)
    url: str = ""

    def create(self, name: str, *options: str, filters: bool = True) -> Path:
        """An empty repository."""
        home = self.folder / name
        home.mkdir(parents=True)
        self.git(name, "init", "--quiet", "--bare", "--initial-branch=main", *options)
        self.git(name, "config", "uploadpack.allowFilter", str(filters).lower())
        return home

    def git(self, name: str, *command: str, at: int | None = None, stdin: bytes = b"") -> str:
        """Run git in the repository, at this moment in Unix seconds; returns what it writes."""
        moment = {"GIT_COMMITTER_DATE": f"{at} +0000"} if at else {}
        line = ["git", "--git-dir", str(self.folder / name), *command]
        done = subprocess.run(line, input=stdin, env=os.environ | CALM | moment, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def commit(self, name: str, files: dict[str, bytes | tuple[str, str]], branch: str = "main") -> str:
        """Commit these files on top of the branch, without DVC; a pair is a mode and the id of an object. Returns the
        commit."""
        index = str(self.folder / name / "index.new")
        line = ["git", "--git-dir", str(self.folder / name)]
        environment = os.environ | CALM | {"GIT_INDEX_FILE": index}

        def run(*command: str, stdin: bytes = b"") -> str:
            done = subprocess.run([*line, *command], input=stdin, env=environment, capture_output=True, check=True)
            return done.stdout.decode().strip()

        parents: list[str] = []
        with suppress(subprocess.CalledProcessError):
            parents = ["-p", run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")]
            run("read-tree", parents[1])
        for path, content in files.items():
            mode, oid = (
                content
                if isinstance(content, tuple)
                else ("100644", run("hash-object", "-w", "--stdin", stdin=content))
            )
            run("update-index", "--add", "--cacheinfo", f"{mode},{oid},{path}")
        made = run("commit-tree", run("write-tree"), *parents, "-m", "change")
        run("update-ref", f"refs/heads/{branch}", made)
        Path(index).unlink()
        return made

    def status(self, authorization: str | None) -> int:
        """Whether this user may read: 200, 401 or 403."""
        if not self.passwords:
            return 200
        user, _, password = base64.b64decode((authorization or "").removeprefix("Basic ")).decode().partition(":")
        if not password or self.passwords.get(user) != password:
            return 401
        return 403 if user in self.outsiders else 200


class _Handler(Quiet, BaseHTTPRequestHandler):
    def __init__(self, made: Repositories, *connection: Any) -> None:
        self._made = made
        super().__init__(*connection)

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        content = _chunks(self) if chunked else self.content()
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/kept/"):
            self._keep(self._made.kept / path.removeprefix("/kept/"), content)
            return
        status = self._made.status(self.headers.get("Authorization"))
        if status != 200:
            self.say(status, headers={"WWW-Authenticate": 'Basic realm="git"'} if status == 401 else {})
            return
        status, headers, said = _cgi(self._made, self, content)
        self.say(status, said, headers)

    def _keep(self, file: Path, content: bytes) -> None:
        if self.command in ("POST", "PUT"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        found = file.read_bytes() if file.is_file() else None
        self.say(404 if found is None else 200, found or b"")


@contextmanager
def serving(made: Repositories, address: str = "127.0.0.1", port: int = 0) -> Iterator[Repositories]:
    """Both at an address of this machine: DVC's files at /kept, all else is Git's."""
    with web_server(partial(_Handler, made), address, port) as url:
        made.url = url
        yield made


def _cgi(made: Repositories, asked: BaseHTTPRequestHandler, content: bytes) -> tuple[int, dict[str, str], bytes]:
    """What git http-backend answers."""
    parts = urlsplit(asked.path)
    environment = (
        os.environ
        | CALM
        | {
            "GIT_PROJECT_ROOT": str(made.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": asked.headers.get("Git-Protocol", ""),
            "PATH_INFO": unquote(parts.path),
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": asked.command,
            "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(content)),
            "HTTP_CONTENT_ENCODING": asked.headers.get("Content-Encoding", ""),
        }
    )
    done = subprocess.run(["git", "http-backend"], input=content, env=environment, capture_output=True, check=False)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    return int(headers.pop("Status", "200").split()[0]), headers, body


def _chunks(asked: BaseHTTPRequestHandler) -> bytes:
    found = bytearray()
    while size := int(asked.rfile.readline(), 16):
        found += asked.rfile.read(size)
        asked.rfile.readline()
    asked.rfile.readline()
    return bytes(found)
