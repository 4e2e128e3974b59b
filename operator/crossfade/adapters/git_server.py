"""One Git repository behind http(s): its branches and tags, and objects of it, by version 2 of Git's protocol."""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Final

from crossfade.adapters import git_wire as wire
from crossfade.adapters.git_pack import BLOB, TAG, Entry, Objects, Pack, PackError, hasher_of
from crossfade.adapters.said import words
from crossfade.adapters.web import Guard, Reply, Web
from crossfade.model.access import Access
from crossfade.ports import SourceError

_SERVICE: Final = "git-upload-pack"
_VERSION: Final = {"Git-Protocol": "version=2"}
_ASKING: Final = {**_VERSION, "Content-Type": f"application/x-{_SERVICE}-request"}
_MOST_PACK_BYTES: Final = 64 << 20
_MOST_UNPACKED_BYTES: Final = 10 * _MOST_PACK_BYTES
_MOST_TREE_BYTES: Final = 64 << 20
_MOST_BLOB_BYTES: Final = 4 << 20
_PACK_TIMES: Final = 4
"""A pack may take so many times as long as another answer."""
_LS_REFS_BYTES: Final = 4 << 20

Found = Mapping[str, tuple[int, bytes]]
"""Kind and content of objects by their id."""


class NotThereError(SourceError):
    """The repository has no such object."""


