"""The Hugging Face Hub: a branch, tag or commit of a repository to the commit that it means, by the REST API alone."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from crossfade.adapters.hub_address import HubAddress
from crossfade.adapters.hub_server import HubError, HubServer
from crossfade.adapters.registries.hub_writing import HubWriting
from crossfade.adapters.web import LargeAnswerError
from crossfade.api.v1alpha1.facts import Facts, Scan
from crossfade.api.v1alpha1.spelling import is_version
from crossfade.model.card import card_facts
from crossfade.model.loose import member, objects, text
from crossfade.ports import MOST_LISTED, Listed, Reference, SourceError

if TYPE_CHECKING:
    from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
    from crossfade.api.v1alpha1.modelversion import HuggingFaceSource, Source
    from crossfade.model.writing import Deed

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_CARD: Final = "README.md"
_NO_REPOSITORY: Final = "RepoNotFound"
_NO_REVISION: Final = "RevisionNotFound"
_GATED: Final = "GatedRepo"


class HuggingFaceRegistry:
    """The Registry port for one Hub."""

    def __init__(self, server: HubServer) -> None:
        self._server = server
        self._writing = HubWriting(server)

    async def record(self, deed: "Deed") -> None:
        """See ports.WriteBack."""
        await self._writing.record(deed)

    async def check(self) -> None:
        """See ports.Asked. A mirror that lists no models, or all of them at once, is there all the same."""
        try:
            await self._server.reached()
        except HubError as failure:
            if failure.status == 401:
                raise SourceError(
                    f"the Hugging Face Hub at {self._server.shown} does not accept who asks (401); give `credentials` "
                    "that it knows, or renew those that have expired"
                ) from None
            if failure.status == 429 or failure.status >= 500:
                raise
        except LargeAnswerError:
            return

    async def resolve(self, source: "Source") -> Reference:
        """Follow the revision once. Raises SourceError; what is missing may still appear, so that is retried."""
        asked = source.hugging_face
        if asked is None:
            raise SourceError("the source is on no Hugging Face Hub; name one in `source.huggingFace`", retry=False)
        try:
            path = f"revision/{quote(asked.revision, safe='')}"
            found = await self._server.model(asked.repo, path, {"securityStatus": "true"})
            if found.get("gated"):  # anybody is told of such a model, and few may read it
                await self._server.allowed(asked.repo)
        except HubError as failure:
            raise self._explained(asked, failure) from None
        address = HubAddress(asked.repo, self._commit(asked, found), asked.allow_patterns, asked.ignore_patterns)
        if not address.fits():
            raise SourceError("`allowPatterns` and `ignorePatterns` are too long together; shorten them", retry=False)
        plain = str(HubAddress(address.repo, address.commit))
        exact = asked.model_copy(update={"revision": address.commit})
        pinned = source.model_copy(update={"hugging_face": exact})
        return Reference(plain, str(address), address.commit, self._facts(address, found), pinned)

    async def versions(self, spec: "ModelSourceSpec") -> Listed:
        """All tags that are semantic versions. Raises SourceError."""
        from crossfade.api.v1alpha1.modelversion import HuggingFaceSource, Source

        asked = spec.hugging_face
        if asked is None:
            raise SourceError("what is followed is on no Hugging Face Hub; name a model in `spec.huggingFace`")
        whole = HuggingFaceSource(
            repo=asked.repo,
            revision="main",
            allow_patterns=asked.allow_patterns,
            ignore_patterns=asked.ignore_patterns,
        )
        try:
            found = await self._server.model(asked.repo, "refs", {})
        except HubError as failure:
            raise self._explained(whole, failure) from None
        tags = objects(found.get("tags"))
        if len(tags) > MOST_LISTED:
            what = f"the Hugging Face Hub at {self._server.shown}"
            raise SourceError(f"{what} has more than {MOST_LISTED} tags of {asked.repo!r}; remove old ones")

        def source(name: str) -> Source:
            return Source(hugging_face=whole.model_copy(update={"revision": name}), registry_ref=spec.registry_ref)

        return Listed([name for tag in tags if is_version(name := text(tag.get("name")) or "")], source)

    def _commit(self, asked: "HuggingFaceSource", found: Mapping[str, Any]) -> str:
        commit = found.get("sha")
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise SourceError(
                f"the Hugging Face Hub at {self._server.shown} answered without a commit; check its address"
            )
        if _COMMIT.fullmatch(asked.revision) and asked.revision != commit:
            raise SourceError(
                f"the Hugging Face Hub at {self._server.shown} answered with the commit {commit} where "
                f"{asked.revision} was asked for; check its address"
            )
        return commit

    def _facts(self, address: HubAddress, found: Mapping[str, Any]) -> Facts:
        """What the Hub says; of the card only where it is not among the model's files, which say it themselves."""
        said = {} if address.holds(_CARD) else member(found, "cardData")
        url = f"{self._server.shown}/{address.repo}/tree/{address.commit}"
        return card_facts(said, "Registry").model_copy(update={"scan": _scan(found), "registry_url": url})

    def _explained(self, asked: "HuggingFaceSource", failure: HubError) -> SourceError:
        what, repo = f"the Hugging Face Hub at {self._server.shown}", asked.repo
        mend = "register it there, or correct `source.huggingFace`"
        if failure.code == _NO_REVISION:
            return SourceError(f"{what} has no revision {asked.revision!r} of a model {repo!r}; {mend}")
        if failure.code == _GATED:
            return SourceError(
                f"{what} does not let the operator read the model {repo!r}, which is gated ({failure.status}); let its "
                "owner grant access to the token's user"
            )
        if failure.code == _NO_REPOSITORY or failure.status == 404:
            hidden = "it may be private to others" if self._server.known else "a private one needs `credentials`"
            return SourceError(f"{what} shows no model {repo!r}; {mend} ({hidden})")
        if failure.status == 401:
            return SourceError(
                f"{what} does not accept who asks for the model {repo!r} (401); give `credentials` that it knows, or "
                "renew those that have expired"
            )
        if failure.status == 403:
            return SourceError(
                f"{what} does not let the operator read the model {repo!r} (403); give its token the permission to "
                "read the repository's contents"
            )
        return failure


def _scan(found: Mapping[str, Any]) -> Scan | None:
    """What the Hub's scanners say, where they say something."""
    said = found.get("securityRepoStatus")
    if not isinstance(said, dict):
        return None
    issues = objects(said.get("filesWithIssues"))
    suspects = {str(item.get("path", "")): str(item.get("level", "")) for item in issues}
    return Scan(origin="Registry", state="Done" if said.get("scansDone") is True else "Pending", suspects=suspects)
