"""Would catch an operator that cannot reach the API server of a cluster whose authority was made long ago.

Clusters of Amazon EKS have authorities without key identifiers; Python 3.13 and later refuse those by default, and so
did operators of others whose image went to it: github.com/Twingate/kubernetes-operator/issues/1128.
"""

import datetime
import json
import ssl
from pathlib import Path

import pytest
from crossfade.adapters.kube_client import login, open_client
from crossfade.watch.handlers import Connection
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from testbed.certificates import new_key, write_key
from tests.support.handshake import handshake

_NAME = "kubernetes.default"


class Cluster:
    """An API server's certificate, and the authority that signed it with nothing but that it is one."""

    def __init__(self, folder: Path) -> None:
        self.authority, self._certificate, self._key = (folder / name for name in ("ca.crt", "api.crt", "api.key"))
        signing, key = new_key(), new_key()
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
        names = x509.SubjectAlternativeName([x509.DNSName(_NAME)])
        for path, subject, public, extension in (
            (self.authority, issuer, signing.public_key(), x509.BasicConstraints(ca=True, path_length=None)),
            (self._certificate, x509.Name([]), key.public_key(), names),
        ):
            now = datetime.datetime.now(datetime.UTC)
            told = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
            told = told.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
            told = told.not_valid_after(now + datetime.timedelta(hours=1)).add_extension(extension, critical=True)
            path.write_bytes(told.sign(signing, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        write_key(key, self._key)

    def server(self) -> ssl.SSLContext:
        """The API server's side."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate, self._key)
        return context

    def kubeconfig(self, path: Path) -> Path:
        """Of a user with a token."""
        cluster = {"server": "https://kubernetes.default", "certificate-authority": str(self.authority)}
        content = {
            "current-context": "it",
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": {"token": "token"}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        }
        path.write_text(json.dumps(content))
        return path


@pytest.fixture(autouse=True)
def strict_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contexts as Python 3.13 and later make them, also in one of before."""
    plain = ssl.create_default_context

    def strict(*arguments: object, **options: object) -> ssl.SSLContext:
        context = plain(*arguments, **options)  # type: ignore[arg-type]
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)


async def contexts(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """Those of the client and of kopf, as a kubeconfig makes them."""
    monkeypatch.setenv("KUBECONFIG", str(path))
    client = await open_client()
    try:
        return [client.rest_client.ssl_context, Connection(**await login(client)).as_ssl_context()]
    finally:
        await client.close()


async def test_an_authority_without_key_identifiers_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="Missing Authority Key Identifier"):
        handshake(ssl.create_default_context(cafile=str(cluster.authority)), cluster.server(), _NAME)
    for context in await contexts(cluster.kubeconfig(tmp_path / "kubeconfig"), monkeypatch):
        handshake(context, cluster.server(), _NAME)


async def test_another_authority_and_another_name_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours, theirs = Cluster(tmp_path / "ours"), Cluster(tmp_path / "theirs")
    for context in await contexts(ours.kubeconfig(tmp_path / "kubeconfig"), monkeypatch):
        with pytest.raises(ssl.SSLCertVerificationError, match=r"signature failure|unable to get local issuer"):
            handshake(context, theirs.server(), _NAME)
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            handshake(context, ours.server(), "kubernetes.elsewhere")
