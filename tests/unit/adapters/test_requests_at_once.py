"""Would catch a registry that is sent more requests side by side than it was promised, by questions, lists and reads of
files together, or by files that it signs addresses for; or reads that wait for each other for ever."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from crossfade.adapters.artifacts.http import HttpArtifacts
from crossfade.adapters.sources import OpenSources
from crossfade.adapters.wandb_address import WandbAddress
from crossfade.api.v1alpha1 import ModelSourceSpec
from crossfade.model.access import Access
from crossfade.ports import Artifacts, Asked, Catalogue, Opened, Part

from tests.support.networks import HERE

AT_ONCE = 20
_A_WHILE = 100
"""Turns of the event loop, in each of which whoever wants to ask could."""
FILES = ("a", "b", "c")
CONTENT = b"0123456789"
PARTS = (Part(0, 5), Part(5, 10))
_LAYERS = [
    {"digest": f"sha256:{number:064x}", "size": len(CONTENT), "annotations": {"org.opencontainers.image.title": name}}
    for number, name in enumerate(FILES)
]
MANIFEST = json.dumps({"config": {"mediaType": "application/json"}, "layers": _LAYERS}).encode()
ARTIFACT = WandbAddress("team", "fraud", "m", "v0", "QQ==", "0" * 32)


class Request(NamedTuple):
    """What came: its path without the query, its headers by their small letters, and who was asked."""

    path: str
    headers: Mapping[str, str]
    base: str


Answers = Callable[[Request], object]
"""What a registry says: JSON, or the content of a file, of which the part is sent that was asked for. None where it
wants to see a token."""


@dataclass
class Held:
    """A server that sends half of each answer, and the rest not before twenty are under way and whoever wants to ask
    could have done so. `most` is how many were under way side by side, each until its last byte was sent."""

    answers: Answers
    url: str = ""
    most: int = 0
    asked: list[str] = field(default_factory=list)
    _now: int = 0
    _full: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while head := await reader.readline():
            headers = {}
            while (line := await reader.readline()) != b"\r\n":
                name, _, text = line.decode().partition(":")
                headers[name.lower()] = text.strip()
            await reader.readexactly(int(headers.get("content-length", 0)))
            await self._answer(Request(head.split(b" ")[1].decode().partition("?")[0], headers, self.url), writer)
        writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.asked.append(request.path)
        self._now += 1
        self.most = max(self.most, self._now)
        answer = _written(request, self.answers(request))
        writer.write(answer[: len(answer) - 1])
        if self._now == AT_ONCE:
            self._full.set()
        await self._full.wait()
        for _ in range(_A_WHILE):
            await asyncio.sleep(0)
        self._now -= 1
        writer.write(answer[len(answer) - 1 :])


def _written(request: Request, said: object) -> bytes:
    """The answer as it is sent."""
    if said is None:
        challenge = f'WWW-Authenticate: Bearer realm="{request.base}/token"'
        return f"HTTP/1.1 401 Unauthorized\r\n{challenge}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    status, more = "200 OK", ""
    if wanted := re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", request.headers.get("range", "")):
        first, last = int(wanted[1]), int(wanted[2])
        status, more = "206 Partial Content", f"Content-Range: bytes {first}-{last}/{len(content)}\r\n"
        content = content[first : last + 1]
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(content)}\r\n\r\n".encode() + content


@asynccontextmanager
async def held(answers: Answers) -> AsyncIterator[Held]:
    """One on loopback."""
    made = Held(answers)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()


def mlflow(request: Request) -> object:
    if request.path.endswith("/mlflow-artifacts/artifacts"):
        return {"files": [{"path": name, "is_dir": False, "file_size": len(CONTENT)} for name in FILES]}
    return {} if request.path.endswith("/search") else CONTENT


def oci(request: Request) -> object:
    """A registry that gives out the tokens itself that it wants to see."""
    if request.path == "/token":
        return {"token": "t"}
    if request.headers.get("authorization") != "Bearer t":
        return None
    if request.path.endswith("/tags/list"):
        return {"tags": ["1.0.0"]}
    return MANIFEST if "/manifests/" in request.path else CONTENT


def wandb(request: Request) -> object:
    """A server that keeps the files itself whose addresses it signs."""
    if request.path == "/graphql":
        signed = [{"node": {"name": name, "directUrl": f"/signed/{name}"}} for name in FILES]
        artifact = {"id": ARTIFACT.artifact, "digest": ARTIFACT.digest}
        artifact |= {"currentManifest": {"file": {"directUrl": "/signed/manifest"}}}
        kept = {"artifactMembership": {"files": {"edges": signed}}, "aliases": {"edges": []}}
        listed = {"artifact": artifact}
        return {"data": {"project": {"artifactCollection": kept, "artifactCollectionMembership": listed}}}
    if request.path == "/signed/manifest":
        return {"version": 1, "contents": {name: {"size": len(CONTENT)} for name in FILES}}
    return CONTENT


class System(NamedTuple):
    """A registry: its answers, its address of a model, and what a ModelSource follows in it."""

    answers: Answers
    uri: Callable[[str], str]
    followed: Mapping[str, str]


SYSTEMS = {
    "mlflow": System(mlflow, lambda _: "mlflow-artifacts:/m", {"name": "m", "semver": "^1"}),
    "oci": System(
        oci,
        lambda url: f"oci://{url.removeprefix('http://')}/m@sha256:{hashlib.sha256(MANIFEST).hexdigest()}",
        {"repository": "m", "semver": "^1"},
    ),
    "wandb": System(wandb, lambda _: str(ARTIFACT), {"entity": "e", "project": "p", "collection": "m", "semver": "^1"}),
}


async def read(artifacts: Artifacts, uri: str, name: str, part: Part) -> None:
    async with aclosing(artifacts.read(uri, name, part)) as chunks:  # type: ignore[type-var]
        assert b"".join([chunk async for chunk in chunks]) == CONTENT[part.start : part.end]


def asked(system: str, opened: Opened, uri: str) -> list[Coroutine[Any, Any, Any]]:
    """What the operator asks of a registry for one model: whether it is there, its versions, its files, and of each of
    these both parts."""
    found: list[Coroutine[Any, Any, Any]] = [opened.artifacts.files(uri)]
    found += [read(opened.artifacts, uri, name, part) for name in FILES for part in PARTS]
    if isinstance(opened.registry, Asked):
        found.append(opened.registry.check())
    assert isinstance(opened.registry, Catalogue)
    told = {"registryRef": {"name": "r"}, "template": {"modelName": "m"}, system: SYSTEMS[system].followed}
    found.append(opened.registry.versions(ModelSourceSpec.model_validate(told)))
    return found


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_registry_has_twenty_requests_under_way_whatever_they_are_for(system: str) -> None:
    sources = OpenSources((), None, allowed=HERE, timeout=60.0)
    async with held(SYSTEMS[system].answers) as server, sources.open(Access(system, server.url)) as opened:
        uri = SYSTEMS[system].uri(server.url)
        async with asyncio.timeout(60):
            await asyncio.gather(*(one for _ in range(20) for one in asked(system, opened, uri)))
        assert server.most == AT_ONCE
        assert len(server.asked) > 4 * AT_ONCE
    await sources.close()


async def test_addresses_of_files_have_twenty_requests_under_way_as_well() -> None:
    store = HttpArtifacts(HERE)
    async with held(lambda _: CONTENT) as server, asyncio.timeout(60):
        addresses = [f"{server.url}/{number}/a" for number in range(30)]
        await asyncio.gather(*(read(store, address, "a", part) for address in addresses for part in PARTS))
        assert (server.most, len(server.asked)) == (AT_ONCE, 60)
    await store.close()
