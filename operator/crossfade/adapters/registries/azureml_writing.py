"""Azure ML told of rollouts: tags of a version, read first and written only where they are others."""

from typing import Any, Final

from crossfade.adapters.azureml_server import AzureMlError, AzureMlServer
from crossfade.model.loose import member
from crossfade.model.writing import Deed, Tag
from crossfade.ports import RefusedError

_LONGEST: Final = 256
"""What Azure's documentation allows a tag's value."""
_OF_AZURE: Final = "provisioningState"


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
        """Azure takes a version as a whole, so all that is known of it goes back as it was read."""
        try:
            told = member(await self._server.version(deed.model, deed.version), "properties")
        except AzureMlError as failure:
            if failure.status == 404:
                return
            raise
        known = member(told, "tags")
        tags: dict[str, Any] = {
            **known,
            **{f"crossfade.{name}": text for name, said in deed.record.items() if (text := _fitting(name, said))},
        }
        if tags != known:
            properties = {name: value for name, value in told.items() if name != _OF_AZURE}
            await self._server.update(deed.model, deed.version, {**properties, "tags": tags})


def _fitting(name: str, said: str) -> str:
    """What there is room for; nothing of an address, half of which leads nowhere."""
    return "" if name == "link" and len(said) > _LONGEST else said[:_LONGEST]
