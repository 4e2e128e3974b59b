"""Weights & Biases: a version or an alias of a collection to the artifact that it means, by GraphQL alone."""

from typing import TYPE_CHECKING, Any, Final

from crossfade.adapters.paging import Page, all_listed
from crossfade.adapters.registries.wandb_facts import facts, kind, project_page, registry_page
from crossfade.adapters.registries.wandb_writing import WandbWriting
from crossfade.adapters.wandb_address import DIGEST, REGISTRY_PREFIX, WandbAddress
from crossfade.adapters.wandb_server import WandbError, WandbServer
from crossfade.adapters.web import LargeAnswerError
from crossfade.api.v1alpha1.spelling import is_version
from crossfade.model.loose import member, objects, text
from crossfade.ports import Listed, Reference, SourceError

if TYPE_CHECKING:
    from crossfade.api.v1alpha1.hosted import WandbSource
    from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
    from crossfade.api.v1alpha1.modelversion import Source
    from crossfade.model.writing import Deed

Json = dict[str, Any]
_PAGE: Final = 1000
_MEND: Final = "register it there, or correct `source.wandb`"

_VIEWER: Final = "query Viewer { viewer { entity } }"
_ORGANIZATIONS: Final = """query Organizations($entity: String!) {
  entity(name: $entity) {
    organization { name orgEntity { name } }
    user { organizations { name orgEntity { name } } }
  }
}"""
_MEMBERSHIP: Final = """query Membership($entity: String!, $project: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    artifactCollectionMembership(name: $name) {
      versionIndex
      aliases { alias }
      artifact {
        id digest state description metadata versionIndex createdAt
        artifactType { name }
        artifactSequence { name project { name entity { name } } }
        tags { name }
      }
    }
  }
}"""
_ALIASES: Final = """query Aliases($entity: String!, $project: String!, $name: String!, $after: String, $first: Int!) {
  project(name: $project, entityName: $entity) {
    artifactCollection(name: $name) {
      aliases(after: $after, first: $first) {
        pageInfo { endCursor hasNextPage }
        edges { node { alias } }
      }
    }
  }
}"""
_CREATED_BY: Final = """query CreatedBy($id: ID!) {
  artifact(id: $id) {
    createdBy {
      ... on User { username }
      ... on Run {
        name state commit config summaryMetrics heartbeatAt
        user { username }
        project { name entity { name } }
        inputArtifacts(first: 64) {
          edges {
            node {
              digest versionIndex
              artifactType { name }
              artifactSequence { name project { name entity { name } } }
            }
          }
        }
      }
    }
  }
}"""
_USED_BY: Final = """query UsedBy($id: ID!) {
  artifact(id: $id) { usedBy { edges { node { name project { name entity { name } } } } } }
}"""