class GitServer:
    """A client of the repository that `access` describes; `timeout` is in seconds for a whole request with its answer.
    Raises SourceError when the access cannot be used as it is."""

    def __init__(self, access: Access, guard: Guard | None = None, timeout: float = 30.0) -> None:
        headers = _headers(access)
        self._web = Web(access.address, headers=headers, ca=access.ca, guard=guard, timeout=timeout)
        self._timeout = timeout
        self._capabilities: wire.Capabilities | None = None
        self.shown = self._web.shown
        self.known = bool(headers)
        """Whether somebody is said to ask."""
        self.what = f"the Git repository at {self.shown}"

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()

    async def refs(self, prefixes: Sequence[str]) -> list[wire.Ref]:
        """All branches and tags whose full names begin with one of these. Raises SourceError."""
        await self._able()
        content = bytearray()
        with self._understood():
            async with self._posted(wire.list_refs(prefixes), self._timeout) as chunks:
                async for chunk in chunks:
                    content += chunk
                    if len(content) > _LS_REFS_BYTES:
                        raise SourceError(f"{self.what} has more branches and tags than are read; remove old ones")
            return wire.refs(bytes(content))

    async def at(self, commit: str) -> Found:
        """The commit and all its trees, with no history. Raises SourceError."""
        filtered = (await self._able()).filters
        more = ["deepen 1", *(["filter blob:none"] if filtered else [])]
        return await self._objects([commit], more, Objects(_MOST_TREE_BYTES, blobs=False))

    async def tags(self, oids: Collection[str]) -> Found:
        """Annotated tags. Raises SourceError."""
        filtered = (await self._able()).filters
        more = ["deepen 1", *(["filter tree:0"] if filtered else [])]
        found = await self._objects(oids, more, Objects(_MOST_TREE_BYTES, blobs=False), stop=frozenset(oids))
        if not all(found.get(oid, (0, b""))[0] == TAG for oid in oids):
            raise SourceError(f"{self.what} was sent without one of its tags; try again")
        return found

    async def blobs(self, oids: Collection[str]) -> Found:
        """Small files, at most 4 MiB together. Raises SourceError."""
        await self._able()
        return await self._objects(oids, (), Objects(_MOST_BLOB_BYTES, blobs=True))

    async def size(self, oid: str) -> tuple[int, bytes]:
        """Of a file of any size its size in bytes, and its first bytes. Raises SourceError."""
        size, head = 0, b""
        with self._understood(oid):
            async with aclosing(self._one(oid, self._timeout)) as events:
                async for event in events:
                    if isinstance(event, Entry):
                        size = event.size
                    else:
                        head = event
                    if head or not size:
                        break
        return size, head

    async def blob(self, oid: str) -> AsyncGenerator[bytes]:
        """Stream a file of any size; its bytes are those of its id. Raises SourceError."""
        hasher = hasher_of(BLOB, 0)
        async with aclosing(self._one(oid)) as events:
            async for event in events:
                if isinstance(event, Entry):
                    hasher = hasher_of(BLOB, event.size)
                    continue
                hasher.update(event)
                yield event
        if hasher.hexdigest() != oid:
            raise SourceError(f"{self.what} gave other bytes than those of its object {oid}; they were damaged")

    async def _one(self, oid: str, within: float | None = None) -> AsyncGenerator[Entry | bytes]:
        """The only object of a pack: its beginning, and its bytes in pieces."""
        await self._able()
        pack, packed = Pack(), wire.PackIn()
        with self._understood(oid):
            async with self._posted(wire.fetch([oid]), within) as chunks:
                async for chunk in chunks:
                    for event in (event for piece in packed.feed(chunk) for event in pack.feed(piece)):
                        if isinstance(event, Entry) and event.kind != BLOB:
                            raise PackError("the object is no file")
                        if event is not None:
                            yield event
            if not pack.done:
                raise wire.WireError("the answer ends in the middle")

    async def _objects(
        self, oids: Collection[str], more: Sequence[str], objects: Objects, stop: Collection[str] = ()
    ) -> Found:
        """Objects of a pack; reading ends early once all of `stop` are there."""
        pack, packed = Pack(_MOST_UNPACKED_BYTES), wire.PackIn()

        def take(chunk: bytes) -> None:
            for event in (event for piece in packed.feed(chunk) for event in pack.feed(piece)):
                objects.take(event)

        taken = 0
        with self._understood(next(iter(oids), "")):
            async with self._posted(wire.fetch(oids, more), _PACK_TIMES * self._timeout) as chunks:
                async for chunk in chunks:
                    taken += len(chunk)
                    await asyncio.to_thread(take, chunk)
                    if stop and all(oid in objects.found for oid in stop):
                        return objects.found
                    if taken > _MOST_PACK_BYTES:
                        raise self._too_large()
            if not pack.done:
                raise wire.WireError("the answer ends in the middle")
        return objects.found

    def _too_large(self) -> SourceError:
        hint = "keep fewer files in it"
        if self._capabilities and not self._capabilities.filters:
            hint = "let the server leave out files (`uploadpack.allowFilter`), or track large ones with DVC"
        return SourceError(f"{self.what} has more than {_MOST_PACK_BYTES >> 20} MiB at one commit; {hint}")

    async def _able(self) -> wire.Capabilities:
        """What the server can do; asked once."""
        if self._capabilities is None:
            reply = await self._web.ask(self.what, "/info/refs", {"service": _SERVICE}, _VERSION)
            self._require(reply)
            with self._understood():
                self._capabilities = wire.capabilities(reply.content)
        return self._capabilities

    @asynccontextmanager
    async def _posted(self, request: bytes, within: float | None) -> AsyncIterator[AsyncIterator[bytes]]:
        """The content of the answer, which may take so many seconds once its turn has come."""
        async with self._web.post(self.what, f"/{_SERVICE}", request, _ASKING, within) as (reply, chunks):
            self._require(reply)
            yield chunks

    def _require(self, reply: Reply) -> None:
        """Raise SourceError unless the server answered."""
        if reply.status == 200:
            return
        if reply.status == 401:
            raise SourceError(
                f"{self.what} does not accept who asks (401); give `credentials` that it knows, or renew those that "
                "have expired"
            )
        if reply.status == 403:
            raise SourceError(
                f"{self.what} does not let the operator read it (403); give its user or token the permission to read "
                "the repository"
            )
        if reply.status == 404:
            hidden = "it may be private to others" if self.known else "a private one needs `credentials`"
            raise SourceError(f"{self.what} is not there (404); correct the ModelRegistry's `git.address` ({hidden})")
        raise SourceError(f"{self.what} refused with {reply.status}", wait=reply.wait)

    @contextmanager
    def _understood(self, oid: str = "") -> Iterator[None]:
        """Name what cannot be understood. The plain words of what the server itself tells of a failure are shown; it
        means most often that the object is not there."""
        try:
            yield
        except wire.WireError as failure:
            if failure.told and "not our ref" in failure.told:
                raise NotThereError(f"{self.what} has no object {oid}") from None
            told = f": {words(failure.told)!r}" if failure.told else ""
            raise SourceError(f"{self.what} cannot be read: {failure}{told}") from None
        except PackError as failure:
            raise SourceError(f"{self.what} gave a pack that cannot be read: {failure}") from None


def tag_facts(content: bytes) -> dict[str, str]:
    """Who tagged, when (Unix seconds) and with what message: `name`, `at` and `message`."""
    return _headed(content, "tagger")


def commit_facts(content: bytes) -> dict[str, str]:
    """The root `tree` of a commit, its author's `name`, when it was written (`at`, Unix seconds) and its `message`."""
    return _headed(content, "author")


def _headed(content: bytes, who: str) -> dict[str, str]:
    head, _, message = content.decode("utf-8", "replace").partition("\n\n")
    fields = dict(line.partition(" ")[::2] for line in reversed(head.split("\n")))
    person, _, rest = fields.get(who, "").partition(" <")
    moment = rest.rpartition("> ")[2].partition(" ")[0]
    return {
        "tree": fields.get("tree", ""),
        "name": person,
        "at": moment if moment.isdecimal() and len(moment) < 12 else "0",
        "message": message.strip(),
    }


def _headers(access: Access) -> dict[str, str]:
    """HTTP Basic; a token goes as the password of the user that most servers know for it."""
    secrets = access.secrets
    user, password = secrets.get("username", "x-access-token"), secrets.get("password") or secrets.get("token")
    if not password:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
