"""Who the operator is to an OCI registry: nobody, a user by password, or the bearer of a token that its token server
gives (distribution specification, token authentication)."""

import asyncio
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from crossfade.adapters.address import shown
from crossfade.adapters.http_address import http_address
from crossfade.adapters.json_object import json_object
from crossfade.adapters.web import Guard, Reply, Tokens, Web
from crossfade.model.access import DOCKER_CONFIG, Access
from crossfade.ports import RefusedError, SourceError

_PARAMETER: Final = re.compile(r'([a-zA-Z_]+)="([^"]*)"')
_LIFE_SECONDS: Final = 60.0
"""A token's when its server does not say."""
_MARGIN_SECONDS: Final = 10.0
_MOST_TOKENS: Final = 256


@dataclass(frozen=True, slots=True)
class Right:
    """What is to be done in a repository: the `actions` that a token is asked for, and the same in words."""

    actions: str
    does: str
    permission: str


PULL: Final = Right("pull", "read", "pull from")
PULL_AND_PUSH: Final = Right("pull,push", "write to", "push to")
PULL_AND_DELETE: Final = Right("pull,delete", "take a tag away from", "delete from")


@dataclass(frozen=True, slots=True)
class _Token:
    headers: dict[str, str] = field(repr=False)
    until: float


@dataclass(frozen=True, slots=True)
class _Realm:
    """A token server: where it is, and what it is asked with."""

    web: Web
    parameters: dict[str, str]


class OciTokens:
    """The headers by which one registry at `host` knows us, where this is to be done. Credentials go to it and to the
    token server that it names, and to nobody else; `slots` are the registry's, which often is that server itself."""

    def __init__(
        self,
        access: Access,
        host: str,
        guard: Guard | None,
        timeout: float,
        right: Right,
        slots: asyncio.Semaphore,
    ) -> None:
        self._right = right
        self._slots = slots
        self._access = access
        self._basic = _basic(access, host)
        self._guard = guard
        self._timeout = timeout
        self._challenged = False
        self._realm: _Realm | None = None
        self._realms: dict[str, Web] = {}
        self._tokens: dict[str, _Token] = {}
        self._asking = asyncio.Lock()

    @property
    def has_credentials(self) -> bool:
        """Whether we are somebody."""
        return bool(self._basic)

    async def close(self) -> None:
        """Close all connections."""
        for web in self._realms.values():
            await web.close()

    async def headers(self, repository: str) -> dict[str, str]:
        """What to send, as far as the registry has said what it wants; for what is in no repository where that is
        empty. Raises SourceError."""
        async with self._asking:
            if self._realm is None:
                return self._basic if self._challenged else {}
            kept = self._tokens.get(repository)
            if kept is None or time.monotonic() > kept.until:
                kept = await self._fetched(self._realm, repository)
            return kept.headers

    def of(self, repository: str) -> Tokens:
        """The same of one repository."""
        return _OfRepository(self, repository)

    def forget(self, repository: str, refused: Mapping[str, str]) -> None:
        """The registry does not know these headers any longer."""
        kept = self._tokens.get(repository)
        if kept is not None and kept.headers == refused:  # else another request has renewed it meanwhile
            del self._tokens[repository]

    async def answer(self, challenge: str, repository: str, refused: dict[str, str]) -> dict[str, str]:
        """What to send to a registry that has refused these headers with this challenge. Raises SourceError."""
        self._challenged = True
        bearer = challenge[:7].lower() == "bearer "
        self._realm = self._told(dict(_PARAMETER.findall(challenge))) if bearer else None
        self.forget(repository, refused)
        return await self.headers(repository)

    def unwelcome(self, what: str, repository: str, reply: Reply) -> SourceError:
        """The failure of a registry that does not let us in with what we have sent."""
        if repository and (reply.status == 403 or self._realm is not None):
            return self._forbidden(what, repository, reply)
        return self._unknown(what, repository, reply)

    def _told(self, found: dict[str, str]) -> _Realm:
        wrong = (
            f"the OCI registry at {shown(self._access.address)} names a token server that is not asked; it must be an "
            "https address without a user"
        )
        url = http_address(found.get("realm", ""), wrong)
        secure = url.scheme == "https" or self._access.address.startswith("http://")
        if url.userinfo or not secure:
            raise SourceError(wrong)
        base = str(url.copy_with(query=None, fragment=None))
        if base not in self._realms:
            if len(self._realms) > 1:
                raise SourceError(f"the OCI registry at {shown(self._access.address)} names ever other token servers")
            web = Web(base, ca=self._access.ca, guard=self._guard, timeout=self._timeout, slots=self._slots)
            self._realms[base] = web
        parameters = dict(url.params) | ({"service": found["service"]} if found.get("service") else {})
        return _Realm(self._realms[base], parameters)

    async def _fetched(self, realm: _Realm, repository: str) -> _Token:
        what = f"the token server at {realm.web.shown}"
        scope = {"scope": f"repository:{repository}:{self._right.actions}"} if repository else {}
        reply = await realm.web.ask(what, "", {**realm.parameters, **scope}, self._basic)
        if reply.status == 401 or (reply.status == 403 and not repository):
            raise self._unknown(what, repository, reply)
        if reply.status == 403:
            raise self._forbidden(what, repository, reply)
        if reply.status != 200:
            raise SourceError(f"{what} answered with {reply.status}", wait=reply.wait)
        found = json_object(reply.content) or {}
        token = found.get("token") or found.get("access_token")
        if not isinstance(token, str) or not (token.isascii() and token.isprintable()):
            raise SourceError(f"{what} gave no token; check that the registry names the right one")
        kept = _Token({"Authorization": f"Bearer {token}"}, time.monotonic() + _life(found.get("expires_in")))
        if len(self._tokens) >= _MOST_TOKENS:
            self._tokens.pop(next(iter(self._tokens)))
        self._tokens[repository] = kept
        return kept

    def _forbidden(self, what: str, repository: str, reply: Reply) -> RefusedError:
        """It is about this repository alone."""
        return RefusedError(
            f"{what} does not let the operator {self._right.does} {repository} ({reply.status}); give its user the "
            f"permission to {self._right.permission} the repository, if there is one of that name",
            wait=reply.wait,
        )

    def _unknown(self, what: str, repository: str, reply: Reply) -> SourceError:
        if not self._basic:
            return SourceError(
                f"{what} lets nobody {self._right.does} {repository} without a name (401); name a Secret in "
                "`credentials` of the ModelRegistry"
            )
        return SourceError(
            f"{what} does not accept who asks{f' for {repository}' if repository else ''} ({reply.status}); give "
            "`credentials` that it knows, or renew those that have expired",
            wait=reply.wait,
        )


