"""One Hugging Face Hub: its REST API and the files that it serves."""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

from crossfade.adapters.said import code as code_of
from crossfade.adapters.web import Guard, Reply, Web, next_page
from crossfade.model.access import Access
from crossfade.ports import WHOLE, Part, SourceError

_RESET = re.compile(r";\s*t=([0-9]{1,6})")
_LONGEST_WAIT = 300.0


class HubError(SourceError):
    """The server refused. `code` is the Hub's error code, such as RevisionNotFound; empty when it gave none."""

    def __init__(self, message: str, status: int, code: str, wait: float = 0.0) -> None:
        super().__init__(message, wait=wait)
        self.status = status
        self.code = code


class HubServer:
    """A client of the server that `access` describes; `timeout` is in seconds for a whole request with its answer.
    Files may be elsewhere: redirects are followed there, without the token. Raises SourceError when the access cannot
    be used as it is."""

    def __init__(self, access: Access, guard: Guard | None = None, timeout: float = 30.0) -> None:
        headers = _headers(access)
        self._web = Web(access.address, headers=headers, ca=access.ca, guard=guard, timeout=timeout)
        self._elsewhere = guard.beyond if guard else Guard()
        self.shown = self._web.shown
        self._what = f"the Hugging Face Hub at {self.shown}"
        self.known = bool(headers)
        """Whether there is a token."""

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()

    async def reached(self) -> None:
        """Ask for one model, whichever that is: anybody may, and a token that is not known is refused all the same.
        Raises HubError and SourceError."""
        self._taken("models", await self._web.ask(self._what, "/api/models", {"limit": "1"}))

    async def model(self, repo: str, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """GET `/api/models/<repo>/<path>`. Raises HubError when refused, SourceError when there is no proper answer."""
        answer, _ = await self._get(repo, path, parameters)
        if not isinstance(answer, dict):
            raise self._strange(path)
        return answer

    async def allowed(self, repo: str) -> None:
        """Return when the files of this model may be read. Raises HubError and SourceError."""
        await self._of(repo, "auth-check", {})

    async def tag(self, repo: str, tag: str, commit: str) -> None:
        """Let a tag that there is not yet mean this commit. Raises HubError and SourceError."""
        await self._told(repo, f"tag/{commit}", json.dumps({"tag": tag}).encode(), "POST")

    async def untag(self, repo: str, tag: str) -> None:
        """Take a tag away. Raises HubError and SourceError."""
        await self._told(repo, f"tag/{quote(tag, safe='')}", b"", "DELETE")

    async def tree(self, repo: str, commit: str) -> AsyncIterator[dict[str, Any]]:
        """All that is in the repository at this commit, page by page. Raises HubError and SourceError."""
        parameters: Mapping[str, str] | None = {"recursive": "true"}
        while parameters is not None:
            page, parameters = await self._get(repo, f"tree/{commit}", parameters)
            understood = isinstance(page, list) and all(isinstance(entry, dict) for entry in page)
            if not understood or (parameters is not None and not page):
                raise self._strange("tree")
            for entry in page:
                yield entry

    def download(self, repo: str, commit: str, path: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """Stream a part of the file at `path`. Raises SourceError."""
        what = f"the file {path!r} of {repo} at the Hugging Face Hub {self.shown}"
        place = f"/{repo}/resolve/{commit}/{quote(path)}"
        return self._web.stream(what, place, elsewhere=self._elsewhere, part=part)

    async def _get(self, repo: str, path: str, parameters: Mapping[str, str]) -> tuple[Any, Mapping[str, str] | None]:
        """What is said in JSON, and the parameters that ask for the next page, None on the last."""
        reply = await self._of(repo, path, parameters)
        try:
            return json.loads(reply.content), next_page(reply.headers.get("link", ""))
        except (ValueError, RecursionError):
            raise self._strange(path) from None

    async def _of(self, repo: str, path: str, parameters: Mapping[str, str]) -> Reply:
        reply = await self._web.ask(self._what, f"/api/models/{repo}/{path}", parameters)
        return self._taken(_thing(repo, path), reply)

    async def _told(self, repo: str, path: str, content: bytes, method: str) -> None:
        place, headers = f"/api/models/{repo}/{path}", {"Content-Type": "application/json"} if content else {}
        self._taken(_thing(repo, path), await self._web.tell(self._what, place, content, headers, method))

    def _taken(self, thing: str, reply: Reply) -> Reply:
        if reply.status < 300:
            return reply
        code = code_of(reply.headers.get("x-error-code"))
        sentence = f"{self._what} refused {thing} with {reply.status} {code}".rstrip()
        raise HubError(sentence, reply.status, code, reply.wait or _until_reset(reply))

    def _strange(self, path: str) -> SourceError:
        what = f"the Hugging Face Hub at {self.shown} answered {path.partition('/')[0]} with what cannot be understood"
        return SourceError(f"{what}; check that the address is a Hub's own")


def _thing(repo: str, path: str) -> str:
    return f"{path.partition('/')[0]} of {repo}"


def _headers(access: Access) -> dict[str, str]:
    token = access.secrets.get("token")
    if token and not token.isascii():
        raise SourceError("the key `token` of the Secret must be plain ASCII, as the Hub gave it out")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _until_reset(reply: Reply) -> float:
    """Seconds that the header RateLimit asks for when there is no Retry-After: `"api";r=0;t=120`."""
    found = _RESET.search(reply.headers.get("ratelimit", "")) if reply.status == 429 else None
    return min(float(found[1]), _LONGEST_WAIT) if found else 0.0
