"""Flux's kustomize-controller on a bed, and a repository for it: what source-controller would fetch is served by the
test, and said in the GitRepository's status as that says it."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from testbed.bed import Bed
from testbed.binaries.catalogue import FLUX
from testbed.binaries.locate import locate
from testbed.progress import silent
from tests.support.operator_process import free_port

Object = dict[str, Any]

DEFINITIONS = Path(__file__).parents[2] / "testbed" / "manifests" / "flux"
NAMESPACE = "flux-system"
_SOURCE = "source.toolkit.fluxcd.io/v1"


class Repository:
    """A GitRepository of the bed; each `commit` is another revision of it."""

    def __init__(self, bed: Bed, name: str, folder: Path, url: str) -> None:
        self.name = name
        self._bed = bed
        self._folder = folder
        self._url = url
        self._commits = 0
        spec = {"interval": "1h", "url": "https://git.example.com/models.git", "ref": {"branch": "main"}}
        self._apply({"apiVersion": _SOURCE, "kind": "GitRepository", "metadata": {"name": name}, "spec": spec})

    def commit(self, files: Mapping[str, str]) -> str:
        """Have these files, and no others, in the repository. Returns the revision."""
        self._commits += 1
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path, text in files.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))
        content = packed.getvalue()
        digest, file = hashlib.sha256(content).hexdigest(), f"{self.name}-{self._commits}.tar.gz"
        (self._folder / file).write_bytes(content)
        revision = f"main@sha1:{hashlib.sha1(content).hexdigest()}"
        artifact = {
            "url": f"{self._url}/{file}",
            "path": file,
            "digest": f"sha256:{digest}",
            "revision": revision,
            "size": len(content),
            "lastUpdateTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self._said({"artifact": artifact, "observedGeneration": 1, "conditions": [_ready(revision)]})
        return revision

    def _said(self, status: Object) -> None:
        place = ("gitrepository", self.name, "--namespace", NAMESPACE, "--subresource=status", "--type=merge")
        self._bed.kubectl("patch", *place, "--patch", json.dumps({"status": status}))

    def _apply(self, body: Object) -> None:
        self._bed.kubectl("apply", "--namespace", NAMESPACE, "-f", "-", input=json.dumps(body))


@contextmanager
def flux(bed: Bed, folder: Path) -> Iterator[str]:
    """Run the controller; yields the address at which the files of the folder are served. It must be still there at the
    end."""
    bed.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(DEFINITIONS))
    bed.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(DEFINITIONS))
    found = bed.kubectl("create", "namespace", NAMESPACE, "--dry-run=client", "--output=json")
    bed.kubectl("apply", "-f", "-", input=found)
    words = [
        *locate(FLUX, silent)[FLUX.name],
        "--metrics-addr=0",
        f"--health-addr=127.0.0.1:{free_port()}",
        "--requeue-dependency=1s",
    ]
    log = folder / "kustomize-controller.log"
    with served(folder) as url, log.open("ab") as out:
        environment = os.environ | {"RUNTIME_NAMESPACE": NAMESPACE}
        process = bed.popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            yield url
            assert process.poll() is None, f"kustomize-controller ended by itself:\n{log.read_text()[-3000:]}"
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The files of a folder over HTTP, in the network of the test."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _ready(revision: str) -> Object:
    return {
        "type": "Ready",
        "status": "True",
        "reason": "Succeeded",
        "message": f"stored artifact for revision '{revision}'",
        "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "observedGeneration": 1,
    }
