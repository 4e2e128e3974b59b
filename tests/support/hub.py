"""A stand-in for the Hugging Face Hub over real git repositories, in which large files are LFS pointers as on the Hub.

The Hub's own client is held against it in tests/contract/test_hub.py: where the two disagree, this is what is wrong.
"""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.support.servers import Quiet
from tests.support.servers import serving as web_server

_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_CALM = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    **{f"GIT_{who}_{what}": f"{what.lower()}@hub" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


@dataclass(frozen=True)
class Said:
    """An answer; `code` is the Hub's own word for what is wrong."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def no(cls, status: int, code: str, sentence: str) -> "Said":
        told = {"X-Error-Code": code} if code else {}
        headers = {**told, "X-Error-Message": quote(sentence, safe=" "), "Content-Type": "application/json"}
        return cls(status, json.dumps({"error": sentence}).encode(), headers)

    def part(self, first: int, last: int) -> "Said":
        """The bytes from the first to the last."""
        told = {"Content-Range": f"bytes {first}-{last}/{len(self.content)}"}
        return Said(206, self.content[first : last + 1], {**self.headers, **told})

    @classmethod
    def json(cls, value: Any, **headers: str) -> "Said":
        return cls(200, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


NO_REPOSITORY = "RepoNotFound", "Repository not found"


@dataclass
class Hub:
    """Repositories below `folder`. `tokens` are the users by their tokens; `readers` are those who may read a private
    repository, `writers` those who may write to one, and `admitted` those who may read a gated one's files. Large files
    are sent from `elsewhere`, where that is set. Tree pages have `page` entries. `instead` are commits in whose place
    others are given, as only a Hub does that was broken into."""

    folder: Path
    tokens: dict[str, str] = field(default_factory=dict)
    readers: dict[str, set[str]] = field(default_factory=dict)
    admitted: dict[str, set[str]] = field(default_factory=dict)
    writers: dict[str, set[str]] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    """Method, path and content of what was written."""
    scans: dict[str, dict[str, Any]] = field(default_factory=dict)
    elsewhere: str = ""
    page: int = 50
    url: str = ""
    instead: dict[str, str] = field(default_factory=dict)

    def push(self, repo: str, files: Mapping[str, bytes], large: tuple[str, ...] = (), branch: str = "main") -> str:
        """Commit these files on top of the branch, those with a name in `large` by LFS; returns the commit."""
        home = self.folder / repo
        if not home.is_dir():
            home.mkdir(parents=True)
            self.git(repo, "init", "--quiet", "--bare")
        parent = self._commit(repo, f"refs/heads/{branch}")
        index = {"GIT_INDEX_FILE": str(home / "index.new")}
        if parent:
            self.git(repo, "read-tree", parent, variables=index)
        for path, content in files.items():
            blob = self._pointer(content) if path in large else content
            found = self.git(repo, "hash-object", "-w", "--stdin", stdin=blob).decode().strip()
            self.git(repo, "update-index", "--add", "--cacheinfo", f"100644,{found},{path}", variables=index)
        tree = self.git(repo, "write-tree", variables=index).decode().strip()
        parents = ("-p", parent) if parent else ()
        commit = self.git(repo, "commit-tree", tree, *parents, "-m", "change").decode().strip()
        self.git(repo, "update-ref", f"refs/heads/{branch}", commit)
        (home / "index.new").unlink(missing_ok=True)
        return commit

    def damage(self, repo: str, commit: str, path: str, content: bytes) -> None:
        """Put other bytes where a large file is kept, as no user can and a broken disk can."""
        pointed = _pointed(self.git(repo, "cat-file", "blob", f"{commit}:{path}"))
        assert pointed, f"{path} is no large file"
        (self.folder / "lfs" / pointed[0]).write_bytes(content)

    def git(self, repo: str, *command: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        """Run git in the repository; returns what it writes."""
        environment = os.environ | _CALM | dict(variables or {})
        line = ["git", "--git-dir", str(self.folder / repo), *command]
        return subprocess.run(line, input=stdin, env=environment, capture_output=True, check=True).stdout

    def told(self, method: str, path: str, authorization: str | None, content: bytes) -> Said:
        """What the Hub says to POST and DELETE of tags."""
        user = self.tokens.get((authorization or "").removeprefix("Bearer "))
        if user is None:
            return Said.no(401, "", "Invalid credentials in Authorization header")
        _, _, *parts, what, name = [unquote(part) for part in urlsplit(path).path.strip("/").split("/")]
        repo = "/".join(parts)
        if what != "tag" or not (self.folder / repo / "HEAD").is_file() or user not in self.readers.get(repo, {user}):
            return Said.no(404, *NO_REPOSITORY)
        if user not in self.writers.get(repo, set()):
            return Said.no(403, "", "Forbidden: you must use a write token to tag.")
        self.written.append(f"{method} {path} {content.decode()}".rstrip())
        if method == "DELETE":
            return self._untag(repo, name)
        return self._tag(repo, json.loads(content)["tag"], name)

    def _tag(self, repo: str, tag: str, revision: str) -> Said:
        commit = self._commit(repo, revision)
        if not commit:
            return Said.no(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if self._commit(repo, f"refs/tags/{tag}"):
            return Said.no(409, "", "Tag reference exists already")
        self.git(repo, "update-ref", f"refs/tags/{tag}", commit)
        return Said(200, b"OK")

    def _untag(self, repo: str, tag: str) -> Said:
        if not self._commit(repo, f"refs/tags/{tag}"):
            return Said.no(404, "RevisionNotFound", f"Invalid rev id: {tag}")
        self.git(repo, "update-ref", "-d", f"refs/tags/{tag}")
        return Said(204)

    def answer(self, path: str, authorization: str | None) -> Said:
        """What the Hub says to GET."""
        parts = urlsplit(path)
        segments = [unquote(part) for part in parts.path.strip("/").split("/")]
        if segments[0] == "lfs":  # a signed address needs nobody's token, and refuses one beside it
            refused = authorization is not None or parts.query != "signature=1"
            content = b"" if refused else (self.folder / "lfs" / segments[1]).read_bytes()
            return Said(400) if refused else Said(200, content, {"ETag": f'"{segments[1]}"'})
        token = (authorization or "").removeprefix("Bearer ")
        if authorization and token not in self.tokens:
            return Said.no(401, "", "Invalid credentials in Authorization header")
        user = self.tokens.get(token)
        if segments == ["api", "models"]:
            return self._some(user, int(parse_qs(parts.query).get("limit", ["1"])[0]))
        api = segments[:2] == ["api", "models"]
        repo, rest = "/".join(segments[2 * api :][:2]), segments[2 * api :][2:]
        if not rest or not (self.folder / repo / "HEAD").is_file() or user not in self.readers.get(repo, {user}):
            return Said.no(404 if user else 401, *NO_REPOSITORY)
        if not api and rest[0] == "resolve":
            return self._barred(repo, user) or self._file(repo, rest[1], "/".join(rest[2:]))
        if api and rest == ["auth-check"]:
            return self._barred(repo, user) or Said(200, b"OK")
        if api and rest == ["refs"]:
            return self._barred(repo, user) or self._refs(repo)
        if api and rest[0] in ("revision", "tree"):
            return self._read(repo, rest[0], rest[1], parse_qs(parts.query), parts.path)
        return Said.no(404, "", "Not Found")

    def _some(self, user: str | None, limit: int) -> Said:
        repos = sorted(head.parent.relative_to(self.folder).as_posix() for head in self.folder.glob("*/*/HEAD"))
        visible = [repo for repo in repos if user in self.readers.get(repo, {user})]
        return Said.json([{"id": repo, "modelId": repo, "private": repo in self.readers} for repo in visible[:limit]])

    def _barred(self, repo: str, user: str | None) -> Said | None:
        if user in self.admitted.get(repo, {user}):
            return None
        sentence = f"Access to model {repo} is restricted and you are not in the authorized list."
        return Said.no(403 if user else 401, "GatedRepo", sentence)

    def _read(self, repo: str, what: str, revision: str, asked: Mapping[str, list[str]], path: str) -> Said:
        commit = self._commit(repo, revision)
        if not commit:
            return Said.no(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if what == "revision":
            return Said.json(self._about(repo, commit, asked))
        entries = list(self._tree(repo, commit))
        start = int(asked.get("cursor", ["0"])[0])
        end = start + self.page
        more = f'<{self.url}{path}?recursive=true&cursor={end}>; rel="next"'
        return Said.json(entries[start:end], **({"Link": more} if end < len(entries) else {}))

    def _about(self, repo: str, commit: str, asked: Mapping[str, list[str]]) -> dict[str, Any]:
        files = [entry["path"] for entry in self._tree(repo, commit) if entry["type"] == "file"]
        found = {
            "_id": hashlib.sha256(repo.encode()).hexdigest()[:24],
            "id": repo,
            "modelId": repo,
            "sha": commit,
            "private": repo in self.readers,
            "gated": "manual" if repo in self.admitted else False,
            "tags": [],
            "downloads": len(files),
            "siblings": [{"rfilename": path} for path in files],
            "cardData": {"license": "of-the-hub"},
        }
        return found | ({"securityRepoStatus": self.scans.get(repo)} if "securityStatus" in asked else {})

    def _tree(self, repo: str, commit: str) -> Iterator[dict[str, Any]]:
        for line in self.git(repo, "ls-tree", "-r", "-t", "-l", "-z", commit).decode().split("\0")[:-1]:
            meta, _, path = line.partition("\t")
            _, kind, oid, size = meta.split()
            entry: dict[str, object] = {
                "type": "directory" if kind == "tree" else "file",
                "oid": oid,
                "size": 0,
                "path": path,
            }
            if kind == "blob":
                entry["size"] = int(size)
                pointed = _pointed(self.git(repo, "cat-file", "blob", oid)) if int(size) < 200 else None
                if pointed:
                    entry |= {"size": pointed[1], "lfs": {"oid": pointed[0], "size": pointed[1], "pointerSize": size}}
            yield entry

    def _refs(self, repo: str) -> Said:
        listed: dict[str, list[dict[str, str]]] = {"branches": [], "converts": [], "tags": []}
        for line in self.git(repo, "for-each-ref", "--format=%(refname) %(objectname)").decode().splitlines():
            ref, commit = line.split(" ")
            kind = "tags" if ref.startswith("refs/tags/") else "branches"
            listed[kind].append({"name": ref.split("/", 2)[2], "ref": ref, "targetCommit": commit})
        return Said.json(listed)

    def _file(self, repo: str, revision: str, path: str) -> Said:
        commit = self._commit(repo, revision)
        if not commit:
            return Said.no(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        try:
            content = self.git(repo, "cat-file", "blob", f"{commit}:{path}")
        except subprocess.CalledProcessError:
            return Said.no(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
        pointed = _pointed(content)
        if not pointed:
            return Said(200, content, headers)
        linked = {**headers, "X-Linked-Etag": f'"{pointed[0]}"', "X-Linked-Size": str(pointed[1])}
        if self.elsewhere:
            return Said(302, headers={**linked, "Location": f"{self.elsewhere}/lfs/{pointed[0]}?signature=1"})
        return Said(200, (self.folder / "lfs" / pointed[0]).read_bytes(), {**linked, "ETag": f'"{pointed[0]}"'})

    def _commit(self, repo: str, revision: str) -> str | None:
        try:
            found = self.git(repo, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
        except subprocess.CalledProcessError:
            return None
        return self.instead.get(found, found)

    def _pointer(self, content: bytes) -> bytes:
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "lfs").mkdir(exist_ok=True)
        (self.folder / "lfs" / digest).write_bytes(content)
        return _POINTER + f"oid sha256:{digest}\nsize {len(content)}\n".encode()


def _pointed(blob: bytes) -> tuple[str, int] | None:
    """SHA-256 and size of the large file that this is a pointer to."""
    if not blob.startswith(_POINTER):
        return None
    digest, size = blob.removeprefix(_POINTER).decode().split("\n")[:2]
    return digest.removeprefix("oid sha256:"), int(size.removeprefix("size "))


@contextmanager
def serving(hub: Hub, address: str = "127.0.0.1", port: int = 0) -> Iterator[Hub]:
    """The Hub at an address of this machine, at its `url`."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = hub.answer(self.path, self.headers.get("Authorization"))
            asked = _RANGE.fullmatch(self.headers.get("Range", ""))
            if asked and said.status == 200 and self.headers.get("If-Range") in (None, said.headers.get("ETag")):
                said = said.part(int(asked[1]), int(asked[2] or len(said.content) - 1))
            self.say(said.status, said.content, said.headers)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            said = hub.told(self.command, self.path, self.headers.get("Authorization"), self.content())
            self.say(said.status, said.content, said.headers)

        do_DELETE = do_POST  # noqa: N815 - the library's name

    with web_server(Handler, address, port) as url:
        hub.url = hub.url or url
        yield hub
