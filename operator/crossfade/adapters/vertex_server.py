"""Google's Vertex AI in one location of one project, as far as its model registry goes, and the Google Cloud Storage
that has its models."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from crossfade.adapters.buckets.gcs import GcsBucket
from crossfade.adapters.google_tokens import GoogleTokens
from crossfade.adapters.json_object import json_object
from crossfade.adapters.said import code as code_of
from crossfade.adapters.web import NOTHING, Guard, Reply, Web
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
        self._what = f"Vertex AI at {self.shown}"
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
        known = await self._known()
        return self._read(path, known, await self._web.ask(self._what, self._place(path), parameters, known))

    async def tell(self, path: str, told: Json, method: str = "POST") -> None:
        """POST to what is at this path, or another method. Raises as `get`."""
        known = await self._known()
        headers = {"Content-Type": "application/json", **known}
        content = json.dumps(told).encode()
        self._read(path, known, await self._web.tell(self._what, self._place(path), content, headers, method))

    def _place(self, path: str) -> str:
        return f"/v1/projects/{quote(self.project, safe='')}/locations/{quote(self.location, safe='')}/{path}"

    async def _known(self) -> Mapping[str, str]:
        return await self._tokens.headers() if self._tokens is not None else NOTHING

    def _read(self, path: str, known: Mapping[str, str], reply: Reply) -> Json:
        if reply.status == 401 and self._tokens is not None:
            self._tokens.forget(known)
        answer = json_object(reply.content)
        if reply.status != 200:
            code = code_of(member(answer or {}, "error").get("status"))
            raise VertexError(
                f"{self._what} refused {path} with {reply.status} {code}".rstrip(), reply.status, code, reply.wait
            )
        if answer is None:
            raise SourceError(
                f"{self._what} answered {path} with no JSON object; check that the address is Vertex AI's"
            )
        return answer
