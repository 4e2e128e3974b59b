"""Would catch a thousand ModelVersions that fall upon their registry all at once, or again when the operator starts
anew."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from crossfade.adapters.sources import OpenSources
from crossfade.api import meta
from crossfade.model.networks import networks

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import NAMESPACE, version

AT_ONCE = 20
_A_WHILE = 100
"""Turns of the event loop, in each of which whoever wants to ask could."""


@dataclass
class Mlflow:
    """A server of MLflow's with as many versions as are asked for. It answers nobody before it is asked twenty things
    at once. `asked` are the paths, and `most` is how many of them were there side by side."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    most: int = 0
    _now: int = 0
    _full: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while head := await reader.readline():
            while await reader.readline() != b"\r\n":
                pass
            content = await self._answer(head.split(b" ")[1].decode().partition("?"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))
        writer.close()

    async def _answer(self, target: tuple[str, str, str]) -> bytes:
        path, _, query = target
        self.asked.append(path)
        self._now += 1
        self.most = max(self.most, self._now)
        if path.endswith("/search"):  # whether it is there
            self._now -= 1
            return b"{}"
        if self._now == AT_ONCE:
            for _ in range(0 if self._full.is_set() else _A_WHILE):
                await asyncio.sleep(0)
            self._full.set()
        await self._full.wait()
        self._now -= 1
        return self._said(path, query)

    def _said(self, path: str, query: str) -> bytes:
        number = query.rpartition("version=")[2]
        if path.endswith("/get"):
            return json.dumps({"model_version": {"version": number, "status": "READY"}}).encode()
        if path.endswith("/get-download-uri"):
            return json.dumps({"artifact_uri": f"mlflow-artifacts:/m/{number}"}).encode()
        if path.endswith("/artifacts"):
            return json.dumps({"files": [{"path": "model", "is_dir": False, "file_size": 5}]}).encode()
        return b"model"


@asynccontextmanager
async def mlflow() -> AsyncIterator[Mlflow]:
    """One on loopback."""
    made = Mlflow()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
async def test_a_registry_is_asked_twenty_things_at_once_and_nothing_again_after_a_restart(count: int) -> None:
    cluster, clock = FakeCluster(), FakeClock()
    async with mlflow() as server:
        spec = {"mlflow": {"address": server.url}}
        registry = {"apiVersion": meta.API_VERSION, "kind": "ModelRegistry", "spec": spec}
        cluster.create({**registry, "metadata": {"name": "risk", "namespace": NAMESPACE}})
        for number in range(1, count + 1):
            source = {"mlflow": {"name": "m", "version": str(number)}, "registryRef": {"name": "risk"}}
            cluster.create(version(f"v{number}", version=f"1.{number}.0", source=source))
        sources = OpenSources((), None, allowed=networks("127.0.0.0/8"))
        await Loop(cluster, clock, real=sources).settle()
        found = [cluster.objects["ModelVersion", NAMESPACE, f"v{number}"]["status"] for number in range(1, count + 1)]
        assert [one["resolved"]["registryVersion"] for one in found] == [str(number) for number in range(1, count + 1)]
        assert server.most == AT_ONCE
        assert sum("/search" not in path for path in server.asked) == 4 * count, "version, place, list and file"
        await sources.close()

        server.asked.clear()
        sources = OpenSources((), None, allowed=networks("127.0.0.0/8"))
        await Loop(cluster, clock, real=sources).settle()
        assert [path for path in server.asked if "/search" not in path] == []
        await sources.close()
