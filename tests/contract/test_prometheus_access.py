"""Would catch a Prometheus behind TLS, users or tenants that cannot be read, and secrets kept after they changed.

Prometheus's own web configuration knows TLS, client certificates and users; tokens and tenants are what proxies check.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from crossfade.adapters.prometheus import PrometheusMetrics
from crossfade.adapters.prometheus_access import Access
from crossfade.ports import MetricsError

from testbed.certificates import Authority
from tests.contract.conftest import serving
from tests.support.prometheus import prometheus

_PASSWORD_TEST = "$2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay"  # the word `test`, by bcrypt
_JOB = {"job_name": "self", "scrape_interval": "1s", "scrape_timeout": "1s"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prometheus")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "pki")


@pytest.fixture(scope="module")
def guarded(folder: Path, authority: Authority) -> Iterator[str]:
    """A Prometheus that wants TLS, a certificate of its authority, and the user crossfade with the password test."""
    certificate, key = authority.issue("prometheus", names=("127.0.0.1",))
    tls = {
        "cert_file": str(certificate),
        "key_file": str(key),
        "client_ca_file": str(authority.certificate),
        "client_auth_type": "RequireAndVerifyClientCert",
    }
    web = {"tls_server_config": tls, "basic_auth_users": {"crossfade": _PASSWORD_TEST}}
    with prometheus(folder, _JOB, web=web, scheme="https") as url:
        yield url


@pytest.fixture
def access(authority: Authority, tmp_path: Path) -> Access:
    """Everything that the guarded Prometheus wants."""
    certificate, key = authority.issue("crossfade")
    password = tmp_path / "password"
    password.write_text("test\n")
    return Access(
        username="crossfade",
        password_file=password,
        ca_file=authority.certificate,
        cert_file=Path(shutil.copy(certificate, tmp_path)),
        key_file=Path(shutil.copy(key, tmp_path)),
    )


@asynccontextmanager
async def reading(url: str, access: Access) -> AsyncIterator[PrometheusMetrics]:
    metrics = PrometheusMetrics(url, timeout=60.0, access=access)
    try:
        yield metrics
    finally:
        await metrics.close()


async def asked(metrics: PrometheusMetrics) -> None:
    """Ask once; a Prometheus that still opens its store is asked again."""
    async with asyncio.timeout(120):
        while True:
            try:
                await metrics.window("up", 60)
            except MetricsError as refusal:
                if "with 503" not in str(refusal):
                    raise
            else:
                return


async def refused(url: str, access: Access) -> str:
    async with reading(url, access) as metrics:
        with pytest.raises(MetricsError) as refusal:
            await asked(metrics)
    return str(refusal.value)


async def test_with_certificate_user_and_password_it_answers(guarded: str, access: Access) -> None:
    async with reading(guarded, access) as metrics:
        await asked(metrics)


async def test_an_authority_that_is_not_configured_is_named_as_the_remedy(guarded: str, tmp_path: Path) -> None:
    told = await refused(guarded, Access())
    assert told.startswith(f"Prometheus at {guarded} cannot be reached: its certificate is not trusted (")
    assert told.endswith("); configure its authority as caFile")
    assert "not trusted" in await refused(guarded, Access(ca_file=Authority(tmp_path / "another").certificate))


async def test_a_server_by_another_name_is_not_trusted(guarded: str, access: Access) -> None:
    assert "certificate is not valid for 'localhost'" in await refused(
        guarded.replace("127.0.0.1", "localhost"), access
    )


async def test_without_a_certificate_of_our_own_it_does_not_answer(guarded: str, authority: Authority) -> None:
    assert "cannot be reached" in await refused(guarded, Access(ca_file=authority.certificate))


async def test_a_password_that_changed_is_used_at_once_and_none_is_repeated(guarded: str, access: Access) -> None:
    assert access.password_file is not None
    access.password_file.write_text("wrong-secret")
    async with reading(guarded, access) as metrics:
        with pytest.raises(MetricsError, match="refused us with 401") as refusal:
            await metrics.window("up", 60)
        assert "secret" not in str(refusal.value)
        access.password_file.write_text("test")
        await asked(metrics)


async def test_a_certificate_that_changed_is_used_for_the_next_query(
    guarded: str, authority: Authority, access: Access, tmp_path: Path
) -> None:
    assert access.cert_file is not None
    assert access.key_file is not None
    for path, stranger in zip(
        (access.cert_file, access.key_file), Authority(tmp_path / "another").issue("stranger"), strict=True
    ):
        shutil.copy(stranger, path)
    async with reading(guarded, access) as metrics:
        with pytest.raises(MetricsError, match="cannot be reached"):
            await metrics.window("up", 60)
        for path, ours in zip((access.cert_file, access.key_file), authority.issue("renewed"), strict=True):
            shutil.copy(ours, path)
        await asked(metrics)


async def test_a_clock_that_is_far_from_ours_is_no_evidence(guarded: str, access: Access) -> None:
    metrics = PrometheusMetrics(guarded, timeout=60.0, access=access, now=lambda: time.time() + 100)
    with pytest.raises(MetricsError, match=r"a clock that is (99|1\d\d) s behind the operator's; set both"):
        await asked(metrics)
    await metrics.close()


# what only proxies check


class _Gate(BaseHTTPRequestHandler):
    """Answers as Mimir behind a proxy, to one token and one tenant."""

    seen: list[tuple[str | None, str | None]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        said = self.headers["Authorization"], self.headers["X-Scope-OrgID"]
        self.seen.append(said)
        body = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
        self.send_response(200 if said == ("Bearer new", "ml") else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


async def test_token_and_tenant_are_sent_with_each_query_and_the_token_is_that_of_now(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old-secret")
    seen: list[tuple[str | None, str | None]] = []
    with serving(type("Gate", (_Gate,), {"seen": seen})) as url:
        async with reading(url, Access(tenant="ml", bearer_token_file=token)) as metrics:
            with pytest.raises(MetricsError, match="refused us with 401") as refusal:
                await metrics.window("up", 60)
            assert "secret" not in str(refusal.value)
            token.write_text("new")
            assert list(await metrics.window("up", 60)) == []
    assert seen == [("Bearer old-secret", "ml"), ("Bearer new", "ml")]


async def test_a_token_that_is_missing_is_not_asked_without(tmp_path: Path) -> None:
    seen: list[tuple[str | None, str | None]] = []
    with serving(type("Gate", (_Gate,), {"seen": seen})) as url:
        told = await refused(url, Access(bearer_token_file=tmp_path / "token"))
    assert (
        told
        == f"Prometheus at {url} is not asked: the file {tmp_path / 'token'} cannot be read: No such file or directory"
    )
    assert seen == []
