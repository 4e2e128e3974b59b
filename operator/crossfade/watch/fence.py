"""The cluster as only one replica at a time may write to it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from crossfade.ports import Cluster, Kind, Marks, Object
from crossfade.watch.tenure import Tenure

_T = TypeVar("_T")


class Fence:
    """The Cluster port: reads pass, a write only while the tenure lasts.

    A write once begun goes on when its worker is cancelled, so that it is known when all have been answered.
    """

    def __init__(self, cluster: Cluster, tenure: Tenure) -> None:
        self._cluster = cluster
        self._tenure = tenure
        self._writes: set[asyncio.Task[object]] = set()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """See ports.Cluster."""
        return await self._cluster.get(kind, namespace, name)

    async def apply(self, kind: Kind, body: Object, *, force: bool) -> Object:
        """See ports.Cluster."""
        return await self._write(lambda: self._cluster.apply(kind, body, force=force))

    async def tried(self, kind: Kind, body: Object) -> Object:
        """See ports.Cluster."""
        return await self._cluster.tried(kind, body)

    async def claim(self, kind: Kind, body: Object, manager: str) -> Object:
        """See ports.Cluster."""
        return await self._write(lambda: self._cluster.claim(kind, body, manager))

    async def make(self, kind: Kind, body: Object) -> Object:
        """See ports.Cluster."""
        return await self._write(lambda: self._cluster.make(kind, body))

    async def apply_status(self, kind: Kind, body: Object) -> Object:
        """See ports.Cluster."""
        return await self._write(lambda: self._cluster.apply_status(kind, body))

    async def scale(self, kind: Kind, namespace: str, name: str, replicas: int) -> Object:
        """See ports.Cluster."""
        return await self._write(lambda: self._cluster.scale(kind, namespace, name, replicas))

    async def mark(self, kind: Kind, namespace: str, name: str, labels: Marks, annotations: Marks) -> Object | None:
        """See ports.Cluster."""
        return await self._write(lambda: self._cluster.mark(kind, namespace, name, labels, annotations))

    async def patch(self, kind: Kind, namespace: str, name: str, operations: Sequence[Object], manager: str) -> Object:
        """See ports.Cluster."""
        return await self._write(lambda: self._cluster.patch(kind, namespace, name, operations, manager))

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str | None = None) -> None:
        """See ports.Cluster."""
        await self._write(lambda: self._cluster.delete(kind, namespace, name, uid))

    async def create_event(self, namespace: str, body: Object) -> None:
        """See ports.Cluster."""
        await self._write(lambda: self._cluster.create_event(namespace, body))

    async def count_event(self, namespace: str, name: str, count: int, at: str) -> None:
        """See ports.Cluster."""
        await self._write(lambda: self._cluster.count_event(namespace, name, count, at))

    async def answered(self, seconds: float) -> bool:
        """Wait so long for the writes under way; whether all have been answered, so that no late one can follow."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=seconds)
        return not self._writes

    async def _write(self, send: Callable[[], Awaitable[_T]]) -> _T:
        task = asyncio.create_task(self._guarded(send))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    async def _guarded(self, send: Callable[[], Awaitable[_T]]) -> _T:
        async with self._tenure.writing():
            return await send()
