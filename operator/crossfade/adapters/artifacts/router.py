"""All stores behind one port, chosen by the URI's scheme."""

import functools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from crossfade.adapters.address import shown
from crossfade.ports import Artifacts, SourceError, StoredFile

_HOW = {
    "file": "set CROSSFADE_FILE_ROOT to the folder that files may come from",
    "mlflow-artifacts": "set CROSSFADE_MLFLOW_ADDRESS to the MLflow server",
}


class ArtifactStore:
    """The Artifacts port for every scheme that is configured. A store is opened when it is first asked."""

    def __init__(self, stores: Mapping[str, Callable[[], Artifacts]]) -> None:
        self._stores = stores

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All files below the URI, or the one file it names. Raises SourceError."""
        return await self._store(uri).files(uri)

    def read(self, uri: str, path: str) -> AsyncIterator[bytes]:
        """The file's bytes in chunks. Raises SourceError."""
        return self._store(uri).read(uri, path)

    def _store(self, uri: str) -> Artifacts:
        scheme = uri.partition(":")[0]
        if scheme not in self._stores:
            how = _HOW.get(scheme, f"use one of {', '.join(sorted(self._stores))}")
            raise SourceError(
                f"the address {shown(uri)!r} has the scheme {scheme!r}, which is not configured; {how}", retry=False
            )
        return self._stores[scheme]()


def open_store(mlflow_address: str | None, file_root: Path | None, *, allow_loopback: bool = False) -> ArtifactStore:
    """All stores of this configuration. `allow_loopback` lets http addresses lead to this machine.

    Modules are imported when their scheme is first used: the loader starts in every pod.
    """
    http = functools.cache(lambda: _http(allow_loopback))
    stores: dict[str, Callable[[], Artifacts]] = {"s3": functools.cache(_object_store), "http": http, "https": http}
    if mlflow_address:
        stores["mlflow-artifacts"] = functools.cache(lambda: _mlflow(mlflow_address))
    if file_root:
        stores["file"] = functools.cache(lambda: _local(file_root))
    return ArtifactStore(stores)


def _http(allow_loopback: bool) -> Artifacts:
    from crossfade.adapters.artifacts.http import HttpArtifacts

    return HttpArtifacts(allow_loopback=allow_loopback)


def _object_store() -> Artifacts:
    from crossfade.adapters.artifacts.object_store import ObjectStoreArtifacts

    return ObjectStoreArtifacts()


def _mlflow(address: str) -> Artifacts:
    from crossfade.adapters.artifacts.mlflow_artifacts import MlflowArtifacts
    from crossfade.adapters.mlflow_server import MlflowServer

    return MlflowArtifacts(MlflowServer(address))


def _local(root: Path) -> Artifacts:
    from crossfade.adapters.artifacts.local import LocalArtifacts

    return LocalArtifacts(root)
