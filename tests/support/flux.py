"""Flux's controllers on a bed, and what they take their work from: what source-controller would fetch is served by the
test, and said in the status of a GitRepository or a HelmChart as that says it."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

from testbed.bed import Bed
from testbed.binaries.catalogue import Tool
from tests.support.programs import compiled
from tests.support.servers import free_port, serving
from tests.support.statuses import Conditions, conditions

Object = dict[str, Any]

DEFINITIONS = Path(__file__).parents[2] / "testbed" / "manifests" / "flux"
NAMESPACE = "flux-system"
_SOURCE = "source.toolkit.fluxcd.io/v1"


@dataclass(frozen=True)
class Served:
    """A folder whose files are served at `url`, and the bed whose sources they are."""

    bed: Bed
    folder: Path
    url: str

    def says(self, source: tuple[str, str, str], file: str, content: bytes, revision: str) -> None:
        """Serve the content, and have the source (its resource, name and namespace) say that it is its artifact."""
        resource, name, namespace = source
        (self.folder / file).write_bytes(content)
        place = (resource, name, "--namespace", namespace)
        generation = int(self.bed.kubectl("get", *place, "--output=jsonpath={.metadata.generation}"))
        artifact = {
            "url": f"{self.url}/{file}",
            "path": file,
            "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
            "revision": revision,
            "size": len(content),
            "lastUpdateTime": _now(),
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": f"stored artifact for revision '{revision}'",
            "lastTransitionTime": _now(),
            "observedGeneration": generation,
        }
        status = {"artifact": artifact, "observedGeneration": generation, "conditions": [ready]}
        patch = json.dumps({"status": status})
        self.bed.kubectl("patch", *place, "--subresource=status", "--type=merge", "--patch", patch)


class Repository:
    """A GitRepository of the bed; each `commit` is another revision of it."""

    def __init__(self, bed: Bed, name: str, served: Served) -> None:
        self.name = name
        self._bed = bed
        self._served = served
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
        revision = f"main@sha1:{hashlib.sha1(content).hexdigest()}"
        file = f"{self.name}-{self._commits}.tar.gz"
        self._served.says(("gitrepository", self.name, NAMESPACE), file, content, revision)
        return revision

    def _apply(self, body: Object) -> None:
        self._bed.kubectl("apply", "--namespace", NAMESPACE, "-f", "-", input=json.dumps(body))


@contextmanager
def controller(bed: Bed, tool: Tool, folder: Path) -> Iterator[Served]:
    """Run one of the controllers; yields the folder whose files it can fetch. It must be still there at the end. The
    test is skipped where this machine has no such program."""
    program = compiled(tool)
    bed.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(DEFINITIONS))
    bed.kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", str(DEFINITIONS))
    found = bed.kubectl("create", "namespace", NAMESPACE, "--dry-run=client", "--output=json")
    bed.kubectl("apply", "-f", "-", input=found)
    words = [program, "--metrics-addr=0", f"--health-addr=127.0.0.1:{free_port()}", "--requeue-dependency=1s"]
    log = folder / f"{tool.name}.log"
    files = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with serving(files) as url, log.open("ab") as out:
        environment = os.environ | {"RUNTIME_NAMESPACE": NAMESPACE}
        process = bed.popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            yield Served(bed, folder, url)
            assert process.poll() is None, f"{tool.name} ended by itself:\n{log.read_text()[-3000:]}"
        finally:
            process.terminate()
            process.wait(30)


def look_again(bed: Bed, *what: str) -> None:
    """Have Flux look at one of its objects at once, and wait until it has; `what` are its name and namespace for
    kubectl."""
    token = str(time.time_ns())
    bed.kubectl("annotate", *what, "--overwrite", f"reconcile.fluxcd.io/requestedAt={token}")
    bed.kubectl("wait", *what, f"--for=jsonpath={{.status.lastHandledReconcileAt}}={token}", "--timeout=120s")


def said_of(bed: Bed, *what: str) -> Conditions:
    """The conditions of one of Flux's objects by type."""
    return conditions(json.loads(bed.kubectl("get", *what, "--output=json")))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
