"""What a bed's first process asks of its own API server: readiness, manifests, and events to wait for."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from testbed import address
from testbed.errors import TestbedError

Object = dict[str, Any]
_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_EVERY = 0.1


def plain_client() -> httpx.AsyncClient:
    """A client for servers of the bed that speak plain HTTP; not loading the system's authorities spares time."""
    return httpx.AsyncClient(timeout=30.0, trust_env=False, verify=False)  # noqa: S501  (nothing is encrypted here)


async def listens(host: str, port: int, seconds: float) -> None:
    """Wait until something accepts connections there; cheaper to ask again and again than a request.

    Raises TestbedError after `seconds`.
    """
    await _accepts(lambda: asyncio.open_connection(host, port), f"{host}:{port}", seconds)


async def listens_at(socket: Path, seconds: float) -> None:
    """The same of a Unix socket."""
    await _accepts(lambda: asyncio.open_unix_connection(socket), str(socket), seconds)


async def _accepts(connect: Callable[[], Awaitable[_Ends]], where: str, seconds: float) -> None:
    async def connected() -> bool:
        try:
            _, writer = await connect()
        except OSError:
            return False
        writer.close()
        return True

    await _until(connected, f"nothing listened on {where}", seconds)


async def answers(client: httpx.AsyncClient, url: str, seconds: float) -> None:
    """Wait until `url` answers with success; raises TestbedError after `seconds`."""

    async def asked() -> bool:
        try:
            return (await client.get(url)).is_success
        except httpx.TransportError:
            return False

    await _until(asked, f"{url} did not answer", seconds)


async def _until(condition: Callable[[], Awaitable[bool]], complaint: str, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110  (another process gives no event)
                await asyncio.sleep(_EVERY)
    except TimeoutError:
        raise TestbedError(f"{complaint} within {seconds:.0f} s") from None


class ClusterClient:
    """A client of the bed's API server with the rights of `certificate`. Use as an async context manager."""

    def __init__(self, authority: Path, certificate: Path, key: Path) -> None:
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key)
        self.http = httpx.AsyncClient(base_url=address.API, verify=context, timeout=30.0, trust_env=False)

    async def __aenter__(self) -> "ClusterClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def create(self, collection: str, manifest: bytes) -> None:
        """Create one object, given as YAML or JSON, in the collection at an API path. Raises TestbedError."""
        answer = await self.http.post(collection, content=manifest, headers={"Content-Type": "application/yaml"})
        if not answer.is_success:
            raise TestbedError(f"the API server refused {collection} with {answer.status_code}: {answer.text[:500]}")

    async def serves(self, group_version: str, resources: set[str], seconds: float) -> None:
        """Wait until the API server serves all `resources` of an API group version; raises TestbedError."""

        async def served() -> bool:
            answer = await self.http.get(f"/apis/{group_version}")
            found = answer.json()["resources"] if answer.is_success else []
            return resources <= {resource["name"] for resource in found}

        await _until(served, f"{group_version} did not serve {', '.join(sorted(resources))}", seconds)

    async def wait(self, collection: str, name: str, is_done: Callable[[Object], bool], seconds: float) -> None:
        """Watch the object `name` of a collection until `is_done`; raises TestbedError after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while not await self._watched(collection, name, is_done):
                    pass  # the server ended the watch; the next one starts from the current state again
        except TimeoutError:
            raise TestbedError(f"{collection}/{name} was not as wanted within {seconds:.0f} s") from None

    async def _watched(self, collection: str, name: str, is_done: Callable[[Object], bool]) -> bool:
        parameters = {"watch": "true", "fieldSelector": f"metadata.name={name}"}
        async with self.http.stream("GET", collection, params=parameters, timeout=None) as answer:
            if not answer.is_success:
                await asyncio.sleep(_EVERY)
                return False
            async for line in answer.aiter_lines():
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED") and is_done(event["object"]):
                    return True
        return False


def has_condition(kind: str) -> Callable[[Object], bool]:
    """Whether an object's status has condition `kind` with status True."""

    def check(found: Object) -> bool:
        conditions = found.get("status", {}).get("conditions") or []
        return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)

    return check


def takes_pods(found: Object) -> bool:
    """Whether a node is ready and nothing keeps pods away from it."""
    return has_condition("Ready")(found) and not found["spec"].get("taints")


def exists(_found: Object) -> bool:
    """Any object will do."""
    return True
