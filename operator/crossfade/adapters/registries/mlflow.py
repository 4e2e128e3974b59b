"""MLflow's model registry: version, alias or stage to the place of the bytes, over the REST API alone."""

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from crossfade.adapters.mlflow_server import MlflowError, MlflowServer
from crossfade.adapters.paging import Page, all_listed
from crossfade.adapters.registries.mlflow_facts import evaluation, lineage, provenance, tags
from crossfade.adapters.registries.mlflow_writing import MlflowWriting
from crossfade.api.v1alpha1.facts import Facts
from crossfade.model.loose import objects, text
from crossfade.ports import Listed, Reference, SourceError

if TYPE_CHECKING:
    from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
    from crossfade.api.v1alpha1.modelversion import MlflowSource, Source
    from crossfade.model.writing import Deed

_PAGE: Final = 500
_VERSION_TAG: Final = "version"
_NUMBER: Final = re.compile("[1-9][0-9]{0,9}")
_MISSING_ALIAS = "INVALID_PARAMETER_VALUE"
_MISSING = "RESOURCE_DOES_NOT_EXIST"
_NO_WORKSPACES = "FEATURE_DISABLED"
_SCHEMES = ("mlflow-artifacts:/", "s3://", "http://", "https://", "file://")


class MlflowRegistry:
    """The Registry port for one MLflow server."""

    def __init__(self, server: MlflowServer) -> None:
        self._server = server
        self._writing = MlflowWriting(server)

    async def check(self) -> None:
        """See ports.Asked: a search that needs no permission, and finds what the user may read."""
        try:
            await self._server.get("mlflow/registered-models/search", {"max_results": "1"})
        except MlflowError as failure:
            if failure.status == 401:
                raise SourceError(
                    f"MLflow at {self._server.shown} does not accept who asks (401); give `credentials` that it knows, "
                    "or renew those that have expired"
                ) from None
            if failure.code == _NO_WORKSPACES:
                raise self._without_workspaces() from None
            raise

    async def record(self, deed: "Deed") -> None:
        """See ports.WriteBack."""
        await self._writing.record(deed)

    async def resolve(self, source: "Source") -> Reference:
        """Follow version, alias or stage once. Raises SourceError; what is missing may still appear, so that is
        retried."""
        asked = source.mlflow
        if asked is None:
            raise SourceError("the source is in no MLflow; name one in `source.mlflow`", retry=False)
        found = await self._model_version(asked)
        version = str(found.get("version", ""))
        self._require_ready(asked, version, str(found.get("status", "READY")))
        uri = await self._place(asked, version)
        exact = asked.model_copy(update={"version": version, "alias": None, "stage": None})
        pinned = source.model_copy(update={"mlflow": exact})
        return Reference(
            f"models:/{asked.name}/{version}", uri, version, await self._facts(asked, version, found), pinned
        )

    async def versions(self, spec: "ModelSourceSpec") -> Listed:
        """All versions that have a tag `version`, by its value; of equal ones the latest. Raises SourceError."""
        from crossfade.api.v1alpha1.modelversion import MlflowSource, Source

        name = spec.mlflow.name if spec.mlflow else ""
        asked = MlflowSource(name=name, version="1")  # for the words of a failure
        which = {"filter": f"name='{name}'", "max_results": str(_PAGE)}

        async def page(token: str | None) -> Page:
            after = {} if token is None else {"page_token": token}
            try:
                told = await self._server.get("mlflow/model-versions/search", which | after)
            except MlflowError as failure:
                raise self._explained(asked, failure) from None
            return objects(told.get("model_versions")), text(told.get("next_page_token"))

        found: dict[str, int] = {}
        async for one in all_listed(page, _PAGE, f"the model {name!r}"):
            noted = {text(tag.get("key")): text(tag.get("value")) for tag in objects(one.get("tags"))}
            number = str(one.get("version", ""))
            if (said := noted.get(_VERSION_TAG)) and _NUMBER.fullmatch(number):
                found[said] = max(int(number), found.get(said, 0))

        def source(said: str) -> Source:
            exact = MlflowSource(name=name, version=str(found[said]))
            return Source(mlflow=exact, registry_ref=spec.registry_ref)

        return Listed(tuple(found), source)

    async def _place(self, asked: "MlflowSource", version: str) -> str:
        """Where the files are: an address that may be shown."""
        which = {"name": asked.name, "version": version}
        try:
            place = await self._server.get("mlflow/model-versions/get-download-uri", which)
        except MlflowError as failure:
            raise self._explained(asked, failure) from None
        uri = place.get("artifact_uri")
        what = f"version {version} of the model {asked.name!r} in MLflow has its files at an address"
        if not isinstance(uri, str) or not uri.startswith(_SCHEMES):
            schemes = ", ".join(_SCHEMES)
            raise SourceError(f"{what} of no known scheme; register it from one of {schemes}", retry=False)
        if not _is_plain(uri):
            raise SourceError(
                f"{what} with a query, fragment or user, which may be a credential; register it from an address "
                "without them",
                retry=False,
            )
        return uri

    async def _model_version(self, asked: "MlflowSource") -> dict[str, Any]:
        try:
            if asked.alias is not None:
                which = {"name": asked.name, "alias": asked.alias}
                answer = await self._server.get("mlflow/registered-models/alias", which)
            elif asked.stage is not None:
                return await self._in_stage(asked, asked.stage)
            else:
                which = {"name": asked.name, "version": asked.version or ""}
                answer = await self._server.get("mlflow/model-versions/get", which)
        except MlflowError as failure:
            raise self._explained(asked, failure) from None
        return self._understood(answer.get("model_version"))

    async def _in_stage(self, asked: "MlflowSource", stage: str) -> dict[str, Any]:
        which = {"name": asked.name, "stages": stage}
        versions = (await self._server.get("mlflow/registered-models/get-latest-versions", which)).get("model_versions")
        if not versions:
            raise self._missing(asked)
        return self._understood(versions[0] if isinstance(versions, list) else None)

    def _understood(self, found: object) -> dict[str, Any]:
        if not isinstance(found, dict) or not found.get("version"):
            raise SourceError(f"MLflow at {self._server.shown} answered without a model version; check its address")
        return found

    async def _facts(self, asked: "MlflowSource", version: str, found: dict[str, Any]) -> Facts:
        """What the run and the logged model tell. Who may read the model need not be allowed to read those."""
        run_id, source = str(found.get("run_id") or ""), str(found.get("source") or "")
        run = await self._optional("mlflow/runs/get", {"run_id": run_id}, "run") if run_id else {}
        logged: dict[str, Any] = {}
        if source.startswith("models:/m-"):
            model = quote(source.removeprefix("models:/"), safe="")
            logged = await self._optional(f"mlflow/logged-models/{model}", {}, "model")
        return Facts(
            lineage=lineage(run_id, run, logged),
            evaluation=evaluation(run, logged),
            provenance=provenance(found),
            tags=tags(found),
            registry_url=f"{self._server.shown}/#/models/{quote(asked.name, safe='')}/versions/{version}",
        )

    async def _optional(self, path: str, which: dict[str, str], member: str) -> dict[str, Any]:
        """What MLflow says, or nothing where it is not there, or not for us. Raises SourceError when it cannot say."""
        try:
            found = (await self._server.get(path, which)).get(member)
        except MlflowError as failure:
            if failure.status >= 500 or failure.status == 429:
                raise
            return {}
        return found if isinstance(found, dict) else {}

    def _explained(self, asked: "MlflowSource", failure: MlflowError) -> SourceError:
        what = f"MLflow at {self._server.shown}"
        if failure.code == _MISSING or (asked.alias is not None and failure.code == _MISSING_ALIAS):
            return self._missing(asked)
        if failure.status == 401:
            return SourceError(
                f"{what} does not accept who asks for the model {asked.name!r} (401); give `credentials` that it "
                "knows, or renew those that have expired"
            )
        if failure.status == 403:
            return SourceError(
                f"{what} does not let the operator read the model {asked.name!r} (403); give its user the permission "
                "READ on the registered model"
            )
        if failure.code == _NO_WORKSPACES:
            return self._without_workspaces()
        return failure

    def _without_workspaces(self) -> SourceError:
        return SourceError(
            f"MLflow at {self._server.shown} has no workspaces; leave `mlflow.workspace` out of the ModelRegistry"
        )

    def _missing(self, asked: "MlflowSource") -> SourceError:
        return SourceError(
            f"MLflow at {self._server.shown} has no {_wanted(asked)} of a model {asked.name!r}; "
            "register it there, or correct `source.mlflow`"
        )

    def _require_ready(self, asked: "MlflowSource", version: str, status: str) -> None:
        if status == "READY":
            return
        raise SourceError(
            f"version {version} of the model {asked.name!r} at MLflow {self._server.shown} is not READY "
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


def _wanted(asked: "MlflowSource") -> str:
    if asked.alias is not None:
        return f"alias {asked.alias!r}"
    return f"version in the stage {asked.stage}" if asked.stage is not None else f"version {asked.version}"
