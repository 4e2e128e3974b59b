"""Which class belongs to which system, and what is open. Modules are imported when their system is first used."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from crossfade.adapters.artifacts.router import ArtifactStore, Stores, plain_stores
from crossfade.model.access import Access
from crossfade.ports import Artifacts, Reference, Registry, SourceError

if TYPE_CHECKING:  # the loader starts in every pod and needs none of the API's types
    from crossfade.adapters.web import Guard
    from crossfade.api.v1alpha1.modelversion import Source

_MOST_OPEN = 64
"""Registries whose connections are kept. Those in use are kept beyond it."""


def own_access(mlflow_address: str | None) -> Access | None:
    """The registry of the operator's own configuration, if it has one."""
    return Access("mlflow", mlflow_address) if mlflow_address else None


@dataclass(frozen=True, slots=True)
class Parts:
    """What a system brings: how it resolves, the stores of its own, and how to close them."""

    registry: Callable[[], Registry]
    stores: Stores
    close: Callable[[], Awaitable[None]]


class OpenSource:
    """One registry with its stores, as ports.Opened has it."""

    def __init__(self, parts: Parts, stores: Stores) -> None:
        self._parts = parts
        self.artifacts: Artifacts = ArtifactStore({**stores, **parts.stores})
        self.users = 0

    @cached_property
    def registry(self) -> Registry:
        """What resolves."""
        return self._parts.registry()

    async def close(self) -> None:
        """Close all connections."""
        await self._parts.close()


class OpenSources:
    """The Sources port. `own` is the registry of the operator's own configuration, whose address its administrator
    wrote; all others are written by tenants and pass the egress guard, which `allow_loopback` widens for tests.
    `timeout` is in seconds for a whole request with its answer, and generous: MLflow asks slow stores itself first."""

    def __init__(
        self, own: Access | None, file_root: Path | None, *, allow_loopback: bool = False, timeout: float = 30.0
    ) -> None:
        self._own = own
        self._allow_loopback = allow_loopback
        self._timeout = timeout
        self._stores = plain_stores(file_root, allow_loopback=allow_loopback)
        self._open: OrderedDict[Access | None, OpenSource] = OrderedDict()

    @asynccontextmanager
    async def open(self, access: Access | None) -> AsyncIterator[OpenSource]:
        """See ports.Sources."""
        found = self._open.get(access)
        if found is None:
            found = self._open[access] = OpenSource(self._parts(access), self._stores)
        self._open.move_to_end(access)
        found.users += 1
        try:
            yield found
        finally:
            found.users -= 1
            await self._close_idle(_MOST_OPEN)

    async def close(self) -> None:
        """Close all that nobody uses."""
        await self._close_idle(0)

    async def _close_idle(self, most: int) -> None:
        idle = [access for access, one in self._open.items() if not one.users]
        falling = [self._open.pop(access) for access in idle[: max(len(self._open) - most, 0)]]
        for one in falling:
            await one.close()

    def _parts(self, access: Access | None) -> Parts:
        if access is not None:
            from crossfade.adapters.web import Guard

            return _SYSTEMS[access.system](access, Guard(self._allow_loopback), self._timeout)
        if self._own is not None:
            return _SYSTEMS[self._own.system](self._own, None, self._timeout)
        return Parts(lambda: _Unconfigured(), {}, _nothing_to_close)


def _mlflow(access: Access, guard: "Guard | None", timeout: float) -> Parts:
    from crossfade.adapters.artifacts.mlflow_artifacts import MlflowArtifacts
    from crossfade.adapters.mlflow_server import MlflowServer

    server = MlflowServer(access, guard, timeout)
    artifacts = MlflowArtifacts(server)

    def registry() -> Registry:
        from crossfade.adapters.registries.mlflow import MlflowRegistry

        return MlflowRegistry(server)

    return Parts(registry, {"mlflow-artifacts": lambda: artifacts}, server.close)


_SYSTEMS: Mapping[str, Callable[[Access, "Guard | None", float], Parts]] = {"mlflow": _mlflow}


class _Unconfigured:
    """The Registry port where the operator's configuration has none."""

    async def resolve(self, source: "Source") -> Reference:
        """See ports.Registry."""
        raise SourceError(
            "no MLflow server is configured; name a ModelRegistry in `source.registryRef`, or start the operator with "
            "--mlflow-address or CROSSFADE_MLFLOW_ADDRESS"
        )


async def _nothing_to_close() -> None:
    pass
