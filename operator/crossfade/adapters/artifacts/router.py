"""All stores behind one port, chosen by the URI's scheme."""

import functools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from crossfade.adapters.address import shown
from crossfade.model.networks import Networks
from crossfade.model.volume import SCHEME
from crossfade.ports import WHOLE, Artifacts, Part, SourceError, StoredFile

_HOW = {
    "hf": "set CROSSFADE_HUGGING_FACE_ADDRESS to the Hugging Face Hub",
    "file": "set CROSSFADE_FILE_ROOT to the folder that files may come from",
    "mlflow-artifacts": "set CROSSFADE_MLFLOW_ADDRESS to the MLflow server",
}
Stores = Mapping[str, Callable[[], Artifacts]]
"""By scheme; a store is opened when it is first asked."""


class ArtifactStore:
    """The Artifacts port for every scheme that is configured."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All files below the URI, or the one file it names. Raises SourceError."""
        return await self._store(uri).files(uri)

    def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """The part's bytes in chunks. Raises SourceError."""
        return self._store(uri).read(uri, path, part)

    def _store(self, uri: str) -> Artifacts:
        scheme = uri.partition(":")[0]
        if scheme not in self._stores:
            how = _HOW.get(scheme, f"use one of {', '.join(sorted(self._stores))}")
            raise SourceError(
                f"the address {shown(uri)!r} has the scheme {scheme!r}, which is not configured; {how}", retry=False
            )
        return self._stores[scheme]()


def plain_stores(file_root: Path | None, allowed: Networks = (), volume: Path | None = None) -> Stores:
    """The stores that belong to no registry. http addresses may lead to the `allowed` networks; `volume` is where a
    claim is mounted.

    Modules are imported when their scheme is first used: the loader starts in every pod.
    """
    http = functools.cache(lambda: _http(allowed))
    stores: dict[str, Callable[[], Artifacts]] = {"s3": functools.cache(_object_store), "http": http, "https": http}
    if file_root:
        stores["file"] = functools.cache(lambda: _local(file_root))
    if volume:
        stores[SCHEME] = functools.cache(lambda: _volume(volume))
    return stores


def _http(allowed: Networks) -> Artifacts:
    from crossfade.adapters.artifacts.http import HttpArtifacts

    return HttpArtifacts(allowed)


def _object_store() -> Artifacts:
    from crossfade.adapters.artifacts.object_store import ObjectStoreArtifacts

    return ObjectStoreArtifacts()


def _local(root: Path) -> Artifacts:
    from crossfade.adapters.artifacts.local import LocalArtifacts

    return LocalArtifacts(root)


def _volume(folder: Path) -> Artifacts:
    from crossfade.adapters.artifacts.volume import VolumeArtifacts

    return VolumeArtifacts(folder)
