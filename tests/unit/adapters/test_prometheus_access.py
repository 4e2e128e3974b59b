"""Would catch secrets in messages, secrets that are kept after they changed, and files that cannot be used."""

import shutil
from base64 import b64decode
from pathlib import Path

import pytest
from crossfade.adapters.prometheus_access import Access, AccessError, Tls
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from testbed.certificates import Authority


def file(folder: Path, content: bytes, name: str = "secret") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_without_anything_configured_nothing_is_sent() -> None:
    assert Access().headers() == {}
    assert Tls(Access()).context() is None


def test_a_tenant_is_named_in_its_header() -> None:
    assert Access(tenant="ml|fraud").headers() == {"X-Scope-OrgID": "ml|fraud"}


def test_a_token_is_read_anew_each_time(tmp_path: Path) -> None:
    access = Access(bearer_token_file=file(tmp_path, b"old\n"))
    assert access.headers() == {"Authorization": "Bearer old"}
    file(tmp_path, b"new\r\n")
    assert access.headers() == {"Authorization": "Bearer new"}


def test_a_password_may_hold_anything_but_line_ends_at_its_end(tmp_path: Path) -> None:
    access = Access(username="crossfade", password_file=file(tmp_path, "a b:ü\n".encode()))
    scheme, _, pair = access.headers()["Authorization"].partition(" ")
    assert (scheme, b64decode(pair).decode()) == ("Basic", "crossfade:a b:ü")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"two\nlines-secret", "holds no bearer token: one line without spaces is expected"),
        (b"a secret", "holds no bearer token"),
        ("sécret".encode(), "holds no bearer token"),
        (b"\xffsecret", "holds no text"),
        (b"secret" * 20_000, "is too large for a secret"),
    ],
)
def test_what_is_no_token_is_told_by_its_file_alone(tmp_path: Path, content: bytes, told: str) -> None:
    """Case D16."""
    path = file(tmp_path, content, name="token")
    with pytest.raises(AccessError, match=told) as failure:
        Access(bearer_token_file=path).headers()
    assert str(failure.value).startswith(f"the file {path} ")
    assert "secret" not in str(failure.value).replace("for a secret", "").replace(str(path), "")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(AccessError, match=f"the file {missing} cannot be read: No such file"):
        Access(bearer_token_file=missing).headers()
    with pytest.raises(AccessError, match=f"the file {missing} cannot be read: No such file"):
        Tls(Access(ca_file=missing)).context()


def test_authorities_are_exchanged_when_their_file_changes(tmp_path: Path) -> None:
    trusted = tmp_path / "ca.crt"
    shutil.copy(Authority(tmp_path / "first").certificate, trusted)
    tls = Tls(Access(ca_file=trusted))
    before = tls.context()
    assert before is not None
    assert tls.context() is before
    Authority(tmp_path / "second").certificate.replace(trusted)
    after = tls.context()
    assert after is not None
    (old,), (new,) = before.get_ca_certs(), after.get_ca_certs()
    assert old["serialNumber"] != new["serialNumber"]


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (certificate, _), (_, key) = authority.issue("ours"), authority.issue("others")
    with pytest.raises(AccessError, match="hold no certificate with its own key"):
        Tls(Access(cert_file=certificate, key_file=key)).context()


def test_a_key_with_a_password_asks_nobody(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("ours")
    plain = load_pem_private_key(key.read_bytes(), None)
    encryption = BestAvailableEncryption(b"secret")
    key.write_bytes(plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    with pytest.raises(AccessError, match="or one with a password"):
        Tls(Access(cert_file=certificate, key_file=key)).context()


def test_a_file_of_no_authorities_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="holds no certificates of authorities"):
        Tls(Access(ca_file=file(tmp_path, b"secret"))).context()
