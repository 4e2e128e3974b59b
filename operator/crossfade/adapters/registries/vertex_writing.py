"""Vertex AI told of rollouts: aliases and labels of versions, each read first and written only where it is another."""

import re
from typing import Any, Final

from crossfade.adapters.vertex_server import VertexError, VertexServer
from crossfade.model.loose import member, text
from crossfade.model.writing import Deed, Point, Release, Tag
from crossfade.ports import RefusedError, SourceError

Json = dict[str, Any]
_LABELLED: Final = ("outcome", "rollout", "evidence", "at", "digest")
"""What of the record labels have room for: a sentence is none of them."""
_LONGEST: Final = 63
_SMALL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_OTHERS: Final = re.compile(r"[^a-z0-9_]+")
_CONFLICTS: Final = ("ABORTED", "FAILED_PRECONDITION")


class VertexWriting:
    """What writes to the Vertex AI of one project in one location."""

    def __init__(self, server: VertexServer) -> None:
        self._server = server
        self._what = f"Vertex AI at {server.shown}"

    async def record(self, deed: Deed) -> None:
        """See ports.WriteBack."""
        try:
            match deed:
                case Point():
                    await self._point(deed)
                case Release():
                    await self._release(deed)
                case Tag():
                    await self._label(deed)
                case _:
                    raise RefusedError("Vertex AI knows neither approvals nor stages; leave them out of `writeBack`")
        except VertexError as failure:
            raise self._explained(deed, failure) from None

    async def _point(self, deed: Point) -> None:
        if (await self._found(deed.model, deed.alias)).get("versionId") != deed.version:
            await self._merge(deed, deed.alias)

    async def _release(self, deed: Release) -> None:
        """Of this very version: one that means another by now stays."""
        if (await self._found(deed.model, deed.alias)).get("versionId") == deed.version:
            await self._merge(deed, f"-{deed.alias}")

    async def _merge(self, deed: Point | Release, alias: str) -> None:
        place = f"models/{deed.model}@{deed.version}:mergeVersionAliases"
        await self._server.tell(place, {"versionAliases": [alias]})

    async def _label(self, deed: Tag) -> None:
        """Vertex AI takes labels as a whole: all that are there go back, as long as nobody has changed the version."""
        found = await self._found(deed.model, deed.version)
        known = member(found, "labels")
        labels = {**known, **{f"crossfade-{name}": _label(deed.record[name]) for name in _LABELLED}}
        if not found or labels == known:
            return
        told: Json = {"labels": labels}
        if etag := text(found.get("etag")):
            told["etag"] = etag
        await self._server.tell(f"models/{deed.model}@{deed.version}?updateMask=labels", told, "PATCH")

    async def _found(self, model: str, name: str) -> Json:
        """A version, by its number or an alias; empty where there is none."""
        try:
            return await self._server.get(f"models/{model}@{name}")
        except VertexError as failure:
            if failure.status == 404:
                return {}
            raise

    def _explained(self, deed: Deed, failure: VertexError) -> SourceError:
        said = f"{failure.status} {failure.code}".rstrip()
        if failure.status == 401:
            return SourceError(
                f"{self._what} does not accept who writes to it ({said}); give `credentials` that it knows, or renew "
                "those that have expired"
            )
        if failure.status == 403:
            return RefusedError(
                f"{self._what} does not let the operator write the {deed} ({said}); give its service account "
                "`aiplatform.models.get` and `aiplatform.models.update`, as the role Vertex AI User has them, or leave "
                "`writeBack` out"
            )
        if failure.code in _CONFLICTS:
            return RefusedError(f"{failure}: somebody else changes the model {deed.model} at the same time")
        if failure.passing:
            return failure
        return RefusedError(f"{failure}; check that version {deed.version} of the model {deed.model} is still there")


def _label(said: str) -> str:
    """In the small letters, digits and dashes that labels may have: `FastPromoted` is `fast-promoted`, `ml/fraud` is
    `ml_fraud`. What is too long ends early."""
    small = _SMALL.sub("-", said.removeprefix("sha256:")).replace("/", "_").lower()
    return _OTHERS.sub("-", small)[:_LONGEST].rstrip("-")
