"""MLflow's model registry: alias or version to the place of the bytes, over the REST API alone."""

from typing import Any
from urllib.parse import urlsplit

from crossfade.adapters.mlflow_server import MlflowError, MlflowServer
from crossfade.api.v1alpha1.modelversion import MlflowSource
from crossfade.ports import Reference, SourceError

_MISSING_ALIAS = "INVALID_PARAMETER_VALUE"
_MISSING = "RESOURCE_DOES_NOT_EXIST"
_SCHEMES = ("mlflow-artifacts:/", "s3://", "http://", "https://", "file://")


class MlflowRegistry:
    """The Registry port for one MLflow server, named by the operator's configuration."""

    def __init__(self, address: str) -> None:
        self._server = MlflowServer(address)

    async def close(self) -> None:
        """Close all connections."""
        await self._server.close()

    async def resolve(self, source: MlflowSource) -> Reference:
        """Follow an alias or version once. Raises SourceError; what is missing may still appear, so that is retried."""
        found = await self._model_version(source)
        version = str(found.get("version", ""))
        self._require_ready(source, version, str(found.get("status", "READY")))
        place = await self._server.get(
            "mlflow/model-versions/get-download-uri", {"name": source.name, "version": version}
        )
        uri = place.get("artifact_uri")
        if not isinstance(uri, str) or not uri.startswith(_SCHEMES):
            raise SourceError(
                f"version {version} of the model {source.name!r} in MLflow has its files at an address of no known "
                f"scheme; register it from one of {', '.join(_SCHEMES)}",
                retry=False,
            )
        if not _is_plain(uri):
            raise SourceError(
                f"version {version} of the model {source.name!r} in MLflow has its files at an address with a query, "
                "fragment or user, which may be a credential; register it from an address without them",
                retry=False,
            )
        return Reference(f"models:/{source.name}/{version}", uri, version, str(found.get("run_id") or "") or None)

    async def _model_version(self, source: MlflowSource) -> dict[str, Any]:
        try:
            if source.alias is not None:
                asked = {"name": source.name, "alias": source.alias}
                answer = await self._server.get("mlflow/registered-models/alias", asked)
            else:
                asked = {"name": source.name, "version": source.version or ""}
                answer = await self._server.get("mlflow/model-versions/get", asked)
        except MlflowError as failure:
            raise self._explained(source, failure) from failure
        found = answer.get("model_version")
        if not isinstance(found, dict) or not found.get("version"):
            raise SourceError(f"MLflow at {self._server.shown} answered without a model version; check its address")
        return found

    def _explained(self, source: MlflowSource, failure: MlflowError) -> SourceError:
        if failure.code == _MISSING or (source.alias is not None and failure.code == _MISSING_ALIAS):
            return SourceError(
                f"MLflow at {self._server.shown} has no {_wanted(source)} of a model {source.name!r}; "
                "register it there, or correct `source.mlflow`"
            )
        if failure.status in (401, 403):
            return SourceError(
                f"MLflow at {self._server.shown} does not let the operator read the model {source.name!r} "
                f"({failure.status}); give it permission to read"
            )
        return SourceError(str(failure), retry=failure.status >= 500 or failure.status == 429)

    def _require_ready(self, source: MlflowSource, version: str, status: str) -> None:
        if status == "READY":
            return
        raise SourceError(
            f"version {version} of the model {source.name!r} at MLflow {self._server.shown} is not READY "
            f"but {status[:64]}; finish its registration, or choose another version",
            retry=status != "FAILED_REGISTRATION",
        )


def _is_plain(uri: str) -> bool:
    """Whether the address may be shown: it goes to the status and to the arguments of pods."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return not ("?" in uri or "#" in uri or "@" in parts.netloc)


def _wanted(source: MlflowSource) -> str:
    return f"alias {source.alias!r}" if source.alias is not None else f"version {source.version}"
