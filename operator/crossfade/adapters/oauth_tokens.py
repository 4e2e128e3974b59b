"""Access tokens of OAuth 2.0: asked for when the first is wanted, kept until shortly before they end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlencode

from crossfade.adapters.json_object import json_object
from crossfade.adapters.web import Web
from crossfade.ports import SourceError

LIFE_SECONDS: Final = 3600
"""The longest that a token is believed to last."""
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_MARGIN_SECONDS: Final = 60.0

Form = Callable[[], Awaitable[Mapping[str, str]]]
"""What the token server is told."""


class OAuthTokens:
    """The Tokens of the token server at `web`, to which `path` is added. `check` is what to look at when it gives
    none."""

    def __init__(self, web: Web, path: str, form: Form, check: str) -> None:
        self._web = web
        self._path = path
        self._form = form
        self._check = check
        self._asking = asyncio.Lock()
        self._kept: tuple[dict[str, str], float] | None = None

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()

    def forget(self, refused: Mapping[str, str]) -> None:
        """See Tokens."""
        if self._kept is not None and self._kept[0] == refused:  # else another request has renewed it meanwhile
            self._kept = None

    async def headers(self) -> Mapping[str, str]:
        """See Tokens."""
        async with self._asking:
            if self._kept is None or time.monotonic() > self._kept[1]:
                self._kept = await self._fetched()
            return self._kept[0]

    async def _fetched(self) -> tuple[dict[str, str], float]:
        what = f"the token server at {self._web.shown}"
        reply = await self._web.tell(what, self._path, urlencode(await self._form()).encode(), _FORM)
        found = json_object(reply.content) or {}
        if reply.status in (400, 401, 403):
            raise SourceError(
                f"{what} does not accept who asks ({reply.status}); give `credentials` that it knows, or renew those "
                "that have expired"
            )
        token, lasts = found.get("access_token"), found.get("expires_in")
        if reply.status != 200:
            raise SourceError(f"{what} answered with {reply.status}", wait=reply.wait)
        if not isinstance(token, str) or not (token.isascii() and token.isprintable()):
            raise SourceError(f"{what} gave no token; check {self._check}")
        seconds = lasts if isinstance(lasts, int) else LIFE_SECONDS
        return {"Authorization": f"Bearer {token}"}, time.monotonic() + min(seconds, LIFE_SECONDS) - _MARGIN_SECONDS
