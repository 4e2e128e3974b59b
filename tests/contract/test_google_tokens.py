"""Catches a token of Google's that is asked for too often, goes on being used, or is asked for where it must not be."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from crossfade.adapters import google_tokens
from crossfade.adapters.sources import OpenSources
from crossfade.model.access import Access, Secrets
from crossfade.ports import Opened, SourceError
from cryptography.hazmat.primitives.asymmetric.dsa import generate_private_key as dsa_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from tests.contract.registry_contract import opened, resolve
from tests.contract.store_bench import Bench, GcsBench, a_model, in_store
from tests.support.faults import Answer, Proxy, dripping, proxy, refusing, truncating

pytestmark = pytest.mark.parametrize("store_bench", ["gs"], indirect=True)


UNSUPPORTED = (
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VxBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
    "-----END PRIVATE KEY-----\n"
)
"""Its kind has a number that no library knows."""


def pem(key: Any) -> str:
    """As Google gives keys out."""
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@pytest.fixture
def gcs(store_bench: Bench) -> GcsBench:
    """Google's alone."""
    assert isinstance(store_bench, GcsBench)
    return store_bench


@pytest.fixture
def tokens(gcs: GcsBench) -> Iterator[Proxy]:
    """A proxy in front of the token server."""
    with proxy(gcs.door.address) as made:
        yield made


def by_way_of(gcs: GcsBench, place: str) -> Access:
    """The way in, with a key that names this token server."""
    return with_key(gcs, {"token_uri": place})


def with_key(gcs: GcsBench, changes: dict[str, Any]) -> Access:
    """The way in, with a key that is another one than Google's."""
    told = {**gcs.door.key("reader"), **changes}
    return replace(gcs.access(gcs.url), secrets=Secrets({"serviceAccountKey": json.dumps(told)}))


async def test_one_token_does_for_many_requests_and_one_that_is_not_known_any_longer_is_renewed(
    gcs: GcsBench, tokens: Proxy
) -> None:
    asked = in_store(f"gs://models/{a_model(gcs)}")
    async with opened(by_way_of(gcs, f"{tokens.url}/token")) as found:
        for _ in range(3):
            await found.registry.resolve(asked)
        assert len(tokens.told) == 1
        gcs.door.tokens.clear()
        with pytest.raises(SourceError, match="does not accept who asks"):
            await found.registry.resolve(asked)
        await found.registry.resolve(asked)
    assert len(tokens.told) == 2
    assert b"PRIVATE" not in tokens.told[0]


async def test_a_token_whose_life_is_over_is_renewed_before(gcs: GcsBench, tokens: Proxy) -> None:
    def short(answer: Answer) -> Answer:
        return replace(answer, content=json.dumps({**json.loads(answer.content), "expires_in": 30}).encode())

    tokens.inject(short)
    asked = in_store(f"gs://models/{a_model(gcs)}")
    async with opened(by_way_of(gcs, f"{tokens.url}/token")) as found:
        for _ in range(2):
            await found.registry.resolve(asked)
    assert len(tokens.told) == 2


async def test_a_token_that_ends_while_a_file_is_read_is_renewed(gcs: GcsBench, tokens: Proxy) -> None:
    folder = a_model(gcs)

    def ended(answer: Answer) -> Answer:
        gcs.door.tokens.clear()
        return truncating(answer)

    with proxy(gcs.url) as front:
        async with opened(replace(by_way_of(gcs, f"{tokens.url}/token"), address=front.url)) as found:
            whole = await read(found, folder)
            front.inject(ended, where="alt=media", times=1)
            assert await read(found, folder) == whole
        ranges = [headers.get("range") for path, headers in front.seen if "alt=media" in path]
    assert len(whole) == 3000
    assert ranges == [None, None, "bytes=1500-", "bytes=1500-"]
    assert len(tokens.told) == 2


async def test_a_token_that_has_ended_before_a_file_is_read_is_renewed_once(gcs: GcsBench, tokens: Proxy) -> None:
    folder = a_model(gcs)
    with proxy(gcs.url) as front:
        async with opened(replace(by_way_of(gcs, f"{tokens.url}/token"), address=front.url)) as found:
            whole = await read(found, folder)
            gcs.door.tokens.clear()
            assert await read(found, folder) == whole
            assert len(tokens.told) == 2
            front.refuses = lambda _: 401
            with pytest.raises(SourceError, match="answered with 401"):
                await read(found, folder)
    assert len(tokens.told) == 3


