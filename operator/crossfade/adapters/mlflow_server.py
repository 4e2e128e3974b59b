"""One MLflow server: its REST API and the files that it serves."""

import json
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import quote

from crossfade.adapters.json_object import json_object
from crossfade.adapters.said import code as code_of
from crossfade.adapters.web import Guard, Reply, Web
from crossfade.model.access import Access
from crossfade.ports import WHOLE, Part, SourceError

_API = "/api/2.0"
_JSON = {"Content-Type": "application/json"}


class MlflowError(SourceError):
    """The server refused. `code` is MLflow's error code, such as RESOURCE_DOES_NOT_EXIST; empty when it gave none."""

    def __init__(self, message: str, status: int, code: str, wait: float = 0.0) -> None:
        super().__init__(message, retry=status >= 500 or status in (401, 403, 429), wait=wait)
        self.status = status
        self.code = code


class MlflowServer:
    """A client of the server that `access` describes; `timeout` is in seconds for a whole request with its answer.
    Raises SourceError when the access cannot be used as it is."""

    def __init__(self, access: Access, guard: Guard | None = None, timeout: float = 30.0) -> None:
        self._web = Web(access.address, headers=_headers(access), ca=access.ca, guard=guard, timeout=timeout)
        self.shown = self._web.shown
        self._what = f"MLflow at {self.shown}"

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()

    async def get(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """GET `/api/2.0/<path>`. Raises MlflowError when refused, SourceError when there is no proper answer."""
        return self._read(path, await self._web.ask(self._what, f"{_API}/{path}", parameters))

    async def post(self, path: str, told: Mapping[str, str | bool]) -> None:
        """POST to `/api/2.0/<path>`. Raises as `get`."""
        self._read(path, await self._web.tell(self._what, f"{_API}/{path}", json.dumps(told).encode(), _JSON))

    async def delete(self, path: str, told: Mapping[str, str]) -> None:
        """DELETE at `/api/2.0/<path>`, which MLflow wants told in a body. Raises as `get`."""
        content = json.dumps(told).encode()
        self._read(path, await self._web.tell(self._what, f"{_API}/{path}", content, _JSON, "DELETE"))

    def _read(self, path: str, reply: Reply) -> dict[str, Any]:
        answer = json_object(reply.content)
        if reply.status >= 300:
            code = code_of((answer or {}).get("error_code"))
            sentence = f"{self._what} refused {path} with {reply.status} {code}".rstrip()
            raise MlflowError(sentence, reply.status, code, reply.wait)
        if answer is None:
            raise SourceError(
                f"{self._what} answered {path} with no JSON object; check that the address is MLflow's own"
            )
        return answer

    def download(self, path: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """Stream a part of the served artifact at `path`. Raises SourceError."""
        what = f"the file {path!r} at MLflow {self.shown}"
        return self._web.stream(what, f"{_API}/mlflow-artifacts/artifacts/{quote(path)}", part=part)


def _headers(access: Access) -> dict[str, str]:
    """Who we are, and the workspace. A user and password in the operator's own address the client itself sends."""
    found = {}
    token, username = access.secrets.get("token"), access.secrets.get("username")
    if token and not token.isascii():
        raise SourceError("the key `token` of the Secret must be plain ASCII, as MLflow gave it out")
    if token:
        found["Authorization"] = f"Bearer {token}"
    elif username:
        pair = f"{username}:{access.secrets.get('password', '')}"
        found["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    if workspace := access.option("workspace"):
        found["X-MLFLOW-WORKSPACE"] = workspace
    return found
