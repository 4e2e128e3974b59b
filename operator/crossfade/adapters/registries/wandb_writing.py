"""W&B told of rollouts: aliases and metadata, each read first and written only where it is another."""

import json
from typing import Any, Final

from crossfade.adapters.json_object import json_object
from crossfade.adapters.wandb_server import WandbError, WandbServer
from crossfade.model.loose import member, text
from crossfade.model.writing import Deed, Point, Release, Tag
from crossfade.ports import RefusedError, SourceError

Json = dict[str, Any]
RECORD: Final = "crossfade"
"""The key of an artifact's metadata that has the record: a single one of the hundred that there may be."""

_MEANT: Final = """query Meant($entity: String!, $project: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    artifactCollectionMembership(name: $name) { versionIndex artifact { id metadata } }
  }
}"""
_ADD: Final = """mutation AddAliases($input: AddAliasesInput!) {
  result: addAliases(input: $input) { success }
}"""
_DELETE: Final = """mutation DeleteAliases($input: DeleteAliasesInput!) {
  result: deleteAliases(input: $input) { success }
}"""
_UPDATE: Final = """mutation UpdateArtifact($input: UpdateArtifactInput!) {
  result: updateArtifact(input: $input) { artifact { id } }
}"""


class WandbWriting:
    """What writes to one server of W&B."""

    def __init__(self, server: WandbServer) -> None:
        self._server = server
        self._what = f"W&B at {server.shown}"

    async def record(self, deed: Deed) -> None:
        """See ports.WriteBack."""
        try:
            match deed:
                case Point():
                    await self._point(deed)
                case Release():
                    await self._release(deed)
                case Tag():
                    await self._note(deed)
                case _:
                    raise RefusedError("W&B knows neither approvals nor stages; leave them out of `writeBack`")
        except WandbError as failure:
            raise self._explained(deed, failure) from None

    async def _point(self, deed: Point) -> None:
        if _version(await self._meant(deed.model, deed.alias)) == deed.version:
            return
        artifact = text(member(await self._meant(deed.model, deed.version), "artifact").get("id"))
        if artifact is None:
            raise RefusedError(f"{self._what} has no {deed.model}:{deed.version} that {deed.alias} could mean")
        await self._alias(_ADD, deed, artifact)

    async def _release(self, deed: Release) -> None:
        """Of the very artifact that it was given to: one that means another by now stays."""
        found = await self._meant(deed.model, deed.alias)
        artifact = text(member(found, "artifact").get("id"))
        if artifact is not None and _version(found) == deed.version:
            await self._alias(_DELETE, deed, artifact)

    async def _alias(self, mutation: str, deed: Point | Release, artifact: str) -> None:
        entity, project, collection = deed.model.split("/")
        where = {"entityName": entity, "projectName": project, "artifactCollectionName": collection}
        told = {"artifactID": artifact, "aliases": [{**where, "alias": deed.alias}]}
        done = await self._server.ask(mutation, input=told)
        if member(done, "result").get("success") is not True:
            raise RefusedError(f"{self._what} did not take the {deed}, and does not say why")

    async def _note(self, deed: Tag) -> None:
        artifact = member(await self._meant(deed.model, deed.version), "artifact")
        if not artifact:
            return
        metadata = artifact.get("metadata")
        metadata = "{}" if metadata in (None, "", "null") else metadata
        known = json_object(metadata) if isinstance(metadata, str) else None
        if known is None:
            raise RefusedError(
                f"{self._what} has metadata of {deed.model}:{deed.version} that is no JSON object, so none is written"
            )
        if known.get(RECORD) == deed.record:
            return
        told = {"artifactID": artifact.get("id"), "metadata": json.dumps({**known, RECORD: dict(deed.record)})}
        await self._server.ask(_UPDATE, input=told)

    async def _meant(self, model: str, name: str) -> Json:
        """What an alias or a version of the collection means; empty where it means nothing, or may not be seen."""
        entity, project, collection = model.split("/")
        found = await self._server.ask(_MEANT, entity=entity, project=project, name=f"{collection}:{name}")
        return member(member(found, "project"), "artifactCollectionMembership")

    def _explained(self, deed: Deed, failure: WandbError) -> SourceError:
        said = f"{failure.status} {failure.code}".rstrip()
        if failure.unknown:
            return SourceError(
                f"{self._what} does not accept who writes to it ({said}); give `credentials` that it knows, or renew "
                "those that have expired"
            )
        if failure.forbidden:
            right = (
                "a role that may write to the project that logged the artifact"
                if isinstance(deed, Tag)
                else "a role that may write to the project, or of the registry the role Member, and Admin for aliases "
                "that are protected"
            )
            return RefusedError(
                f"{self._what} does not let the operator write the {deed} ({said}); give the service account of its "
                f"key {right}, or leave that out of `writeBack`"
            )
        if failure.passing:
            return failure
        return RefusedError(f"{failure}; check that {deed.model}:{deed.version} is still there")


def _version(membership: Json) -> str | None:
    """The version that is meant, None for none."""
    index = membership.get("versionIndex")
    return f"v{index}" if type(index) is int else None
