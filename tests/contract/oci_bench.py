"""Debian's OCI registry on loopback, with a token server of the distribution specification or users by password, and
ORAS's own client to push to it."""

import base64
import hashlib
import json
import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from crossfade.api.v1alpha1.modelversion import OciSource, RegistryRef, Source
from crossfade.model.access import Access, Secrets
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509 import load_pem_x509_certificate

from testbed.binaries.catalogue import OCI_REGISTRY
from testbed.binaries.environments import python_env
from testbed.binaries.locate import locate
from testbed.certificates import Authority
from testbed.progress import silent
from tests.contract.conftest import free_port, serving
from tests.contract.registry_contract import Subject

PUSHER = ("pusher", "canary-of-the-pusher")
READER = ("reader", "canary-of-the-reader")
OUTSIDER = ("outsider", "canary-of-the-outsider")
STRANGER = ("stranger", "canary-of-the-stranger")
_RIGHTS = {PUSHER: {"pull", "push"}, READER: {"pull"}, OUTSIDER: set[str]()}
EXAMPLE = ("crossfade-reader", "change-me")
_HTPASSWD = """
reader:$2b$04$abcdefghijklmnopqrstuu0Arzq9UFkzQw5ARI203WMIGStzccrO2
crossfade-reader:$2b$04$abcdefghijklmnopqrstuuyqwirjp3FaKy02OuV3ePBeKk6PfuRp.
"""
"""The passwords of READER and of EXAMPLE by bcrypt, the one way that the registry takes."""
MODELPACK = "application/vnd.cncf.model"
_START_SECONDS = 120.0
Json = dict[str, Any]


@dataclass(frozen=True)
class Layer:
    """What goes into one layer."""

    content: bytes
    media_type: str
    annotations: dict[str, str]

    def descriptor(self) -> Json:
        """As a manifest names it."""
        return descriptor(self.content, self.media_type) | {"annotations": self.annotations}


def descriptor(content: bytes, media_type: str) -> Json:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def weight(path: str, content: bytes) -> Layer:
    """A raw layer of a ModelPack."""
    return Layer(content, f"{MODELPACK}.weight.v1.raw", {"org.cncf.model.filepath": path})


@dataclass
class OciBench:
    """A running registry and the folder of its blobs; `backend` is how ORAS's client is let in."""

    url: str
    folder: Path
    backend: str = "token"
    user: tuple[str, str] = PUSHER

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def push(self, target: str, layers: list[Layer], config: Json, config_type: str, **more: Any) -> str:
        """Push an artifact of these layers; returns its digest as the registry has it."""
        config_raw = json.dumps(config).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor(config_raw, config_type),
            "layers": [layer.descriptor() for layer in layers],
            **more,
        }
        with tempfile.TemporaryDirectory() as folder:
            blobs = []
            for raw, one in [(config_raw, manifest["config"]), *((x.content, x.descriptor()) for x in layers)]:
                (Path(folder) / one["digest"][7:]).write_bytes(raw)
                blobs.append((one["digest"][7:], one))
            self._oras({"target": target, "folder": folder, "manifest": manifest, "blobs": blobs})
        return self.digest(target)

    def push_files(self, target: str, folder: Path, files: list[str]) -> str:
        """Push files as ORAS does by itself."""
        self._oras({"target": target, "folder": str(folder), "files": files})
        return self.digest(target)

    def push_index(self, target: str, manifests: list[Json]) -> None:
        """Push an image index."""
        kind = "application/vnd.oci.image.index.v1+json"
        self._oras({"target": target, "index": {"schemaVersion": 2, "mediaType": kind, "manifests": manifests}})

    def modelpack(self, target: str, *layers: Layer, config: Json | None = None) -> str:
        """Push a ModelPack."""
        kinds = {"artifactType": f"{MODELPACK}.manifest.v1+json"}
        return self.push(target, list(layers), config or {"descriptor": {}}, f"{MODELPACK}.config.v1+json", **kinds)

    def digest(self, target: str) -> str:
        """What a tag means now, out of the registry's own folder."""
        repository, _, tag = target.rpartition(":")
        link = self._root() / "repositories" / repository / "_manifests" / "tags" / tag / "current" / "link"
        return link.read_text()

    def blob(self, digest: str) -> Path:
        """The file of a blob."""
        return self._root() / "blobs" / "sha256" / digest[7:9] / digest[7:] / "data"

    def overwrite(self, uri: str) -> None:
        """Other bytes in the artifact's first layer, as who holds the registry's disk can put there."""
        manifest = json.loads(self.blob(uri.partition("@")[2]).read_bytes())
        path = self.blob(manifest["layers"][0]["digest"])
        path.write_bytes(b"9" * path.stat().st_size)

    def _root(self) -> Path:
        return self.folder / "docker" / "registry" / "v2"

    def _oras(self, push: Json) -> None:
        told = {"host": self.host, "backend": self.backend, "user": self.user[0], "password": self.user[1]}
        done = subprocess.run(
            [str(python_env("oras") / "bin" / "python"), str(Path(__file__).with_name("oras_push.py"))],
            input=json.dumps(told | {"pushes": [push]}),
            check=False,
            capture_output=True,
            text=True,
            env={"HOME": str(self.folder), "PATH": os.environ["PATH"]},
        )
        if done.returncode:
            raise AssertionError(done.stderr[-2000:])


def by_oras(home: Path, url: str, repository: str, **told: Any) -> Json:
    """What ORAS's own client finds in a registry that lets everybody in (oras_read.py)."""
    done = subprocess.run(
        [str(python_env("oras") / "bin" / "python"), str(Path(__file__).with_name("oras_read.py"))],
        input=json.dumps({"host": url.removeprefix("http://"), "repository": repository, **told}),
        check=False,
        capture_output=True,
        text=True,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout))


