"""One OCI registry: manifests whole and blobs as streams, with the token that it wants to see."""

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any, Final
from urllib.parse import quote

from crossfade.adapters.json_object import json_object
from crossfade.adapters.oci_tokens import PULL, PULL_AND_DELETE, PULL_AND_PUSH, OciTokens, Right
from crossfade.adapters.web import NOTHING, Guard, Reply, Web, next_page
from crossfade.model.access import Access
from crossfade.ports import WHOLE, Part, SourceError

_CONFIG_BYTES: Final = 1 << 20
_TAGS: Final = 1000
_ACCEPTED: Final = {
    "Accept": ", ".join(
        (
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
        )
    )
}


Asking = Callable[[Mapping[str, str]], Awaitable[Reply]]
"""One question, with these headers besides."""


class OciServer:
    """A client of the registry that `access` describes; `timeout` is in seconds for a whole request with its answer.
    Raises SourceError when the access cannot be used as it is."""

    def __init__(self, access: Access, guard: Guard | None = None, timeout: float = 30.0) -> None:
        self._web = Web(access.address, ca=access.ca, guard=guard, timeout=timeout)
        self._elsewhere = guard or Guard()
        self.shown = self._web.shown
        self.host = self.shown.partition("://")[2]
        self._what = f"the OCI registry at {self.shown}"
        rights = (PULL, PULL_AND_PUSH, PULL_AND_DELETE)
        self._known = {right: OciTokens(access, self.host, guard, timeout, right, self._web.slots) for right in rights}

    async def close(self) -> None:
        """Close all connections."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._web.close)
            for tokens in self._known.values():
                stack.push_async_callback(tokens.close)

    async def reached(self) -> None:
        """Ask whether this is a registry that lets us in, as `docker login` does: it takes no right in any repository.
        Who comes as nobody is told what of it is for everybody when a model is asked for. Raises SourceError."""
        tokens = self._known[PULL]

        async def asked(known: Mapping[str, str]) -> Reply:
            return await self._web.ask(self._what, "/v2/", {}, {**_ACCEPTED, **known})

        reply = await (_shown(asked, "", tokens) if tokens.has_credentials else asked(NOTHING))
        if reply.status in (401, 403) and tokens.has_credentials:
            raise tokens.unwelcome(self._what, "", reply)
        if reply.status not in (200, 401, 403):
            raise SourceError(
                f"{self._what} answered /v2/ with {reply.status}; check that the address is an OCI registry's",
                wait=reply.wait,
            )

    async def manifest(self, repository: str, reference: str) -> tuple[str, dict[str, Any]]:
        """Digest and content of a manifest, by tag or digest. The digest is of the very bytes that came; a digest that
        was asked for is theirs. Raises SourceError."""
        what = self._what
        reply = await self.found(repository, reference)
        if reply is None:
            kind = "manifest" if reference.startswith("sha256:") else "tag"
            raise SourceError(
                f"{what} has no {kind} {reference} in a repository {repository}; register it there, or correct "
                "`source.oci.reference`"
            )
        return _checked(reply.content, reference, f"{what} gave a manifest of {repository}")

    async def found(self, repository: str, reference: str) -> Reply | None:
        """A manifest as it is, by tag or digest; None where there is none. Raises SourceError, and RefusedError where
        the user may not read the repository."""
        reply = await self._asked(repository, _manifest(repository, reference))
        if reply.status == 404:
            return None
        if reference.startswith("sha256:"):
            _checked(reply.content, reference, f"the OCI registry at {self.shown} gave a manifest of {repository}")
        return reply

    async def tell(
        self,
        method: str,
        repository: str,
        reference: str,
        right: Right,
        content: bytes = b"",
        headers: Mapping[str, str] = NOTHING,
    ) -> Reply:
        """PUT or DELETE at a manifest's tag or digest. Any status is an answer, but one that does not let us in. Raises
        SourceError, and RefusedError where the user has not this right in the repository."""

        async def told(known: Mapping[str, str]) -> Reply:
            path = _manifest(repository, reference)
            return await self._web.tell(self._what, path, content, {**headers, **known}, method)

        return await self._welcome(told, repository, right)

    async def tags(self, repository: str, most: int) -> list[str]:
        """All tags of a repository, page by page. Raises SourceError, also where there are more than `most`."""
        what = self._what
        found: list[str] = []
        parameters: Mapping[str, str] | None = {"n": str(_TAGS)}
        while parameters is not None:
            reply = await self._asked(repository, f"/v2/{repository}/tags/list", parameters)
            if reply.status == 404:
                raise SourceError(
                    f"{what} has no repository {repository}; push to it, or correct `spec.oci.repository`"
                )
            page = (json_object(reply.content) or {}).get("tags")
            listed = [tag for tag in page if isinstance(tag, str)] if isinstance(page, list) else []
            found += listed
            parameters = next_page(reply.headers.get("link", "")) if listed else None
            if len(found) > most:
                raise SourceError(f"{what} has more than {most} tags of {repository}; remove old ones")
        return found

    async def config(self, repository: str, digest: str) -> dict[str, Any]:
        """A small JSON object that a manifest names. Raises SourceError."""
        content = bytearray()
        async with aclosing(self.blob(repository, digest)) as chunks:
            async for chunk in chunks:
                content += chunk
                if len(content) > _CONFIG_BYTES:
                    raise SourceError(
                        f"the config of {repository} has more than {_CONFIG_BYTES} bytes; push a smaller one"
                    )
        return _checked(bytes(content), digest, f"the OCI registry at {self.shown} gave a config of {repository}")[1]

    def blob(self, repository: str, digest: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """Stream the bytes of a part of a layer; whether they are those of the digest is for the reader to check. They
        may lie at another host, which gets no credentials. Raises SourceError."""
        what = f"the layer {digest} of {repository} at the OCI registry {self.shown}"
        tokens = self._known[PULL].of(repository)
        path = f"/v2/{repository}/blobs/{quote(digest, safe=':')}"
        return self._web.stream(what, path, tokens=tokens, elsewhere=self._elsewhere, part=part)

    async def _asked(self, repository: str, path: str, parameters: Mapping[str, str] | None = None) -> Reply:
        """The answer, after the registry was shown what it wants to see."""

        async def asked(known: Mapping[str, str]) -> Reply:
            return await self._web.ask(self._what, path, parameters or {}, {**_ACCEPTED, **known})

        reply = await self._welcome(asked, repository, PULL)
        if reply.status not in (200, 404):
            raise SourceError(f"{self._what} refused {path} with {reply.status}", wait=reply.wait)
        return reply

    async def _welcome(self, asked: Asking, repository: str, right: Right) -> Reply:
        """What the registry says of a repository once it was shown who asks. Raises SourceError where it refuses."""
        reply = await _shown(asked, repository, self._known[right])
        if reply.status in (401, 403):
            raise self._known[right].unwelcome(self._what, repository, reply)
        return reply


async def _shown(asked: Asking, repository: str, tokens: OciTokens) -> Reply:
    """What the registry says, of whatever status, once it was shown who asks."""
    known = await tokens.headers(repository)
    reply = await asked(known)
    if reply.status == 401:
        reply = await asked(await tokens.answer(reply.headers.get("www-authenticate", ""), repository, known))
    return reply


def digest_of(content: bytes) -> str:
    """The digest by which a registry knows these bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _manifest(repository: str, reference: str) -> str:
    return f"/v2/{repository}/manifests/{quote(reference, safe=':')}"


def _checked(content: bytes, wanted: str, what: str) -> tuple[str, dict[str, Any]]:
    digest = digest_of(content)
    if wanted.startswith("sha256:") and digest != wanted:
        raise SourceError(f"{what} whose digest is {digest} and not {wanted}; it is damaged, push it again")
    found = json_object(content)
    if found is None:
        raise SourceError(f"{what} that is no JSON object; check that the address is an OCI registry's")
    return digest, found
