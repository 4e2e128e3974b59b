"""Pods for the tests of the node: how they are written, watched and found among the machine's processes."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from testbed.bed import Bed
from tests.support.recorder import PATIENCE_SECONDS

Object = dict[str, Any]

SERVER = """
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404)
        self.end_headers()
http.server.HTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
"""


COLLECTIONS = {
    "PersistentVolume": "/api/v1/persistentvolumes",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Pod": "/api/v1/namespaces/{}/pods",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Service": "/api/v1/namespaces/{}/services",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "HTTPRoute": "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes",
}


class Namespace:
    """One namespace of the bed, with the few verbs the tests need."""

    def __init__(self, bed: Bed, client: httpx.AsyncClient, name: str) -> None:
        self.bed, self.name, self._client = bed, name, client

    def collection(self, kind: str) -> str:
        return COLLECTIONS[kind].format(self.name)

    async def apply(self, *objects: Object) -> None:
        for item in objects:
            answer = await self._client.post(self.collection(item["kind"]), json=item)
            assert answer.is_success, answer.text

    async def served(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the API server answers again."""
        async with asyncio.timeout(seconds):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await self._client.get("/readyz")).is_success:
                        return
                await asyncio.sleep(0.1)

    async def patch_status(self, name: str, body: Object) -> None:
        headers = {"Content-Type": "application/strategic-merge-patch+json"}
        path = f"{self.collection('Pod')}/{name}/status"
        answer = await self._client.patch(path, content=json.dumps(body), headers=headers)
        assert answer.is_success, answer.text

    async def see(
        self, holds: Callable[[Object], object], kind: str = "Pod", seconds: float = PATIENCE_SECONDS, **query: str
    ) -> Object:
        """Watch until an object of the kind is as wanted, and give it."""
        latest: Object = {}
        parameters = {"watch": "true", **query}
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream("GET", self.collection(kind), params=parameters, timeout=None) as answer,
            ):
                async for line in answer.aiter_lines():
                    event = json.loads(line)
                    latest = event["object"] | {"deleted": event["type"] == "DELETED"}
                    if holds(latest):
                        return latest
        except TimeoutError:
            pass
        raise AssertionError(f"not as wanted within {seconds} s: {json.dumps(latest.get('status', latest), indent=1)}")

    async def pod(self, name: str, holds: Callable[[Object], object], seconds: float = PATIENCE_SECONDS) -> Object:
        """Wait until a pod's status is as wanted, and give that status."""
        found = await self.see(
            lambda item: holds(item["status"]), "Pod", seconds, fieldSelector=f"metadata.name={name}"
        )
        status: Object = found["status"]
        return status

    async def ready(self, name: str) -> Object:
        return await self.pod(name, lambda status: condition(status, "Ready")["status"] == "True")

    async def finish(self, name: str, phase: str = "Succeeded") -> Object:
        """Wait for a pod's end and give its only container's final state."""
        status = await self.pod(name, lambda status: status["phase"] == phase)
        state: Object = only(status)["state"]["terminated"]
        return state

    async def delete(self, name: str, **options: Any) -> None:
        """Delete a pod and wait until it is gone."""
        path = f"{self.collection('Pod')}/{name}"
        answer = await self._client.request("DELETE", path, json=options)
        assert answer.is_success, answer.text
        if not options:
            selector = f"metadata.name={name}"
            version = answer.json()["metadata"]["resourceVersion"]
            await self.see(lambda item: item["deleted"], fieldSelector=selector, resourceVersion=version)


def condition(status: Object, kind: str) -> Object:
    found = [item for item in status.get("conditions", ()) if item["type"] == kind]
    return found[0] if found else {"status": "Unknown"}


def only(status: Object) -> Object:
    """Status of a pod's first container, once there is one."""
    found: Object = (status.get("containerStatuses") or [{"state": {}, "restartCount": 0}])[0]
    return found


def waits_for(reason: str) -> Callable[[Object], bool]:
    return lambda status: only(status)["state"].get("waiting", {}).get("reason") == reason


def restarted(times: int) -> Callable[[Object], bool]:
    return lambda status: only(status)["restartCount"] >= times


def container(*command: str, name: str = "main", **fields: Any) -> Object:
    return {"name": name, "image": "registry.example/team/v2server:1", "command": list(command), **fields}


def python(code: str, *arguments: str, **fields: Any) -> Object:
    return container("python", "-c", code, *arguments, **fields)


def shell(script: str, **fields: Any) -> Object:
    return container("sh", "-c", script, **fields)


def pod(name: str, *containers: Object, **spec: Any) -> Object:
    defaults = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 2, "containers": list(containers)}
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": defaults | spec}


def host_folder(path: Path) -> Object:
    return {"name": "host", "hostPath": {"path": str(path)}}


async def until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """For facts of the machine, which sends no events."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


def exists(path: str) -> bool:
    return Path(path).exists()


def processes(bed: Bed, mark: str) -> list[int]:
    """Ids, as the bed sees them, of processes whose command line contains the mark."""
    rows = bed.run(["ps", "-ww", "-eo", "pid,args"]).splitlines()
    return [int(row.split()[0]) for row in rows if mark in row and "ps -ww" not in row]
