"""Catches a store whose files are listed or read wrongly, and an address that leads where it must not."""

import asyncio
import functools
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from crossfade.adapters.artifacts.http import HttpArtifacts
from crossfade.adapters.artifacts.object_store import ObjectStoreArtifacts
from crossfade.ports import Artifacts, FromStartError, Part, SourceError, StoredFile

from tests.contract.conftest import S3_OWNER, serving, store
from tests.support.networks import HERE

BIG = bytes(range(256)) * 40_000  # beyond one request's range and many chunks


async def content(store: Artifacts, uri: str, path: str) -> bytes:
    return b"".join([chunk async for chunk in store.read(uri, path)])


def put(s3: str, key: str, body: bytes, auth: tuple[str, str] | None = None) -> None:
    httpx.put(f"{s3}/models/{key}", content=body, auth=auth, timeout=60).raise_for_status()


class TestS3:
    async def test_a_prefix_is_a_folder_of_objects(self, s3: str) -> None:
        put(s3, "churn/1/MLmodel", b"flavors")
        put(s3, "churn/1/data/model%20%C3%A9.bin", BIG)
        put(s3, "churn/1/data/empty", b"")
        put(s3, "churn/10/other", b"another version")
        store = ObjectStoreArtifacts()
        for uri in ("s3://models/churn/1", "s3://models/churn/1/"):
            files = set(await store.files(uri))
            names = {StoredFile("MLmodel", 7), StoredFile("data/model é.bin", len(BIG)), StoredFile("data/empty", 0)}
            assert files == names
            assert await content(store, uri, "data/model é.bin") == BIG
            assert await content(store, uri, "data/empty") == b""

    async def test_a_part_is_read_alone(self, s3: str) -> None:
        put(s3, "churn/1/model", BIG)
        store = ObjectStoreArtifacts()
        for part in (Part(5), Part(5, 9_000_000), Part(9_000_000, len(BIG) + 5), Part(0, 1)):
            found = b"".join([chunk async for chunk in store.read("s3://models/churn/1", "model", part)])
            assert found == BIG[part.start : part.end]

    async def test_a_part_costs_one_question(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
        put(s3, "churn/one", BIG)
        asked: list[str] = []

        def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*told: Any, **more: Any) -> Any:
                asked.append(name)
                return real(*told, **more)

            return call

        for name in ("get_async", "head_async"):
            monkeypatch.setattr(obstore, name, noted(name, getattr(obstore, name)))
        store, uri = ObjectStoreArtifacts(), "s3://models/churn/one"
        await store.files(uri)
        asked.clear()
        for at in range(0, 9_000_000, 1_000_000):
            part = Part(at, at + 1_000_000)
            assert b"".join([chunk async for chunk in store.read(uri, "one", part)]) == BIG[part.start : part.end]
        assert asked == ["get_async"] * 9

    async def test_an_object_that_is_replaced_while_it_is_read_is_to_be_begun_again(self, s3: str) -> None:
        put(s3, "churn/1/model", BIG)
        chunks = ObjectStoreArtifacts().read("s3://models/churn/1", "model")
        await anext(chunks)
        put(s3, "churn/1/model", BIG[::-1], S3_OWNER)
        with pytest.raises(FromStartError, match="changed while it was read"):
            [_ async for _ in chunks]

    async def test_a_key_is_a_model_of_one_file(self, s3: str) -> None:
        put(s3, "churn/model.onnx", b"onnx")
        store = ObjectStoreArtifacts()
        assert await store.files("s3://models/churn/model.onnx") == [StoredFile("model.onnx", 4)]
        assert await content(store, "s3://models/churn/model.onnx", "model.onnx") == b"onnx"

    async def test_a_folder_may_hold_a_file_of_its_own_name(self, s3: str) -> None:
        put(s3, "churn/churn", b"inner")
        store = ObjectStoreArtifacts()
        assert await store.files("s3://models/churn") == [StoredFile("churn", 5)]
        assert await content(store, "s3://models/churn", "churn") == b"inner"

    async def test_a_console_s_folder_marker_is_no_file(self, s3: str) -> None:
        put(s3, "churn/", b"")
        put(s3, "churn/MLmodel", b"flavors")
        assert await ObjectStoreArtifacts().files("s3://models/churn") == [StoredFile("MLmodel", 7)]

    @pytest.mark.parametrize("uri", ["s3://models/absent", "s3://no-such-bucket/churn"])
    async def test_what_is_missing_may_still_appear(self, s3: str, uri: str) -> None:
        with pytest.raises(SourceError, match="there is nothing at") as failure:
            await ObjectStoreArtifacts().files(uri)
        assert failure.value.retry is True

    @pytest.mark.parametrize("uri", ["s3://models", "s3://models/", "s3:///x", "s3://a@169.254.169.254/x", "s3://UP/x"])
    async def test_an_address_that_is_no_bucket_and_key_is_refused_for_ever(self, uri: str) -> None:
        with pytest.raises(SourceError, match="is no s3://<bucket>/<prefix>") as failure:
            await ObjectStoreArtifacts().files(uri)
        assert failure.value.retry is False

    async def test_a_server_that_is_gone_is_unreachable_not_empty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {
            "ENDPOINT_URL": "http://127.0.0.1:9",
            "ACCESS_KEY_ID": "x",
            "SECRET_ACCESS_KEY": "hush",
        }.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        with pytest.raises(SourceError, match="cannot be reached; check AWS_ENDPOINT_URL") as failure:
            await ObjectStoreArtifacts().files("s3://models/churn")
        assert failure.value.retry is True
        assert "hush" not in str(failure.value)