@dataclass(frozen=True, slots=True)
class _OfRepository:
    """See OciTokens.of."""

    tokens: OciTokens
    repository: str

    async def headers(self) -> Mapping[str, str]:
        """See Tokens."""
        return await self.tokens.headers(self.repository)

    def forget(self, refused: Mapping[str, str]) -> None:
        """See Tokens."""
        self.tokens.forget(self.repository, refused)


def _life(told: Any) -> float:
    """How long a token is used, in seconds."""
    seconds = float(told) if isinstance(told, int | float) and 0 < told < 86400 else _LIFE_SECONDS
    return max(seconds - _MARGIN_SECONDS, seconds / 2)


def _basic(access: Access, host: str) -> dict[str, str]:
    """The header with user and password, out of either kind of Secret; empty for nobody."""
    if not access.secrets:
        return {}
    if "username" in access.secrets and "password" in access.secrets:
        pair = f"{access.secrets['username']}:{access.secrets['password']}"
    else:
        pair = _of_docker(access.secrets[DOCKER_CONFIG], host)
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _of_docker(config: str, host: str) -> str:
    """`user:password` for this host, of what `docker login` writes. Raises SourceError, which repeats nothing."""
    auths = (json_object(config) or {}).get("auths")
    found = [entry for name, entry in auths.items() if _host(name) == host] if isinstance(auths, dict) else []
    if not found or not isinstance(found[0], dict):
        raise SourceError(
            f"the key `{DOCKER_CONFIG}` of the Secret has nothing for {host}; add what `docker login` writes"
        )
    entry = found[0]
    if entry.get("username") and entry.get("password"):
        return f"{entry['username']}:{entry['password']}"
    try:
        pair = b64decode(str(entry.get("auth") or ""), validate=True).decode()
    except ValueError:
        pair = ""
    if ":" not in pair:
        raise SourceError(
            f"the key `{DOCKER_CONFIG}` of the Secret must have user and password for {host}; a credential helper's "
            "entry cannot be used here"
        )
    return pair


def _host(name: str) -> str:
    """Of an entry's name: `ghcr.io`, `https://ghcr.io`, and `https://index.docker.io/v1/` for Docker's own registry."""
    host = name.partition("://")[2] or name
    host = host.split("/")[0]
    return "registry-1.docker.io" if host in ("index.docker.io", "docker.io") else host
