"""Listens at each Service's address and port, as the kernel does by kube-proxy's rules.

As there, a connection goes to one endpoint for as long as it lasts, whatever becomes of the Service meanwhile; and the
rules follow the EndpointSlices up to a second late.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from testbed.kubelet.api import Api, Object, follow

SYNC_SECONDS = 1.0
"""kube-proxy's own `minSyncPeriod`."""
_CHUNK = 65536

Place = tuple[str, int]
"""Address and port."""


class ServiceProxy:
    """Follows Services and EndpointSlices until cancelled."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._services: dict[str, Object] = {}
        self._slices: dict[str, Object] = {}
        self._targets: Mapping[Place, list[Place]] = {}
        self._listeners: dict[Place, asyncio.Server] = {}
        self._open: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._choice = random.SystemRandom()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow("/api/v1/services", self._services))
            group.create_task(self._follow("/apis/discovery.k8s.io/v1/endpointslices", self._slices))
            group.create_task(self._sync())

    async def _follow(self, path: str, known: dict[str, Object]) -> None:
        async for event, found in follow(self._api, path):
            if event == "LIST":
                known.clear()
            for one in found:
                if event == "DELETED":
                    known.pop(one["metadata"]["uid"], None)
                else:
                    known[one["metadata"]["uid"]] = one
            self._changed.set()

    async def _sync(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._targets = dict(targets(self._services.values(), self._slices.values()))
            for place in [place for place in self._listeners if place not in self._targets]:
                self._listeners.pop(place).close()
            for place in self._targets.keys() - self._listeners.keys():
                self._listeners[place] = await asyncio.start_server(self._serve(place), *place, backlog=1024)
            await asyncio.sleep(SYNC_SECONDS)

    def _serve(self, place: Place) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._connect(place, reader, writer))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

        return begin

    async def _connect(self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = self._targets.get(place)
        try:
            if not ends:
                raise ConnectionRefusedError
            inner_reader, inner_writer = await asyncio.open_connection(*self._choice.choice(ends))
        except OSError:
            writer.transport.abort()
            return
        with suppress(OSError):
            await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
        for one in (inner_writer, writer):
            one.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that comes, and then its end."""
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def targets(services: Iterable[Object], slices: Iterable[Object]) -> Iterator[tuple[Place, list[Place]]]:
    """Each address and port of a Service with those of its ready endpoints."""
    listed = list(slices)
    for service in services:
        spec, metadata = service["spec"], service["metadata"]
        if spec.get("clusterIP", "None") in ("", "None"):
            continue
        mine = [one for one in listed if _belongs(one, metadata)]
        for port in spec.get("ports", ()):
            ends = [end for one in mine for end in _ends(one, port.get("name"))]
            yield (spec["clusterIP"], int(port["port"])), ends


def _belongs(one: Object, service: Object) -> bool:
    metadata = one["metadata"]
    named = metadata.get("labels", {}).get("kubernetes.io/service-name") == service["name"]
    return bool(named and metadata["namespace"] == service["namespace"])


def _ends(one: Object, port_name: str | None) -> Iterator[Place]:
    numbers = [int(port["port"]) for port in one.get("ports") or () if (port.get("name") or None) == port_name]
    for endpoint in one.get("endpoints") or ():
        if endpoint.get("conditions", {}).get("ready", True):
            yield from ((endpoint["addresses"][0], number) for number in numbers)