class WandbRegistry:
    """The Registry port for one server of W&B."""

    def __init__(self, server: WandbServer) -> None:
        self._server = server
        self._what = f"W&B at {server.shown}"
        self._writing = WandbWriting(server)

    async def record(self, deed: "Deed") -> None:
        """See ports.WriteBack."""
        await self._writing.record(deed)

    async def resolve(self, source: "Source") -> Reference:
        """Follow the alias once. Raises SourceError; what is missing may still appear, so that is retried."""
        asked = source.wandb
        if asked is None:
            raise SourceError("the source is on no W&B; name an artifact in `source.wandb`", retry=False)
        try:
            entity = await self._entity(asked)
            found = await self._membership(asked, entity)
        except WandbError as failure:
            raise self._explained(asked, failure) from None
        address = self._address(asked, entity, found)
        if not address.fits():
            raise SourceError("the names in `source.wandb` are too long together; shorten them", retry=False)
        made = await self._perhaps(_CREATED_BY, address.artifact)
        used = await self._perhaps(_USED_BY, address.artifact)
        page = self._page(asked, address, found)
        known = facts(found, address, member(made, "createdBy"), member(used, "usedBy"), page)
        exact = asked.model_copy(update={"version": address.version, "alias": None})
        pinned = source.model_copy(update={"wandb": exact})
        return Reference(f"wandb://{address.name}", str(address), address.version, known, pinned)

    async def versions(self, spec: "ModelSourceSpec") -> Listed:
        """All aliases of the collection that are semantic versions. Raises SourceError."""
        from crossfade.api.v1alpha1.hosted import WandbSource
        from crossfade.api.v1alpha1.modelversion import Source

        told = spec.wandb.model_dump(exclude={"semver", "alias"}) if spec.wandb else {}

        def source(alias: str) -> Source:
            return Source(wandb=WandbSource(**told, alias=alias), registry_ref=spec.registry_ref)

        asked = WandbSource(**told, alias="latest")
        try:
            found = await self._aliases(asked, await self._entity(asked))
        except WandbError as failure:
            raise self._explained(asked, failure) from None
        return Listed(found, source)

    async def _aliases(self, asked: "WandbSource", entity: str) -> list[str]:
        """Those that are semantic versions."""
        which = {"entity": entity, "project": _project(asked), "name": asked.collection}

        async def page(after: str | None) -> Page:
            answer = await self._server.ask(_ALIASES, **which, after=after, first=_PAGE)
            collection = member(self._shown(asked, answer), "artifactCollection")
            if not collection:
                raise SourceError(f"{self._what} has no {asked.collection!r} in the {_place(asked)}; {_MEND}")
            told = member(collection, "aliases")
            following = member(told, "pageInfo")
            more = following.get("hasNextPage") is True
            return objects(told.get("edges")), text(following.get("endCursor")) if more else None

        edges = all_listed(page, _PAGE, repr(asked.collection), "aliases")
        names = [text(member(edge, "node").get("alias")) or "" async for edge in edges]
        return [name for name in names if is_version(name)]

    async def _entity(self, asked: "WandbSource") -> str:
        """The entity that has the project, or the registry's."""
        return await self._organization(asked.entity) if asked.registry is not None else asked.entity

    async def _organization(self, name: str) -> str:
        """The entity that has the registries of the organization of this name, as W&B's own client looks it up: among
        those of whoever asks. The name itself where it is none of those, for entities are named as well."""
        mine = text(member(await self._server.ask(_VIEWER), "viewer").get("entity"))
        if mine is None:
            return name
        found = member(await self._server.ask(_ORGANIZATIONS, entity=mine), "entity")
        listed = [member(found, "organization"), *objects(member(found, "user").get("organizations"))]
        kept = (text(member(one, "orgEntity").get("name")) for one in listed if one.get("name") == name)
        return next(filter(None, kept), name)

    async def _membership(self, asked: "WandbSource", entity: str) -> Json:
        name = f"{asked.collection}:{asked.version or asked.alias}"
        found = await self._server.ask(_MEMBERSHIP, entity=entity, project=_project(asked), name=name)
        membership = member(self._shown(asked, found), "artifactCollectionMembership")
        if not membership:
            raise SourceError(f"{self._what} has no {name!r} in the {_place(asked)}; {_MEND}")
        return membership

    def _shown(self, asked: "WandbSource", found: Json) -> Json:
        """The project as it was asked for, where it is shown to us."""
        project = member(found, "project")
        if not project:
            hidden = "it may be private to others" if self._server.known else "a private one needs `credentials`"
            raise SourceError(f"{self._what} shows no {_place(asked)}; {_MEND} ({hidden})")
        return project

    def _address(self, asked: "WandbSource", entity: str, found: Json) -> WandbAddress:
        artifact, index = member(found, "artifact"), found.get("versionIndex")
        identity, digest = text(artifact.get("id")), str(artifact.get("digest"))
        if identity is None or not DIGEST.fullmatch(digest) or type(index) is not int or index < 0:
            raise SourceError(
                f"{self._what} answered without an artifact, its digest or its version; check that the address is "
                "W&B's API"
            )
        version = f"v{index}"
        if asked.version not in (None, version):
            raise SourceError(
                f"{self._what} answered with {version} where {asked.version} was asked for; check its address"
            )
        address = WandbAddress(entity, _project(asked), asked.collection, version, identity, digest)
        if artifact.get("state") != "COMMITTED":
            state = str(artifact.get("state"))[:64]
            raise SourceError(
                f"{address.name} at W&B {self._server.shown} is {state} and not COMMITTED; wait for the run that logs "
                "it, or name another version"
            )
        return address

    async def _perhaps(self, query: str, artifact: str) -> Json:
        """The artifact as this query has it; empty where it is not for us, or larger than anybody reads: a registry's
        readers need not see the projects that its artifacts come from. Raises SourceError where another time may end
        better."""
        try:
            return member(await self._server.ask(query, id=artifact), "artifact")
        except LargeAnswerError:
            return {}
        except WandbError as failure:
            if failure.passing:
                raise
            return {}

    def _page(self, asked: "WandbSource", address: WandbAddress, found: Json) -> str:
        """Where people see it."""
        if asked.registry is not None:
            return registry_page(self._server.shown, asked.entity, address)
        return project_page(self._server.shown, address, kind(found))

    def _explained(self, asked: "WandbSource", failure: WandbError) -> SourceError:
        said = f"{failure.status} {failure.code}".rstrip()
        if failure.unknown:
            return SourceError(
                f"{self._what} does not accept who asks for the {_place(asked)} ({said}); give `credentials` that it "
                "knows, or renew those that have expired"
            )
        if failure.forbidden:
            return SourceError(
                f"{self._what} does not let the operator read the {_place(asked)} ({said}); give the user or service "
                "account of its key a role that may read it"
            )
        if failure.status == 404:
            return SourceError(f"{self._what} shows no {_place(asked)} ({said}); {_MEND}")
        return failure


def _project(asked: "WandbSource") -> str:
    return asked.project if asked.project is not None else f"{REGISTRY_PREFIX}{asked.registry}"


def _place(asked: "WandbSource") -> str:
    if asked.project is not None:
        return f"project {asked.project!r} of {asked.entity!r}"
    return f"registry {asked.registry!r} of {asked.entity!r}"
