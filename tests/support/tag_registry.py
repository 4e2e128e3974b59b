"""An OCI registry of nothing but manifests, which lets tags be taken away, as Debian's does not.

What it has in common with Debian's registry is told to both in tests/contract/test_oci_writing.py, where ORAS's own
client reads and writes its manifests too. That a tag alone is deleted is said by the distribution specification, and no
client of a registry vouches for it: ORAS's deletes the manifest by its digest, with every tag of it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.servers import Quiet
from tests.support.servers import serving as web_server

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class TagRegistry:
    """Manifests by their digest, with their media types, and what tags mean, of one repository. With `frugal` a
    manifest goes with its last tag."""

    repository: str = "risk/fraud"
    frugal: bool = False
    url: str = ""
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    """Method and reference of what was written."""

    def push(self, tag: str) -> str:
        """A manifest of its own, with spaces that no encoder would write again; returns its digest."""
        content = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "of": tag}, indent=3).encode()
        self.tags[tag] = self._keep(MANIFEST, content)
        return self.tags[tag]

    def answer(self, method: str, path: str, kind: str, content: bytes) -> tuple[int, bytes, dict[str, str]]:
        """What is said."""
        repository, _, reference = path.removeprefix("/v2/").rpartition("/manifests/")
        digest = self.tags.get(reference, reference)
        if method == "PUT":
            return self._put(reference, kind, content)
        if repository != self.repository or digest not in self.manifests:
            return 404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}', {}
        if method == "GET":
            found = self.manifests[digest]
            return 200, found[1], {"Content-Type": found[0], "Docker-Content-Digest": digest}
        self.written.append(f"{method} {reference}")
        assert reference in self.tags, "a digest is never to be deleted"
        del self.tags[reference]
        if self.frugal and digest not in self.tags.values():
            del self.manifests[digest]
        return 202, b"", {}

    def _put(self, reference: str, kind: str, content: bytes) -> tuple[int, bytes, dict[str, str]]:
        self.written.append(f"PUT {reference}")
        if json.loads(content)["mediaType"] != kind:
            return 400, b'{"errors": [{"code": "MANIFEST_INVALID"}]}', {}
        digest = self._keep(kind, content)
        if not reference.startswith("sha256:"):
            self.tags[reference] = digest
        return 201, b"", {"Docker-Content-Digest": digest}

    def _keep(self, kind: str, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.manifests[digest] = kind, content
        return digest


@contextmanager
def serving(registry: TagRegistry) -> Iterator[TagRegistry]:
    """The registry at an address of this machine, at its `url`."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say(*registry.answer(self.command, self.path, self.headers.get("Content-Type", ""), self.content()))

        do_PUT: Callable[["Handler"], None] = do_GET  # noqa: N815 - the library's name
        do_DELETE: Callable[["Handler"], None] = do_GET  # noqa: N815

    with web_server(Handler) as url:
        registry.url = url
        yield registry
