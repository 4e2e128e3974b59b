"""Models behind http on the bed, as a real node's pods see nothing of this machine's files."""

import functools
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

from crossfade.model.manifest import File, mvd1

from testbed import address
from tests.support import objects
from tests.support.endpoint import NAME, Endpoint
from tests.support.servers import Quiet, serving


class _Files(Quiet, SimpleHTTPRequestHandler):
    """Python's own web server."""


@dataclass(frozen=True)
class Store:
    """What lies below `folder` is at `url`."""

    url: str
    folder: Path

    async def model(self, endpoint: Endpoint, number: int, **behaviour: Any) -> Path:
        """Store version `number` of the endpoint's model and register it as ModelVersion `fraud-<number>`, its digest
        pinned. Returns its file."""
        place, version = f"{endpoint.namespace}/{number}", f"{number}.0.0"
        objects.write_model(self.folder / place, version, **behaviour)
        file = self.folder / place / "model.json"
        found = objects.model_version(f"{NAME}-{number}", version, {"uri": {"uri": f"{self.url}/{place}/{file.name}"}})
        content = file.read_bytes()
        digest = mvd1([File(file.name, len(content), hashlib.sha256(content).hexdigest())])
        found["spec"]["artifact"] = {"digest": digest}
        await endpoint.create(found)
        return file


@contextmanager
def keeping(folder: Path) -> Iterator[Store]:
    """A store at the address of the bed's servers; the process is in the bed's network."""
    with serving(functools.partial(_Files, directory=str(folder)), address.HOST) as url:
        yield Store(url, folder)