class TestHttp:
    async def test_one_file_is_streamed(self, web: tuple[str, Path]) -> None:
        url, folder = web
        (folder / "model é.onnx").write_bytes(BIG)
        store = HttpArtifacts(HERE)
        uri = f"{url}/model%20%C3%A9.onnx"
        assert await store.files(uri) == [StoredFile("model é.onnx", len(BIG))]
        assert await content(store, uri, "model é.onnx") == BIG
        await store.close()

    async def test_loopback_is_refused_unless_allowed(self, web: tuple[str, Path]) -> None:
        url, folder = web
        (folder / "model").write_bytes(b"x")
        for uri in (f"{url}/model", f"{url.replace('127.0.0.1', 'localhost')}/model"):
            with pytest.raises(SourceError, match="must not come from") as failure:
                await HttpArtifacts().files(uri)
            assert failure.value.retry is False

    async def test_a_redirect_within_the_host_is_followed(self) -> None:
        with serving(functools.partial(_Redirecting, "/final/model")) as url:
            store = HttpArtifacts(HERE)
            assert await store.files(f"{url}/model") == [StoredFile("model", 4)]
            assert await content(store, f"{url}/model", "model") == b"onnx"
            await store.close()

    @pytest.mark.parametrize(
        "location", ["http://169.254.169.254/latest", "http://localhost:1/x", "file:///etc/passwd", "ftp://127.0.0.1/x"]
    )
    async def test_a_redirect_elsewhere_is_not_followed(self, location: str) -> None:
        with serving(functools.partial(_Redirecting, location)) as url:
            store = HttpArtifacts(HERE)
            with pytest.raises(SourceError, match="which is not followed") as failure:
                await store.files(f"{url}/model")
            await store.close()
        assert failure.value.retry is False

    async def test_redirects_in_a_circle_end(self) -> None:
        with serving(functools.partial(_Redirecting, "/model")) as url:
            store = HttpArtifacts(HERE)
            with pytest.raises(SourceError, match="more than 3 times"):
                await store.files(f"{url}/model")
            await store.close()

    async def test_a_missing_file_may_still_appear(self, web: tuple[str, Path]) -> None:
        store = HttpArtifacts(HERE)
        with pytest.raises(SourceError, match="answered with 404") as failure:
            await store.files(f"{web[0]}/absent")
        await store.close()
        assert failure.value.retry is True

    async def test_a_password_in_the_address_is_refused_and_not_repeated(self) -> None:
        with pytest.raises(SourceError, match="without a user") as failure:
            await HttpArtifacts().files("https://user:secret@models.example/model")
        assert "secret" not in str(failure.value)

    async def test_a_folder_s_address_names_no_file(self, web: tuple[str, Path]) -> None:
        with pytest.raises(SourceError, match="names no file"):
            await HttpArtifacts(HERE).files(f"{web[0]}/folder/")

    async def test_a_server_that_sends_headers_and_then_nothing_is_given_up(self) -> None:
        ended = asyncio.Event()

        async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
            await ended.wait()
            writer.close()

        server = await asyncio.start_server(stall, "127.0.0.1", 0)
        store = HttpArtifacts(HERE, timeout=0.2)
        uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/model"
        with pytest.raises(SourceError, match="did not answer in time"):
            await content(store, uri, "model")
        ended.set()
        server.close()
        await store.close()


class TestRouter:
    @pytest.mark.parametrize(
        ("uri", "remedy"),
        [
            ("file:///models", "set CROSSFADE_FILE_ROOT"),
            ("mlflow-artifacts:/1/m", "set CROSSFADE_MLFLOW_ADDRESS"),
            ("ftp://user:secret@host/m", "use one of http, https, s3"),
        ],
    )
    async def test_a_scheme_that_is_not_configured_is_refused_with_the_remedy(self, uri: str, remedy: str) -> None:
        with pytest.raises(SourceError, match=remedy) as failure:
            await store().files(uri)
        assert failure.value.retry is False
        assert "secret" not in str(failure.value)


class _Redirecting(SimpleHTTPRequestHandler):
    """Redirects `/model` to `location`; `/final/model` is there."""

    def __init__(self, location: str, *arguments: object) -> None:
        self._location = location
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        body = b"onnx" if self.path == "/final/model" else b""
        self.send_response(200 if body else 302)
        self.send_header("Content-Length", str(len(body)))
        if not body:
            self.send_header("Location", self._location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
