"""Would catch a name that leads elsewhere the second time, and an adapter that connects without asking the guard."""

import asyncio
import re
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import crossfade.adapters
import pytest
from crossfade.adapters.artifacts.http import HttpArtifacts
from crossfade.adapters.dvc_layout import Out, Remote
from crossfade.adapters.dvc_store import DvcStore
from crossfade.adapters.signed import SignedFiles
from crossfade.adapters.sources import _SYSTEMS, OpenSources
from crossfade.adapters.web import Guard
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.model.access import Access, Secrets
from crossfade.ports import SourceError

from tests.support.networks import HERE
from tests.support.servers import Quiet, serving

NAME = "registry.example"
LATER = ["169.254.169.254", "192.168.0.1"]
MD5 = "0" * 32


class Names:
    """A name server of an attacker: the first answer for NAME leads to this machine, which is allowed here, and each
    later one to `later`. `asked` is how often it was asked."""

    def __init__(self, later: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        real = socket.getaddrinfo

        def rebinding(host: Any, *more: Any, **named: Any) -> Any:
            if host not in (NAME, NAME.encode()):
                return real(host, *more, **named)
            self.asked += 1
            return real("127.0.0.1" if self.asked == 1 else later, *more, **named)

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)


@pytest.fixture(params=LATER)
def names(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Names:
    """With each address that must not be reached."""
    return Names(request.param, monkeypatch)


class Server:
    """Knows nothing. `address` has NAME in it; `asked` are the names by which it was called, `says` is where it
    redirects to."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[str] = []
        self.says = ""


@pytest.fixture
def server() -> Iterator[Server]:
    """On loopback."""
    made = Server()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.content()
            made.asked.append(self.headers["Host"])
            self.say(307 if made.says else 404, b"{}", {"Location": made.says} if made.says else {})

        do_POST = do_GET  # noqa: N815 - the library's name

    with serving(Handler) as url:
        made.address = url.replace("127.0.0.1", NAME)
        yield made


def way_in(system: str, address: str) -> Access:
    """What a ModelRegistry that a tenant wrote comes to."""
    options = {
        "azureML": {"subscription": "s", "resourceGroup": "g", "workspace": "w", "login": address, "blobs": address},
        "objectStore": {"uri": "s3://models/m", "region": "us-east-1"},
        "sageMaker": {"region": "us-east-1", "s3": address},
        "vertexAI": {"location": "europe-west4", "project": "p", "storage": address},
    }
    secrets = {
        "azureML": {"tenantId": "00000000-0000-0000-0000-000000000000", "clientId": "c", "clientSecret": "s"},
        "sageMaker": {"accessKeyId": "a", "secretAccessKey": "s"},
    }
    told = tuple(sorted(options.get(system, {}).items()))
    return Access(system, address, told, Secrets(secrets.get(system, {})))


MODELS: dict[str, dict[str, Any]] = {
    "azureML": {"azureML": {"name": "m", "version": "1"}},
    "git": {"git": {"path": "m", "revision": "main"}},
    "huggingFace": {"huggingFace": {"repo": "a/b", "revision": "main"}},
    "mlflow": {"mlflow": {"name": "m", "version": "1"}},
    "objectStore": {"uri": {"uri": "s3://models/m"}},
    "oci": {"oci": {"reference": "m:1"}},
    "sageMaker": {"sageMaker": {"group": "m", "approvalStatus": "Approved"}},
    "vertexAI": {"vertexAI": {"model": "m", "version": "1"}},
    "wandb": {"wandb": {"entity": "a", "project": "b", "collection": "m", "version": "v1"}},
}


@pytest.mark.parametrize("system", _SYSTEMS)
async def test_a_registrys_name_is_looked_up_once_a_request_and_the_connection_goes_where_it_led(
    system: str, server: Server, names: Names
) -> None:
    source = Source.model_validate({**MODELS[system], "registryRef": {"name": "r"}})
    sources = OpenSources((), None, allowed=HERE)
    async with sources.open(way_in(system, server.address)) as opened:
        with pytest.raises(SourceError) as failure:
            await opened.registry.resolve(source)
        assert "must not come from" not in str(failure.value), "the first answer was allowed"
        assert names.asked == len(server.asked) == 1
        assert server.asked == [server.address.removeprefix("http://")]
        with pytest.raises(SourceError, match=r"leads to .*, where models must not come from"):
            await opened.registry.resolve(source)
    assert len(server.asked) == 1
    await sources.close()


async def test_so_is_the_name_of_a_file(server: Server, names: Names) -> None:
    store = HttpArtifacts(HERE)
    for sentence in ("answered with 404", "leads to"):
        with pytest.raises(SourceError, match=sentence):
            await store.files(f"{server.address}/model.bin")
    assert len(server.asked) == 1
    await store.close()


async def test_so_is_the_name_of_a_remote_that_a_commit_names(server: Server, names: Names) -> None:
    store = DvcStore(Access("git", "https://git.example.com/m.git"), Guard(HERE), 30.0)
    for sentence in ("404", "leads to"):
        with pytest.raises(SourceError, match=sentence):
            await store.size(Remote("store", server.address), Out("m", MD5, None))
    assert len(server.asked) == 1
    await store.close()


async def test_so_is_the_name_that_a_registry_signed(server: Server, names: Names) -> None:
    files = SignedFiles("http://127.0.0.1", "", Guard(HERE), 30.0, asyncio.Semaphore())
    for sentence in ("404", "leads to"):
        with pytest.raises(SourceError, match=sentence):
            await files.whole("the file", f"{server.address}/f")
    assert len(server.asked) == 1
    await files.close()


async def test_so_is_the_name_that_a_registry_redirects_to(server: Server, names: Names) -> None:
    """As with large files of a Hub, and layers of an OCI registry: the second hop is looked up for itself."""
    server.says = f"{server.address}/elsewhere"
    store = HttpArtifacts(HERE)
    with pytest.raises(SourceError, match="leads to"):
        await store.files(f"{server.address}/model.bin")
    assert len(server.asked) == 1
    await store.close()


CONNECTS = re.compile(
    r"AsyncClient\(|HTTPConnection\(|open_connection|create_connection|urlopen|getaddrinfo\(|Store\(\n"
)
WHO = {
    "artifacts/guard.py": "the guard itself",
    "artifacts/http.py": "by `web.opened`, with a guard",
    "artifacts/object_store.py": "where the operator's own environment says, never a tenant",
    "model_server.py": "in the pod, to the server beside it",
    "prober.py": "to an address that the guard gave",
    "prometheus.py": "where the operator's own configuration says",
    "prometheus_view.py": "from the machine of whoever calls `crossfade doctor`, never in the operator",
    "signed.py": "by `web.opened`, with a guard",
    "web.py": "by `opened`, with a guard",
}
"""The adapters that open connections, and what keeps them from where they must not go."""


def test_nobody_else_connects() -> None:
    folder = Path(crossfade.adapters.__path__[0])
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py") if CONNECTS.search(path.read_text())}
    assert found == set(WHO)
