"""Access tokens of Google Cloud for a service account's key (OAuth 2.0, RFC 7523)."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final

import httpx
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from crossfade.adapters.http_address import http_address
from crossfade.adapters.json_object import json_object
from crossfade.adapters.oauth_tokens import LIFE_SECONDS, OAuthTokens
from crossfade.adapters.web import Guard, Web
from crossfade.model.loose import text
from crossfade.ports import SourceError

_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCE: Final = "https://oauth2.googleapis.com/token"
"""Whom assertions are for, wherever the token server is asked: so Google's own client has it."""
_MOST_BITS: Final = 4096
_MOST_PEM: Final = 4000
"""Letters; one of 4096 bits has 3272. What is longer can take minutes to load."""


class GoogleTokens:
    """Tokens of this scope for a service account, by its key as Google gives it out in JSON. They are asked for at the
    `token_uri` that the key names, past the guard. Raises SourceError when the key or `ca` cannot be used; whether
    its `private_key` can is known when the first token is wanted."""

    def __init__(self, key: str, scope: str, ca: str, guard: Guard | None, timeout: float) -> None:
        told = json_object(key) or {}
        email, place = text(told.get("client_email")), text(told.get("token_uri"))
        self._pem = text(told.get("private_key")) or ""
        if not self._pem or email is None or place is None or not _is_address(place):
            raise _unusable()
        if len(self._pem) > _MOST_PEM:
            raise _too_long()
        if not (_is_googles(place) or guard is None or _is_listed(place, guard)):
            raise SourceError(
                "`token_uri` of the key `serviceAccountKey` of the Secret must be an https address of googleapis.com, "
                "as Google gave it out, or an IP address in a network that the operator's configuration lists; nobody "
                "else is asked for tokens"
            )
        self._email = email
        self._scope = scope
        web = Web(place, ca=ca, guard=guard, timeout=timeout)
        self._tokens = OAuthTokens(web, "", self._form, "`token_uri` in the service account's key")

    async def close(self) -> None:
        """Close all connections."""
        await self._tokens.close()

    def forget(self, refused: Mapping[str, str]) -> None:
        """See Tokens."""
        self._tokens.forget(refused)

    async def headers(self) -> Mapping[str, str]:
        """See Tokens."""
        return await self._tokens.headers()

    async def _form(self) -> Mapping[str, str]:
        return {"grant_type": _GRANT, "assertion": await asyncio.to_thread(self._assertion)}

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {"iss": self._email, "scope": self._scope, "aud": _AUDIENCE, "iat": now, "exp": now + LIFE_SECONDS}
        told = f"{_packed({'alg': 'RS256', 'typ': 'JWT'})}.{_packed(claims)}"
        return f"{told}.{_letters(_signature(self._pem, told.encode()))}"


def _signature(pem: str, told: bytes) -> bytes:
    """Takes long for what tenants make up; not for the event loop. Raises SourceError."""
    try:
        found = load_pem_private_key(pem.encode(), None)
        if isinstance(found, RSAPrivateKey) and found.key_size <= _MOST_BITS:
            return found.sign(told, PKCS1v15(), SHA256())
    except (InternalError, TypeError, UnsupportedAlgorithm, ValueError):
        raise _unusable() from None
    raise _too_long() if isinstance(found, RSAPrivateKey) else _unusable()


def _is_address(place: str) -> bool:
    try:
        return not http_address(place, "").userinfo
    except SourceError:
        return False


def _is_googles(place: str) -> bool:
    url = httpx.URL(place)
    return url.scheme == "https" and url.host.endswith(".googleapis.com")


def _is_listed(place: str, guard: Guard) -> bool:
    """Whether it is the IP address of somebody whom the operator's configuration knows."""
    try:
        host = ip_address(httpx.URL(place).host)
    except ValueError:
        return False
    return any(host in network for network in guard.allowed)


def _too_long() -> SourceError:
    return SourceError(
        f"the key `serviceAccountKey` of the Secret must have a `private_key` of {_MOST_BITS} bits at most, as Google "
        "gives them out"
    )


def _unusable() -> SourceError:
    return SourceError(
        "the key `serviceAccountKey` of the Secret must be a service account's key in JSON, as Google gave it out, "
        "with `client_email`, `private_key` and `token_uri`"
    )


def _packed(told: Mapping[str, Any]) -> str:
    return _letters(json.dumps(told, separators=(",", ":")).encode())


def _letters(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
