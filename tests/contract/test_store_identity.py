"""Catches a ModelRegistry by which a tenant is somebody else: whoever the operator or its machine is."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from crossfade.adapters.artifacts.object_store import ObjectStoreArtifacts
from crossfade.ports import SourceError
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tests.contract.conftest import serving
from tests.contract.registry_contract import resolve
from tests.contract.store_bench import Bench, S3Bench, a_model, in_store
from tests.support.faults import proxy, refusing


class _Metadata(BaseHTTPRequestHandler):
    """Whoever gives credentials to those that come; notes that they came."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    def do_PUT(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every way in which a client may look for the credentials of the machine; what was asked there."""
    asked: list[str] = []
    with serving(type("Metadata", (_Metadata,), {"asked": asked})) as url:
        for name in ("AWS_METADATA_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_ENDPOINT_URL_STS"):
            monkeypatch.setenv(name, url)
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/container")
        monkeypatch.setenv("GCE_METADATA_HOST", url.removeprefix("http://"))
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/identity")
        monkeypatch.setenv("HTTP_PROXY", url)
        yield asked


def unsigned(headers: Mapping[str, str]) -> int | None:
    """What S3 says to nobody; moto falls over it."""
    return None if "authorization" in headers else 403


async def test_nobody_looks_for_the_credentials_of_the_machine(store_bench: Bench, metadata: list[str]) -> None:
    asked = in_store(f"{store_bench.bucket}/{a_model(store_bench)}")
    with proxy(store_bench.url, keeps_host=True) as front:
        front.refuses = unsigned if store_bench.bucket.startswith("s3") else front.refuses
        with pytest.raises(SourceError, match=r"does not let|does not accept"):
            await resolve(store_bench.access(front.url, who=""), asked)
    assert (await resolve(store_bench.access(store_bench.url), asked)).uri
    assert metadata == []


async def test_the_operators_own_credentials_are_not_used_for_a_tenant(
    users_of_s3: S3Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = a_model(users_of_s3)
    uri = f"s3://models/{folder}"
    owner = users_of_s3.keys["owner"]
    told = {
        "ENDPOINT_URL": users_of_s3.url,
        "ACCESS_KEY_ID": owner[0],
        "SECRET_ACCESS_KEY": owner[1],
        "REGION": "us-east-1",
    }
    for name, text in told.items():
        monkeypatch.setenv(f"AWS_{name}", text)
    assert len(await ObjectStoreArtifacts().files(uri)) == 2, "they are good for it"
    with proxy(users_of_s3.url, keeps_host=True) as front:
        front.refuses = unsigned
        for who in ("", "outsider"):
            with pytest.raises(SourceError, match="does not let the operator read"):
                await resolve(users_of_s3.access(front.url, who), in_store(uri))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-operator")
    assert (await resolve(users_of_s3.access(users_of_s3.url), in_store(uri))).uri, "nor is a part of them"


async def test_a_library_would_look_for_them(
    users_of_s3: S3Bench, metadata: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", users_of_s3.url)
    monkeypatch.delenv("HTTP_PROXY")
    with pytest.raises(SourceError):
        await ObjectStoreArtifacts().files("s3://models/risk")
    assert metadata, "else the tests above prove nothing"


async def test_a_library_would_send_them_to_the_tenants_server_and_on_to_where_that_redirects(
    users_of_s3: S3Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-operator")
    options: Any = {"allow_http": True}
    with proxy(users_of_s3.url) as front, proxy(users_of_s3.url) as other:
        front.inject(lambda answer: refusing(307, Location=f"{other.url}/x")(answer))
        theirs = S3Store("models", endpoint=front.url, access_key_id="a", secret_access_key="s", client_options=options)
        with suppress(BaseError):
            await theirs.list().collect_async()
        assert front.sent("x-amz-security-token") == other.sent("x-amz-security-token") == {"of-the-operator"}
        front.seen.clear()
        other.seen.clear()
        with pytest.raises(SourceError, match="is redirected to another host"):
            await resolve(users_of_s3.access(front.url), in_store("s3://models/risk"))
        assert front.sent("x-amz-security-token") == {None}
        assert other.seen == []
