"""How the operator identifies itself to a Prometheus. What is secret is read from files, for each query anew."""

import ssl
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

_MOST_SECRET_BYTES = 64 << 10


class AccessError(Exception):
    """A credential or certificate cannot be used. The message names the file, never what it holds."""


@dataclass(frozen=True, slots=True)
class Access:
    """The tenant of Mimir, Thanos or Cortex, a bearer token or a user with a password, and the files of TLS.

    `ca_file` takes the place of the usual authorities; `cert_file` and `key_file` are the operator's own certificate.
    """

    tenant: str | None = None
    bearer_token_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def headers(self) -> dict[str, str]:
        """What a request must carry now. Raises AccessError."""
        found = {"X-Scope-OrgID": self.tenant} if self.tenant else {}
        if self.bearer_token_file is not None:
            found["Authorization"] = f"Bearer {_token(self.bearer_token_file)}"
        elif self.username is not None and self.password_file is not None:
            pair = f"{self.username}:{_secret(self.password_file)}"
            found["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return found


class Tls:
    """The TLS context of one Prometheus, kept up with the files: connections made after a change use what is new."""

    def __init__(self, access: Access) -> None:
        self._ca = access.ca_file
        self._own = (access.cert_file, access.key_file)
        self._files = [file for file in (access.ca_file, access.cert_file, access.key_file) if file is not None]
        self._seen: list[tuple[int, int, int]] = []
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext | None:
        """The context that is good now, None for the usual one; another object after a change. Raises AccessError."""
        if not self._files:
            return None
        now = [_mark(file) for file in self._files]
        if self._context is None or now != self._seen:
            self._context, self._seen = self._made(), now
        return self._context

    def _made(self) -> ssl.SSLContext:
        try:
            made = ssl.create_default_context(cafile=self._ca)
        except (OSError, ValueError) as failure:
            raise AccessError(f"the file {self._ca} holds no certificates of authorities") from failure
        certificate, key = self._own
        if certificate is not None:
            try:
                made.load_cert_chain(certificate, key, password=lambda: "")  # without it a person would be asked
            except (OSError, ValueError) as failure:
                raise AccessError(
                    f"the files {certificate} and {key} hold no certificate with its own key, or one with a password"
                ) from failure
        return made


def _mark(file: Path) -> tuple[int, int, int]:
    try:
        now = file.stat()
    except OSError as failure:
        raise AccessError(f"the file {file} cannot be read: {failure.strerror}") from None
    return now.st_mtime_ns, now.st_size, now.st_ino


def _token(file: Path) -> str:
    """A bearer token. Anything else would be refused by the HTTP library in a message that repeats it."""
    token = _secret(file)
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise AccessError(f"the file {file} holds no bearer token: one line without spaces is expected")
    return token


def _secret(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_SECRET_BYTES + 1)
    except OSError as failure:
        raise AccessError(f"the file {file} cannot be read: {failure.strerror}") from None
    try:
        secret = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise AccessError(f"the file {file} holds no text") from None
    if not secret or len(content) > _MOST_SECRET_BYTES:
        raise AccessError(f"the file {file} is {'empty' if not secret else 'too large for a secret'}")
    return secret
