"""Catches addresses that end the operator's attempt or a loader with a traceback, where a sentence would tell what is
wrong."""

import asyncio
import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import crossfade.cli.load as loading
import httpx
import pytest
from crossfade.adapters.address import query_of, shown, shown_or_none
from crossfade.adapters.artifacts.http import HttpArtifacts
from crossfade.adapters.artifacts.local import LocalArtifacts
from crossfade.adapters.prometheus import PrometheusMetrics
from crossfade.adapters.signed import SignedFiles
from crossfade.adapters.sources import _SYSTEMS, OpenSources
from crossfade.adapters.web import Guard, Web
from crossfade.api.v1alpha1.modelregistry import MlflowRegistry, OciRegistry
from crossfade.cli.commands import app
from crossfade.model.access import Access, Secrets
from crossfade.ports import MetricsError, SourceError
from pydantic import ValidationError
from typer.testing import CliRunner

from tests.support.networks import HERE
from tests.support.servers import serving

NONE = [
    *("http://a:b", "http://["),
    "http://[::1",
    "https://xn--a",
    "http://a:99999",
    "http://a:0",
    "http://\u0130\u2488",
    "http:///x",
]
WHAT_IS_RIGHT = r"must be http\(s\)://<host>, with a port up to 65535 and a path if need be; correct it"


def access(system: str, address: str) -> Access:
    """A way in, whose every address is this one."""
    options = {
        **dict.fromkeys(("login", "blobs", "s3"), address),
        "workspace": "w",
        "subscription": "s",
        "resourceGroup": "g",
        "region": "eu-central-1",
        "uri": "s3://models",
    }
    secrets = {"tenantId": "t", "clientId": "c", "clientSecret": "s"} if system == "azureML" else {}
    return Access(system, address, tuple(sorted(options.items())), Secrets(secrets))


@pytest.mark.parametrize("system", sorted(_SYSTEMS))
@pytest.mark.parametrize("address", NONE)
async def test_a_registry_at_what_is_no_address_gives_a_sentence_that_names_it(system: str, address: str) -> None:
    with pytest.raises(SourceError, match=WHAT_IS_RIGHT) as failure:
        async with OpenSources((), None).open(access(system, address)):
            pass
    assert repr(shown(address)) in str(failure.value)
    assert failure.value.retry, "an address can be edited"


def test_a_loader_says_it_as_its_last_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "_TRY_SECONDS", 0.0)
    told = {"name": "m", "system": "mlflow", "address": "http://a:b", "options": {}}
    arguments = ["load", "--uri", "mlflow-artifacts:/m", "--digest", f"sha256:{'0' * 64}", "--to", str(tmp_path / "m")]
    ended = CliRunner().invoke(app, [*arguments, "--access", json.dumps(told)])
    assert ended.exit_code == loading.EXIT_SOURCE_UNREACHABLE
    assert "crossfade load: the address 'http://a:b' must be http(s)://<host>" in ended.output


@pytest.mark.parametrize("path", ["/" + "x" * 70_000, "/a\x01b"])
async def test_a_path_that_no_address_can_have_gives_a_sentence(path: str) -> None:
    web = Web("http://127.0.0.1:1", guard=Guard(HERE))
    try:
        for asking in (
            web.ask("the thing", path, {}),
            web.ask("the thing", path, {"a": "b"}),
            web.tell("the thing", path, b""),
            anext(web.stream("the thing", path)),
            web.post("the thing", path, b"", {}).__aenter__(),
        ):
            with pytest.raises(SourceError, match="the thing is at what is no address") as failure:
                await asking
            assert path[:9] not in str(failure.value)
    finally:
        await web.close()


@pytest.mark.parametrize("location", [*NONE[:-1], "//xn--a/x"])
async def test_a_redirect_to_what_is_no_address_gives_a_sentence(location: str) -> None:
    class Redirecting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", location.encode().decode("latin-1"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with serving(Redirecting) as address:
        web = Web(address, guard=Guard(HERE))
        try:
            with pytest.raises(SourceError, match=r"the thing (is redirected to what is no|cannot be read)"):
                await web.ask("the thing", "/x", {})
        finally:
            await web.close()


@pytest.mark.parametrize("address", [*NONE, f"http://{'a' * 70}.example/x", "http://a..b/x"])
async def test_a_file_at_what_is_no_address_gives_a_sentence(address: str) -> None:
    files = HttpArtifacts(HERE)
    try:
        with pytest.raises(SourceError):
            await files.files(f"{address}/x")
    finally:
        await files.close()


async def test_a_name_that_no_host_can_have_gives_a_sentence_past_no_guard() -> None:
    web = Web(f"http://{'a' * 70}.example")
    try:
        with pytest.raises(SourceError, match="the thing cannot be read"):
            await web.ask("the thing", "/x", {})
    finally:
        await web.close()


@pytest.mark.parametrize("address", [*NONE, "http://127.0.0.1:99999", f"http://{'a' * 70}.example"])
async def test_a_prometheus_at_what_is_no_address_gives_a_sentence(address: str) -> None:
    prometheus = PrometheusMetrics(address)
    try:
        with pytest.raises(MetricsError, match="cannot be reached"):
            await prometheus.window("up", 60)
    finally:
        await prometheus.close()


async def test_a_file_of_this_machine_at_what_is_no_address_gives_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"file://\[.* is not below"):
        await LocalArtifacts(tmp_path).files("file://[")


def test_what_is_no_address_is_shown_without_what_may_be_secret() -> None:
    assert shown("http://user:secret@[::1/p?q=secret#secret") == "http://[::1/p"
    assert shown_or_none("http://[::1") is None
    assert query_of("http://[?a=1&b=%20#c") == {"a": "1", "b": " "}
    assert query_of("http://h/p") == {}


@pytest.mark.parametrize("address", ["http://a:b", "http://[", "http://[::1", "http://a:", "http://:80", "http:///x"])
def test_the_api_server_refuses_what_is_none_by_its_form(address: str) -> None:
    for kind in (MlflowRegistry, OciRegistry):
        with pytest.raises(ValidationError, match="pattern"):
            kind(address=address)


@pytest.mark.parametrize(
    "address", ["http://mlflow", "https://[fd12::5]:8443", "http://größe.example:80", "http://a_b."]
)
def test_the_api_server_accepts_hosts_and_ports(address: str) -> None:
    for kind in (MlflowRegistry, OciRegistry):
        assert kind(address=address).address == address
        assert httpx.URL(address).host


@pytest.mark.parametrize("address", ["https://xn--a/x", "https://h:99999/x", "http://[", "https://h/\x01"])
async def test_a_signed_address_that_is_none_gives_a_sentence(address: str) -> None:
    files = SignedFiles("https://api.wandb.ai", "", Guard(), 3, asyncio.Semaphore())
    try:
        with pytest.raises(SourceError, match="the thing is where no address leads"):
            await files.whole("the thing", address)
    finally:
        await files.close()
