"""Kubeconfig files for a bed's API server."""

import base64
import json
from pathlib import Path

from testbed import address


def with_certificate(path: Path, authority: Path, certificate: Path, key: Path) -> None:
    """Write a kubeconfig for whoever `certificate` names."""
    _write(path, authority, {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)})


def _write(path: Path, authority: Path, user: dict[str, str]) -> None:
    cluster = {"server": address.API, "certificate-authority-data": _encoded(authority)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "user"}}],
        "current-context": "testbed",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