def by_password(who: tuple[str, str], address: str) -> Access:
    """The way in of this user."""
    return Access("oci", address, (), Secrets({"username": who[0], "password": who[1]}))


@contextmanager
def registry(
    folder: Path, auth: Json | None = None, backend: str = "token", place: str | None = None
) -> Iterator[OciBench]:
    """Debian's registry; `auth` is the section of its configuration, None for one that asks nobody. `place` is IP
    address and port."""
    place = place or f"127.0.0.1:{free_port()}"
    configuration = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder)}},
        "http": {"addr": place, "secret": "of-this-test"},
    } | ({"auth": auth} if auth else {})
    (folder / "config.yml").write_text(json.dumps(configuration))  # which is YAML too
    program = locate(OCI_REGISTRY, silent)["docker-registry"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        transport = httpx.HTTPTransport(retries=10)  # connecting only, with growing pauses: the server is starting
        with httpx.Client(transport=transport, timeout=_START_SECONDS) as client:
            client.get(f"http://{place}/")
        yield OciBench(f"http://{place}", folder, backend)
    finally:
        process.kill()
        process.wait()


@contextmanager
def with_tokens(folder: Path) -> Iterator[OciBench]:
    """A registry that lets in who its token server says."""
    authority = Authority(folder / "ca")
    pair = authority.issue("tokens")
    with serving(_token_server(*pair)) as url:
        told = {"realm": f"{url}/token", "service": "models", "issuer": "bench"}
        told["rootcertbundle"] = str(authority.certificate)
        with registry(folder, {"token": told}) as made:
            yield made


@contextmanager
def with_passwords(folder: Path, place: str | None = None) -> Iterator[OciBench]:
    """A registry that lets in READER and EXAMPLE, who may push here as well."""
    (folder / "htpasswd").write_text(_HTPASSWD)
    with registry(folder, {"htpasswd": {"realm": "models", "path": str(folder / "htpasswd")}}, "basic", place) as made:
        made.user = READER
        yield made


def _token_server(certificate: Path, key: Path) -> Callable[..., BaseHTTPRequestHandler]:
    """Gives each user a token with all that they may do in the repositories that were asked for: ORAS's client keeps
    its first token, which it has asked for to look, and pushes with it."""
    signer = serialization.load_pem_private_key(key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    der = load_pem_x509_certificate(certificate.read_bytes()).public_bytes(serialization.Encoding.DER)
    chain = [base64.b64encode(der).decode()]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            kind, _, encoded = self.headers.get("Authorization", "").partition(" ")
            user, _, password = base64.b64decode(encoded if kind == "Basic" else "").decode().partition(":")
            if (user, password) not in _RIGHTS:
                self._say(401, {"errors": []})
                return
            rights = _RIGHTS[user, password]
            access = [_granted(scope, rights) for scope in asked.get("scope", []) if rights]
            self._say(200, {"token": _jwt(signer, chain, user, asked["service"][0], access), "expires_in": 300})

        def _say(self, status: int, body: Json) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def _granted(scope: str, rights: set[str]) -> Json:
    kind, name, _ = scope.split(":", 2)
    return {"type": kind, "name": name, "actions": sorted(rights)}


def _jwt(signer: ec.EllipticCurvePrivateKey, chain: list[str], user: str, audience: str, access: list[Json]) -> str:
    now = int(time.time())
    head = {"typ": "JWT", "alg": "ES256", "x5c": chain}
    claims = {"iss": "bench", "sub": user, "aud": audience, "iat": now, "nbf": now - 60, "exp": now + 300, "jti": "1"}
    signed = ".".join(_url64(json.dumps(part).encode()) for part in (head, claims | {"access": access}))
    r, s = utils.decode_dss_signature(signer.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{_url64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def source(reference: str) -> Source:
    return Source(oci=OciSource(reference=reference), registry_ref=RegistryRef(name="models"))


def a_subject(oci: OciBench) -> Subject:
    """A ModelPack of two versions, read by a user who may pull and nothing else."""
    name = f"risk/model-{uuid.uuid4().hex[:8]}"
    one, two = (f"{version} of {name}".encode() for version in "12")  # equal layers are one file of the registry
    first = oci.modelpack(f"{name}:1.0.0", weight("weights", one), weight("config.json", b"{}"))
    second = oci.modelpack(f"{name}:2.0.0", weight("weights", two), weight("config.json", b"{}"))
    oci.modelpack(f"{name}:champion", weight("weights", one), weight("config.json", b"{}"))
    oci.modelpack(f"{name}:unicode", weight("poids é/模型", b"3" * 64))
    assert oci.digest(f"{name}:champion") == first != second

    def move() -> None:
        oci.modelpack(f"{name}:champion", weight("weights", two), weight("config.json", b"{}"))

    return Subject(
        upstream=oci.url,
        access=partial(by_password, READER),
        stranger=partial(by_password, STRANGER),
        outsider=partial(by_password, OUTSIDER),
        exact=source(f"{name}@{first}"),
        mutable=source(f"{name}:champion"),
        missing=(source(f"{name}:none"), source(f"{name}@sha256:{'0' * 64}"), source("no/such:1.0.0")),
        unicode=source(f"{name}:unicode"),
        move=move,
        overwrite=oci.overwrite,
        permission="permission to pull from the repository",
        canaries=tuple(shape for who in (READER, OUTSIDER, STRANGER, PUSHER) for shape in shapes(who)),
        asks="/manifests/",
        reads="/blobs/",
    )


def shapes(who: tuple[str, str]) -> tuple[str, str]:
    """The secret as it is, and as it is sent."""
    return who[1], base64.b64encode(":".join(who).encode()).decode()
