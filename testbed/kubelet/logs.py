"""The kubelet's own server, as far as `kubectl logs` needs it: what a container has written, and goes on writing."""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

PORT = 10250
# How often a followed log is looked at, seconds.
_FOLLOW = 0.2
_CHUNK = 1 << 16

IsRunning = Callable[[str, str, str], bool]
"""Whether a container runs, by namespace, pod and container name."""


def _newest(pods: Path, namespace: str, pod: str, container: str, *, previous: bool) -> Path:
    folders = sorted(pods.glob(f"{namespace}_{pod}_*/{container}"), key=lambda folder: folder.stat().st_mtime)
    files = sorted(folders[-1].glob("*.log"), key=lambda file: int(file.stem)) if folders else []
    if len(files) <= previous:
        which = "earlier log" if previous else "log"
        raise web.HTTPNotFound(text=f"there is no {which} of container {container} in pod {namespace}/{pod} yet")
    return files[-2 if previous else -1]


class LogServer:
    """Serves /containerLogs/{namespace}/{pod}/{container} from the folder of all pods."""

    def __init__(self, pods: Path, is_running: IsRunning) -> None:
        self._pods, self._is_running = pods, is_running
        self.app = web.Application()
        self.app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        names = request.match_info["namespace"], request.match_info["pod"], request.match_info["container"]
        path = _newest(self._pods, *names, previous=request.query.get("previous") == "true")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        # Read without a thread: the kubelet must stay a process of one thread to switch its namespaces.
        with path.open("rb") as file:
            if tail := request.query.get("tailLines"):
                await response.write(b"".join(deque(file, int(tail))))
            while True:
                running = request.query.get("follow") == "true" and self._is_running(*names)
                while chunk := file.read(_CHUNK):
                    await response.write(chunk)
                if not running:
                    break
                await asyncio.sleep(_FOLLOW)
        await response.write_eof()
        return response
