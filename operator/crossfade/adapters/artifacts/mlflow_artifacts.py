"""Files that an MLflow server serves itself: `mlflow-artifacts:/<path>`."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from crossfade.adapters.mlflow_server import MlflowError, MlflowServer
from crossfade.ports import WHOLE, Part, SourceError, StoredFile


class MlflowArtifacts:
    """The Artifacts port over MLflow's artifact proxy."""

    def __init__(self, server: MlflowServer) -> None:
        self._server = server

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All files below the URI. Raises SourceError."""
        root = _path(uri)
        found: list[StoredFile] = []
        folders = [""]
        while folders:
            folder = folders.pop()
            for entry in await self._entries(f"{root}/{folder}".rstrip("/")):
                path = f"{folder}/{entry['path']}".lstrip("/")
                if entry.get("is_dir"):
                    folders.append(path)
                else:
                    found.append(StoredFile(path, int(entry.get("file_size", 0))))
        if not found:
            raise SourceError(
                f"MLflow at {self._server.shown} has no files at {uri}; the version may have been deleted, "
                "log the model again"
            )
        return found

    def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The part's bytes in chunks. Raises SourceError."""
        return self._server.download(f"{_path(uri)}/{path}", part)

    async def _entries(self, path: str) -> list[dict[str, Any]]:
        try:
            answer = await self._server.get("mlflow-artifacts/artifacts", {"path": path})
        except MlflowError as failure:
            if failure.status != 403:
                raise
            raise SourceError(
                f"MLflow at {self._server.shown} does not let the operator read the files of the model (403); give its "
                "user the permission READ on the experiment of its run"
            ) from None
        entries = answer.get("files", [])
        if not isinstance(entries, list) or not all(isinstance(e, dict) and _plain(e.get("path")) for e in entries):
            raise SourceError(f"MLflow at {self._server.shown} gave a list of files that cannot be understood")
        return entries


def _plain(name: object) -> bool:
    """Whether this is the name of an entry, with no way into another folder."""
    return isinstance(name, str) and name not in ("", ".", "..") and "/" not in name


def _path(uri: str) -> str:
    """`mlflow-artifacts:/1/models/m-1/artifacts` -> `1/models/m-1/artifacts`."""
    path = uri.removeprefix("mlflow-artifacts:")
    if path.startswith("//") or not path.strip("/") or ".." in path.split("/"):
        raise SourceError(
            f"the address {uri!r} names another server or leaves its folder; only mlflow-artifacts:/<path> is read",
            retry=False,
        )
    return path.strip("/")
