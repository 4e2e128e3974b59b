"""Would catch a bed whose certificates Python 3.13 and later refuse, which look at them as RFC 5280 has it."""

import ssl
from pathlib import Path

from testbed.certificates import Authority
from tests.support.handshake import handshake


def test_servers_and_users_are_believed_by_who_looks_closely(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.certificate))
    server.load_cert_chain(*authority.issue("kube-apiserver", names=("10.77.0.1", "kubernetes.default")))
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(authority.certificate))
    client.load_cert_chain(*authority.issue("admin", groups=("system:masters",)))
    for side in (server, client):
        side.verify_flags |= ssl.VERIFY_X509_STRICT
    handshake(client, server, "10.77.0.1")
    handshake(client, server, "kubernetes.default")
