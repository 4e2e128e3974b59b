"""MLflow told of rollouts: aliases, stages and tags, each read first and written only where it is another."""

from typing import Final

from crossfade.adapters.mlflow_server import MlflowError, MlflowServer
from crossfade.api import meta
from crossfade.model.loose import member, objects, text
from crossfade.model.writing import Approve, Deed, Point, Release, Stage, Tag
from crossfade.ports import RefusedError, SourceError

_ALIAS: Final = "mlflow/registered-models/alias"
_LINK: Final = f"{meta.GROUP}/link"
"""Not every record has one, and that of the rollout before would lead to the evidence of another."""
_ARCHIVED: Final = "Archived"
_MISSING: Final = "RESOURCE_DOES_NOT_EXIST"
_MISSING_ALIAS: Final = "INVALID_PARAMETER_VALUE"


class MlflowWriting:
    """What writes to one MLflow server."""

    def __init__(self, server: MlflowServer) -> None:
        self._server = server

    async def record(self, deed: Deed) -> None:
        """See ports.WriteBack."""
        try:
            match deed:
                case Point():
                    await self._point(deed)
                case Release():
                    await self._release(deed)
                case Stage():
                    await self._stage(deed)
                case Tag():
                    await self._tag(deed)
                case Approve():
                    raise RefusedError("MLflow knows no approvals; leave `writeBack.approval` out")
        except MlflowError as failure:
            raise self._explained(deed, failure) from None

    async def _point(self, deed: Point) -> None:
        if await self._meaning(deed.model, deed.alias) != deed.version:
            await self._server.post(_ALIAS, {"name": deed.model, "alias": deed.alias, "version": deed.version})

    async def _release(self, deed: Release) -> None:
        if await self._meaning(deed.model, deed.alias) == deed.version:
            await self._server.delete(_ALIAS, {"name": deed.model, "alias": deed.alias})

    async def _stage(self, deed: Stage) -> None:
        """In between both are in the stage: none of them would be worse, for then there was nothing to serve."""
        await self._put(deed.model, deed.version, deed.stage)
        if deed.before is None or deed.before == deed.version:
            return
        try:
            if await self._stage_of(deed.model, deed.before) == deed.stage:
                await self._put(deed.model, deed.before, _ARCHIVED)
        except MlflowError as failure:
            if failure.code != _MISSING:
                raise

    async def _put(self, model: str, version: str, stage: str) -> None:
        if await self._stage_of(model, version) != stage:
            which = {"name": model, "version": version, "stage": stage}
            await self._server.post(
                "mlflow/model-versions/transition-stage", {**which, "archive_existing_versions": False}
            )

    async def _stage_of(self, model: str, version: str) -> str | None:
        found = await self._server.get("mlflow/model-versions/get", {"name": model, "version": version})
        return text(member(found, "model_version").get("current_stage"))

    async def _tag(self, deed: Tag) -> None:
        which = {"name": deed.model, "version": deed.version}
        try:
            found = (await self._server.get("mlflow/model-versions/get", which)).get("model_version")
        except MlflowError as failure:
            if failure.code == _MISSING:
                return
            raise
        known = {tag.get("key"): tag.get("value") for tag in objects((found or {}).get("tags"))}
        told = {f"{meta.GROUP}/{name}": value for name, value in deed.record.items()}
        if known.get(_LINK):
            told = {_LINK: "", **told}  # to delete a tag MLflow wants MANAGE
        for key, value in told.items():
            if known.get(key) != value:
                await self._server.post("mlflow/model-versions/set-tag", {**which, "key": key, "value": value})

    async def _meaning(self, model: str, alias: str) -> str | None:
        """The version that the alias means, None where it means none."""
        try:
            found = (await self._server.get(_ALIAS, {"name": model, "alias": alias})).get("model_version")
        except MlflowError as failure:
            if failure.code in (_MISSING_ALIAS, _MISSING):
                return None
            raise
        return str(found.get("version")) if isinstance(found, dict) else None

    def _explained(self, deed: Deed, failure: MlflowError) -> SourceError:
        what = f"MLflow at {self._server.shown}"
        if failure.status == 401:
            return SourceError(
                f"{what} does not accept who writes to it (401); give `credentials` that it knows, or renew those that "
                "have expired"
            )
        if failure.status == 403:
            if isinstance(deed, Release):
                return RefusedError(
                    f"{what} does not let the operator take the alias {deed.alias} of the model {deed.model!r} away "
                    "(403); give its user the permission MANAGE on the registered model, or leave "
                    "`writeBack.challenger` out"
                )
            return RefusedError(
                f"{what} does not let the operator write to the model {deed.model!r} (403); give its user the "
                "permission EDIT on the registered model, or leave `writeBack` out"
            )
        if failure.status == 429 or failure.status >= 500:
            return failure
        return RefusedError(f"{failure}; check that version {deed.version} of the model {deed.model!r} is still there")