async def read(found: Opened, folder: str) -> bytes:
    """The weights."""
    return b"".join([chunk async for chunk in found.artifacts.read(f"gs://models/{folder}", "weights.bin")])


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (refusing(500), "answered with 500"),
        (refusing(429, Retry_After="7"), "answered with 429"),
        (refusing(403), "does not accept who asks"),
        (refusing(200), "gave no token"),
        (lambda real: replace(real, content=b'{"access_token": "a\\nb"}'), "gave no token"),
        (lambda real: replace(real, content=b"<html>"), "gave no token"),
        (refusing(307, Location="http://169.254.169.254/token"), "is redirected to another host"),
        (refusing(302, Location="/token"), "which is not followed"),
        (dripping, "did not answer in time"),
    ],
)
async def test_a_token_server_on_a_bad_day_is_named(gcs: GcsBench, tokens: Proxy, said: Any, sentence: str) -> None:
    tokens.inject(said)
    seconds = 1.0 if said is dripping else 60.0
    with pytest.raises(SourceError, match=f"the token server at {tokens.url}/token.*{sentence}") as failure:
        await resolve(by_way_of(gcs, f"{tokens.url}/token"), in_store("gs://models/risk"), timeout=seconds)
    assert failure.value.retry
    assert failure.value.wait == (7.0 if "429" in sentence else 0.0)


@pytest.mark.parametrize(
    "place",
    [
        *("http://169.254.169.254/token", "http://127.0.0.1:1/token", "http://[::ffff:a9fe:a9fe]/"),
        *("http://oauth2.googleapis.com/token", "https://oauth2.googleapis.com.example.com/token"),
        *("https://example.com/?googleapis.com", "https://evilgoogleapis.com/", "https://googleapis.com@example.com/"),
    ],
)
async def test_a_token_server_that_is_not_googles_is_not_asked(gcs: GcsBench, place: str) -> None:
    sources = OpenSources((), None)
    with pytest.raises(SourceError, match=r"`token_uri`"):
        async with sources.open(by_way_of(gcs, place)):
            pass
    await sources.close()


async def test_the_guard_holds_for_googles_name_too(gcs: GcsBench, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_this_machine(host: str, port: int, *_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", on_this_machine)
    sources = OpenSources((), None)
    access = by_way_of(gcs, "https://oauth2.googleapis.com/token")
    async with sources.open(replace(access, address="https://203.0.113.1")) as found:
        with pytest.raises(SourceError, match="where models must not come from"):
            await found.registry.resolve(in_store("gs://models/risk"))
    await sources.close()


@pytest.mark.parametrize(
    "key",
    [
        {"token_uri": "file:///etc/passwd"},
        {"token_uri": "https://user:canary@host/token"},
        {"token_uri": 1},
        {"client_email": None},
        {"private_key": "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"},
        {"private_key": None},
        {"private_key": pem(dsa_key(2048))},
        {"private_key": pem(X25519PrivateKey.generate())},
        {"private_key": UNSUPPORTED},
    ],
)
async def test_a_key_that_is_none_is_said_to_be(gcs: GcsBench, key: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="as Google gave it out, with `client_email`") as failure:
        await resolve(with_key(gcs, key), in_store("gs://models/risk"))
    assert "canary" not in str(failure.value)


async def test_a_key_is_loaded_beside_the_event_loop(gcs: GcsBench, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []

    def loaded(*told: Any, real: Callable[..., Any] = load_pem_private_key) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return real(*told)

    monkeypatch.setattr(google_tokens, "load_pem_private_key", loaded)
    await resolve(gcs.access(gcs.url), in_store(f"gs://models/{a_model(gcs)}"))
    assert threads == [False]


async def test_a_key_of_four_thousand_bits_is_used_and_a_longer_one_is_not_even_loaded(
    gcs: GcsBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = in_store(f"gs://models/{a_model(gcs)}")
    monkeypatch.setitem(gcs.door.keys, "reader", generate_private_key(65537, 4096))
    await resolve(gcs.access(gcs.url), asked)
    monkeypatch.setattr(google_tokens, "load_pem_private_key", None)
    with pytest.raises(SourceError, match="`private_key` of 4096 bits at most"):
        await resolve(with_key(gcs, {"private_key": "-----BEGIN PRIVATE KEY-----\n" + "A" * 6000}), asked)
