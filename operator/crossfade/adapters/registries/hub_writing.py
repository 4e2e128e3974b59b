"""A Hugging Face Hub told of rollouts: Git tags on commits, each read first and moved only where it means another."""

from typing import Any, Final

from crossfade.adapters.hub_server import HubError, HubServer
from crossfade.model.loose import objects
from crossfade.model.writing import Deed, Point, Release
from crossfade.ports import RefusedError, SourceError

_THERE_ALREADY: Final = 409


class HubWriting:
    """What writes to one Hub."""

    def __init__(self, server: HubServer) -> None:
        self._server = server
        self._what = f"the Hugging Face Hub at {server.shown}"

    async def record(self, deed: Deed) -> None:
        """See ports.WriteBack."""
        try:
            match deed:
                case Point():
                    await self._point(deed)
                case Release():
                    if await self._meaning(deed) == deed.version:
                        await self._server.untag(deed.model, deed.alias)
                case _:
                    raise RefusedError(
                        "the Hugging Face Hub has nothing beside a commit that could be written without making another "
                        "one; use `writeBack.champion` and `writeBack.challenger` alone"
                    )
        except HubError as failure:
            raise self._explained(deed, failure) from None

    async def _point(self, deed: Point) -> None:
        """The Hub moves no tags: one that means another commit is taken away first, for a commit that is there."""
        found = await self._meaning(deed)
        if found == deed.version:
            return
        if found is not None:
            await self._server.model(deed.model, f"revision/{deed.version}", {})
            await self._server.untag(deed.model, deed.alias)
        await self._server.tag(deed.model, deed.alias, deed.version)

    async def _meaning(self, deed: Point | Release) -> str | None:
        """The commit that the tag means, None where there is none. Raises RefusedError where a branch has its name."""
        refs = await self._server.model(deed.model, "refs", {})
        if deed.alias in _commits(refs.get("branches")):
            raise RefusedError(
                f"{self._what} has a branch {deed.alias} of the model {deed.model!r}; give another name in `writeBack`"
            )
        return _commits(refs.get("tags")).get(deed.alias)

    def _explained(self, deed: Deed, failure: HubError) -> SourceError:
        said = f"{failure.status} {failure.code}".rstrip()
        if failure.status == 401 and not failure.code:
            return SourceError(
                f"{self._what} does not accept who writes to it ({said}); give `credentials` that it knows, or renew "
                "those that have expired"
            )
        if failure.status in (401, 403):
            return RefusedError(
                f"{self._what} does not let the operator write the {deed} ({said}); give it a token that may write to "
                "the contents of the repository, or leave `writeBack` out"
            )
        if failure.status == _THERE_ALREADY:
            return RefusedError(f"{failure}: somebody else tags the model {deed.model!r} at the same time")
        if failure.status == 429 or failure.status >= 500:
            return failure
        return RefusedError(f"{failure}; check that the model {deed.model!r} still has the commit {deed.version}")


def _commits(refs: Any) -> dict[str, str]:
    return {str(ref.get("name")): str(ref.get("targetCommit")) for ref in objects(refs)}
