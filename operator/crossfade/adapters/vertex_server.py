"""Google's Vertex AI in one location of one project, as far as its model registry goes, and the Google Cloud Storage
that has its models."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from crossfade.adapters.buckets.gcs import GcsBucket
from crossfade.adapters.google_tokens import GoogleTokens
from crossfade.adapters.json_object import json_object
from crossfade.adapters.said import code as code_of
from crossfade.adapters.web import NOTHING, Guard, Web
from crossfade.model.access import GOOGLE_KEY, Access
from crossfade.model.loose import member
from crossfade.ports import SourceError

Json = dict[str, Any]
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
"""As Google's own client has it: what the account may do is said by its roles."""


class VertexError(SourceError):
    """Vertex AI refused. `status` is HTTP's, `code` its own word for why, such as NOT_FOUND, or empty."""

    def __init__(self, message: str, status: int, code: str, wait: float = 0.0) -> None:
        super().__init__(message, wait=wait)
        self.status = status
        self.code = code

    @property
    def passing(self) -> bool:
        """Whether another time may end better."""
        return self.status in (408, 429) or self.status >= 500


class VertexServer:
    """A client of what `access` describes, Google Cloud Storage with the same key at `bucket`; `timeout` is in seconds
    for a whole request with its answer. Without a key it asks as nobody: no metadata server is asked. Raises
    SourceError when the access cannot be used as it is."""

    def __init__(self, access: Access, guard: Guard | None = None, timeout: float = 30.0) -> None:
        key = access.secrets.get(GOOGLE_KEY, "")
        self.project = access.option("project") or ""
        self.location = access.option("location") or ""
        self._web = Web(access.address, ca=access.ca, guard=guard, timeout=timeout)
        self._tokens = GoogleTokens(key, _SCOPE, access.ca, guard, timeout) if key else None
        self.shown = self._web.shown
        self.bucket = GcsBucket(access.option("storage") or "", key, access.ca, guard, timeout)

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()
        if self._tokens is not None:
            await self._tokens.close()
        await self.bucket.close()

    async def get(self, path: str, parameters: Mapping[str, str] = NOTHING) -> Json:
        """GET what is at this path of the project and the location, such as `models/fraud@3`. Raises VertexError when
        refused, SourceError when there is no proper answer."""
        what = f"Vertex AI at {self.shown}"
        place = f"/v1/projects/{quote(self.project, safe='')}/locations/{quote(self.location, safe='')}/{path}"
        known = await self._tokens.headers() if self._tokens is not None else NOTHING
        reply = await self._web.ask(what, place, parameters, known)
        if reply.status == 401 and self._tokens is not None:
            self._tokens.forget(known)
        answer = json_object(reply.content)
        if reply.status != 200:
            code = code_of(member(answer or {}, "error").get("status"))
            raise VertexError(
                f"{what} refused {path} with {reply.status} {code}".rstrip(), reply.status, code, reply.wait
            )
        if answer is None:
            raise SourceError(f"{what} answered {path} with no JSON object; check that the address is Vertex AI's")
        return answer
