"""The kubelet's connection to the API server: plain JSON over HTTP, list and watch."""

import asyncio
import base64
import contextlib
import json
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import yaml

Object = dict[str, Any]
"""A Kubernetes object as JSON."""

STRATEGIC_MERGE = "application/strategic-merge-patch+json"


class ApiError(Exception):
    """The API server answered with an error status; `code` is the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            message = json.loads(message)["message"]
        super().__init__(f"the API server answered {code}: {message}")
        self.code = code


def _content(entry: Object, key: str) -> bytes:
    """A certificate or key of a kubeconfig, inline or in the file it names."""
    if data := entry.get(f"{key}-data"):
        return base64.b64decode(data)
    return Path(entry[key]).read_bytes()


def _identify(tls: ssl.SSLContext, user: Object) -> None:
    """Give a TLS context the user's certificate; the standard library takes it from a file only."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(_content(user, "client-certificate") + b"\n" + _content(user, "client-key"))
        file.flush()
        tls.load_cert_chain(file.name)


def _named(entries: list[Object], name: str, kind: str) -> Object:
    return next(dict(entry[kind]) for entry in entries if entry["name"] == name)


class Api:
    """Requests as the user of a kubeconfig's current context, who has a client certificate.

    Every call raises ApiError, or aiohttp's ClientError.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        context = _named(config["contexts"], config["current-context"], "context")
        cluster = _named(config["clusters"], context["cluster"], "cluster")
        user = _named(config["users"], context["user"], "user")
        authority = _content(cluster, "certificate-authority").decode()
        tls = ssl.create_default_context(cadata=authority)
        _identify(tls, user)
        self.server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority)
        """For a server that only the cluster's own clients may ask."""
        self.server_tls.verify_mode = ssl.CERT_REQUIRED
        _identify(self.server_tls, user)
        self._session = aiohttp.ClientSession(
            cluster["server"],
            connector=aiohttp.TCPConnector(ssl=tls, limit=64),
            timeout=aiohttp.ClientTimeout(total=15),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def get(self, path: str, **query: str) -> Object:
        """Read one object or list."""
        return await self._request("GET", path, params=query)

    async def post(self, path: str, body: Object) -> Object:
        """Create an object."""
        return await self._request("POST", path, json=body)

    async def put(self, path: str, body: Object) -> Object:
        """Replace an object."""
        return await self._request("PUT", path, json=body)

    async def patch(self, path: str, body: Object, kind: str = STRATEGIC_MERGE) -> Object:
        """Patch an object."""
        return await self._request("PATCH", path, data=json.dumps(body), headers={"Content-Type": kind})

    async def delete(self, path: str, body: Object) -> Object:
        """Delete an object with DeleteOptions."""
        return await self._request("DELETE", path, json=body)

    async def _request(self, method: str, path: str, **arguments: Any) -> Object:
        async with self._session.request(method, path, **arguments) as response:
            text = await response.text()
            if response.status >= 400:
                raise ApiError(response.status, text)
            answer: Object = json.loads(text)
            return answer

    async def watch(self, path: str, version: str, **query: str) -> AsyncIterator[Object]:
        """Events after a resource version until the server ends the stream. Raises ApiError 410 when it is too old."""
        parameters = {**query, "watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=90)
        # A bookmark a minute proves that the stream is alive: silence beyond sock_read is a lost connection.
        async with self._session.get(path, params=parameters, timeout=timeout) as response:
            if response.status >= 400:
                raise ApiError(response.status, await response.text())
            buffer = b""
            async for chunk in response.content.iter_any():
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    event: Object = json.loads(line)
                    if event["type"] == "ERROR":
                        raise ApiError(event["object"].get("code", 500), event["object"].get("message", ""))
                    yield event


async def follow(api: Api, path: str, **query: str) -> AsyncIterator[tuple[str, list[Object]]]:
    """Endless list and watch: ("LIST", objects) at first and after every gap, then (event type, [object])."""
    while True:
        try:
            listing = await api.get(path, **query)
            version = listing["metadata"]["resourceVersion"]
            yield "LIST", listing["items"]
            while True:
                async for event in api.watch(path, version, **query):
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        yield event["type"], [event["object"]]
        except (ApiError, aiohttp.ClientError, TimeoutError, json.JSONDecodeError):
            # The server restarts, or our version has expired: look at everything again.
            await asyncio.sleep(0.2)
