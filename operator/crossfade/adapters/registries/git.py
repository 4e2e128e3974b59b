"""Git repositories: a revision, or a version or a stage of GTO's, to the commit that it means."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from posixpath import normpath
from typing import TYPE_CHECKING, Final

from crossfade.adapters import gto
from crossfade.adapters.git_address import GitAddress
from crossfade.adapters.git_models import Commit, GitModels
from crossfade.adapters.git_server import Found, tag_facts
from crossfade.adapters.git_wire import Ref
from crossfade.adapters.registries.git_facts import Maker, author, facts
from crossfade.api.v1alpha1.spelling import is_version
from crossfade.model.loose import text
from crossfade.ports import MOST_LISTED, Listed, Reference, SourceError

if TYPE_CHECKING:
    from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
    from crossfade.api.v1alpha1.modelversion import GitSource, Source

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


class GitRegistry:
    """The Registry port for one repository."""

    def __init__(self, models: GitModels) -> None:
        self._models = models
        self._server = models.server

    async def check(self) -> None:
        """See ports.Asked: who may read the repository may ask for its branches."""
        await self._server.refs(["HEAD"])

    async def resolve(self, source: "Source") -> Reference:
        """Follow the revision, or what GTO's tags say, once. Raises SourceError; what is missing may still appear, so
        that is retried."""
        asked = source.git
        if asked is None:
            raise SourceError("the source is in no Git repository; name one in `source.git`", retry=False)
        if asked.artifact is not None:
            commit, path, tags, maker = await self._registered(asked, asked.artifact)
        else:
            commit, path, tags = await self._at(asked.revision or ""), asked.path or "", {}
            maker = author(commit)
        await self._models.pieces(commit, path)
        address = GitAddress(self._server.shown, commit.oid, path)
        if not address.fits():
            raise SourceError("`source.git.path` is too long to be recorded; shorten it", retry=False)
        known = await facts(self._models, commit, path, tags, maker)
        exact = {"path": path, "revision": commit.oid, "artifact": None, "version": None, "stage": None}
        pinned = source.model_copy(update={"git": asked.model_copy(update=exact)})
        return Reference(str(address), str(address), commit.oid, known, pinned)

    async def versions(self, spec: "ModelSourceSpec") -> Listed:
        """All tags that are semantic versions, or of an artifact those that GTO has registered. Raises SourceError."""
        from crossfade.api.v1alpha1.modelversion import GitSource, Source

        asked = spec.git
        if asked is None:
            raise SourceError("what is followed is in no Git repository; name a model in `spec.git`")
        artifact, path = asked.artifact, asked.path
        names = await (self._tags() if artifact is None else self._versions(artifact))

        def source(name: str) -> Source:
            one = GitSource(path=path, revision=name) if path else GitSource(artifact=artifact, version=name)
            return Source(git=one, registry_ref=spec.registry_ref)

        return Listed([name for name in names if is_version(name)], source)

    async def _tags(self) -> list[str]:
        refs = await self._server.refs(["refs/tags/"])
        if len(refs) > MOST_LISTED:
            raise SourceError(f"{self._server.what} has more than {MOST_LISTED} tags; remove old ones")
        return [ref.name.removeprefix("refs/tags/") for ref in refs]

    async def _versions(self, artifact: str) -> list[str]:
        events, _ = await self._events(artifact)
        versions = await asyncio.to_thread(gto.versions, events)
        return [name for name in versions if name.startswith("v")]

    async def _at(self, revision: str) -> Commit:
        """The commit of a commit, a tag or a branch; of a tag where both have the name, as Git has it."""
        if _COMMIT.fullmatch(revision):
            return await self._models.at(revision)
        names = (
            [revision] if revision.startswith("refs/") else [f"refs/{kind}/{revision}" for kind in ("tags", "heads")]
        )
        refs = {ref.name: ref.commit for ref in await self._server.refs(names)}
        for name in names:
            if name in refs:
                return await self._models.at(refs[name])
        raise self._missing(f"branch or tag {revision!r} (a commit has 40 hex digits)")

    async def _registered(self, asked: "GitSource", artifact: str) -> tuple[Commit, str, dict[str, str], Maker]:
        """Commit, path, what is written beside it and who registered it, by GTO's tags and by the file that says where
        it lies."""
        events, messages = await self._events(artifact)
        if gto.is_deprecated(events):
            raise SourceError(f"{self._server.what} has the artifact {artifact!r} deprecated by GTO; name another one")
        found = gto.registered(events, asked.version) if asked.version else gto.assigned(events, asked.stage or "")
        if found is None:
            wanted = f"version {asked.version}" if asked.version else f"version in the stage {asked.stage!r}"
            raise self._missing(f"{wanted} of an artifact {artifact!r} by GTO's annotated tags")
        commit = await self._models.at(found.commit)
        path, said = await self._place(commit, artifact)
        version = found.version or gto.version_at(events, found.commit)
        noted = {"artifact": artifact, "version": version, "stage": found.stage, "tag": found.tag}
        tags = {name: value for name, value in (noted | said | messages[found.tag]).items() if value}
        by = gto.registered(events, version) if version else None
        maker = author(commit) if by is None else (messages[by.tag]["tagger"], by.at)
        return commit, path, tags, maker

    async def _events(self, artifact: str) -> tuple[Sequence[gto.Event], dict[str, dict[str, str]]]:
        """The artifact's annotated tags, and who made them with what message, by their names."""
        refs = await self._server.refs([f"refs/tags/{prefix}" for prefix in gto.prefixes(artifact)])
        annotated = [ref for ref in refs if ref.peeled]
        if len(annotated) > MOST_LISTED:
            raise SourceError(f"{self._server.what} has more than {MOST_LISTED} tags of {artifact!r}; remove old ones")
        if not annotated:
            return [], {}
        found = await self._server.tags({ref.oid for ref in annotated})
        return await asyncio.to_thread(_understood, artifact, annotated, found)

    async def _place(self, commit: Commit, artifact: str) -> tuple[str, dict[str, str]]:
        files = gto.paths(artifact)
        notes = await self._models.notes(commit, files)
        for file in files:
            said = await asyncio.to_thread(gto.described, artifact, file, notes.get(file, b""))
            if path := text(said.get("path")):
                labels = said.get("labels")
                listed = [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []
                kind, about = text(said.get("type")), text(said.get("description")) or text(said.get("desc"))
                return normpath(path), {"type": kind or "", "description": about or "", "labels": ", ".join(listed)}
        raise self._missing(f"path of the artifact {artifact!r} in {' or '.join(files)} at {commit.oid}")

    def _missing(self, thing: str) -> SourceError:
        return SourceError(f"{self._server.what} has no {thing}; register it there, or correct `source.git`")


def _understood(
    artifact: str, annotated: Iterable[Ref], found: Found
) -> tuple[Sequence[gto.Event], dict[str, dict[str, str]]]:
    """What GTO reads in these tags, and who made them with what message, by their names."""
    events, messages = [], {}
    for ref in annotated:
        said = tag_facts(found[ref.oid][1])
        name = ref.name.removeprefix("refs/tags/")
        if one := gto.event(artifact, name, ref.commit, int(said["at"])):
            events.append(one)
            messages[name] = {"tagger": said["name"], "message": said["message"]}
    return events, messages
