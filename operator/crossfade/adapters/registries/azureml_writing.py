"""Azure ML told of rollouts: tags of a version, read first and written only where they are others."""

from typing import Any, Final

from crossfade.adapters.azureml_server import AzureMlError, AzureMlServer
from crossfade.model.loose import member
from crossfade.model.writing import Deed, Tag
from crossfade.ports import RefusedError

_LONGEST: Final = 256
"""What Azure's documentation allows a tag's value."""
_OF_AZURE: Final = "provisioningState"
_OURS: Final = "crossfade."
_LINK: Final = f"{_OURS}link"
"""Not every record has one, and that of the rollout before would lead to the evidence of another."""


class AzureMlWriting:
    """What writes to one workspace or registry."""

    def __init__(self, server: AzureMlServer) -> None:
        self._server = server

    async def record(self, deed: Deed) -> None:
        """See ports.WriteBack."""
        if not isinstance(deed, Tag):
            raise RefusedError("Azure ML has neither aliases nor approvals; use `writeBack.tags` alone")
        try:
            await self._tag(deed)
        except AzureMlError as failure:
            if failure.passing:
                raise
            raise RefusedError(str(failure)) from None

    async def _tag(self, deed: Tag) -> None:
        """Azure takes a version as a whole, so all that is known of it goes back as it was read. It takes that in its
        own time, and may yet fail, so it is acknowledged once it is there."""
        told = await self._properties(deed)
        if told is None:
            return
        known = member(told, "tags")
        ours = {f"{_OURS}{name}": text for name, said in deed.record.items() if (text := _fitting(name, said))}
        tags: dict[str, Any] = {name: text for name, text in known.items() if name != _LINK} | ours
        if tags == known:
            return
        properties = {name: value for name, value in told.items() if name != _OF_AZURE}
        await self._server.update(deed.model, deed.version, {**properties, "tags": tags})
        found = await self._properties(deed)
        if found is not None and not ours.items() <= member(found, "tags").items():
            raise RefusedError(f"{self._server.shown} has not written the {deed} yet; it is looked for again")

    async def _properties(self, deed: Tag) -> dict[str, Any] | None:
        """What is known of the version, None where it is gone."""
        try:
            return member(await self._server.version(deed.model, deed.version), "properties")
        except AzureMlError as failure:
            if failure.status == 404:
                return None
            raise


def _fitting(name: str, said: str) -> str:
    """What there is room for; nothing of an address, half of which leads nowhere."""
    return "" if name == "link" and len(said) > _LONGEST else said[:_LONGEST]
