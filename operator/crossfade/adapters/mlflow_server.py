"""One MLflow server: its REST API and the files that it serves."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx

from crossfade.adapters.address import shown
from crossfade.adapters.web import CHUNK_BYTES, TooLargeError, body, source_errors
from crossfade.ports import SourceError

_API = "/api/2.0"
_MAX_JSON_BYTES = 16 << 20


class MlflowError(SourceError):
    """The server refused. `code` is MLflow's error code, such as RESOURCE_DOES_NOT_EXIST; empty when it gave none."""

    def __init__(self, message: str, status: int, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class MlflowServer:
    """A client of the server at `address`, which may have a path and credentials. `timeout` is in seconds.

    The timeout is generous: MLflow asks slow stores itself before it answers.
    """

    def __init__(self, address: str, timeout: float = 30.0) -> None:
        self.shown = shown(address)
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            base_url=address.rstrip("/"), timeout=timeout, trust_env=False, follow_redirects=False
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def get(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        """GET `/api/2.0/<path>`. Raises MlflowError when refused, SourceError when there is no proper answer."""
        what = f"MLflow at {self.shown}"
        with source_errors(what):
            async with asyncio.timeout(self._timeout):
                status, content = await self._fetch(f"{_API}/{path}", parameters, what)
        answer = _json_object(content)
        if status >= 300:
            code = str((answer or {}).get("error_code", ""))[:64]
            raise MlflowError(f"{what} refused {path} with {status} {code}".rstrip(), status, code)
        if answer is None:
            raise SourceError(f"{what} answered {path} with no JSON object; check that the address is MLflow's own")
        return answer

    async def download(self, path: str) -> AsyncIterator[bytes]:
        """Stream the served artifact at `path`. Raises SourceError."""
        what = f"the file {path!r} at MLflow {self.shown}"
        url = f"{_API}/mlflow-artifacts/artifacts/{quote(path)}"
        with source_errors(what):
            async with self._client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
                if response.status_code != 200:
                    raise SourceError(f"{what} cannot be read: the server answered with {response.status_code}")
                async for chunk in response.aiter_raw(CHUNK_BYTES):
                    yield chunk

    async def _fetch(self, path: str, parameters: dict[str, str], what: str) -> tuple[int, bytes]:
        async with self._client.stream("GET", path, params=parameters) as response:
            try:
                return response.status_code, await body(response, _MAX_JSON_BYTES)
            except TooLargeError as failure:
                raise SourceError(f"{what} cannot be read: {failure}") from None


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(content)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
