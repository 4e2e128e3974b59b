"""A Lease in memory, behind a network that is slow, loses requests and answers, and delivers some requests late."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from crossfade.model.lease import Lease
from crossfade.ports import ClusterError

LATEST_SECONDS = 30.0


@dataclass
class Server:
    """What is stored. `on_write` is told of each write, just after it was made, by old and new Lease."""

    lease: Lease | None = None
    version: int = 0
    on_write: Callable[[Lease | None, Lease], None] = lambda old, new: None

    def write(self, lease: Lease) -> Lease:
        """Compare and swap; tests/contract/test_kube_lease.py shows that the API server does so, too."""
        if lease.version != (self.lease.version if self.lease else ""):
            raise ClusterError("the object has been modified", 409)
        self.version += 1
        old, self.lease = self.lease, replace(lease, version=str(self.version))
        self.on_write(old, self.lease)
        return self.lease


@dataclass
class Line:
    """One candidate's LeaseStore. `trouble` from 0 to 1 is how often something goes wrong; `cut` loses everything."""

    server: Server
    random: Random
    trouble: float = 0.0
    timeout: float = 2.0
    cut: bool = False
    late: set["asyncio.Task[None]"] = field(default_factory=set)

    async def read(self) -> Lease | None:
        """See ports.LeaseStore."""
        await self._way()
        found = self.server.lease
        await self._way()
        return found

    async def write(self, lease: Lease) -> Lease:
        """See ports.LeaseStore."""
        if self.random.random() < self.trouble / 4:
            task = asyncio.create_task(self._late(lease))
            self.late.add(task)
            await self._lost()
        await self._way()
        stored = self.server.write(lease)
        await self._way()
        return stored

    async def _late(self, lease: Lease) -> None:
        await asyncio.sleep(self.random.uniform(0, LATEST_SECONDS))
        try:
            self.server.write(lease)
        except ClusterError:
            return

    async def _way(self) -> None:
        """One direction of an exchange."""
        if self.cut or self.random.random() < self.trouble / 4:
            await self._lost()
        longest = self.timeout / 2 if self.random.random() < self.trouble else 0.05
        await asyncio.sleep(self.random.uniform(0.001, longest))

    async def _lost(self) -> None:
        await asyncio.sleep(self.timeout)
        raise ClusterError("no answer in time")
