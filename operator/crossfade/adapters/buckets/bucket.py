"""What all object stores have in common: places, objects, and how a refusal is told."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from crossfade.adapters.web import Reply
from crossfade.ports import WHOLE, Part, SourceError

_MOST_OBJECTS: Final = 200_000
"""Where a list ends, whatever its store goes on to say."""
PAGE: Final = 1000
"""How many objects a store is asked for at a time; all three give as many."""
_BUCKETS: Final = {
    "s3": re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "gs": re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"),
    "az": re.compile(r"[a-z0-9](-?[a-z0-9]){2,62}|\$root|\$web"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is in an object store; `key` has no slash at its ends, and is empty for the whole bucket."""

    scheme: str
    bucket: str
    key: str

    def holds(self, other: "Place") -> bool:
        """Whether the other is this, or lies beneath it."""
        within = not self.key or f"{other.key}/".startswith(f"{self.key}/")
        return (self.scheme, self.bucket) == (other.scheme, other.bucket) and within

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}".rstrip("/")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object: its whole key, its size in bytes, the store's mark of what it holds now, and whether the store unpacks
    it on the way, so that other bytes come than are stored."""

    key: str
    size: int
    etag: str = ""
    unpacked: bool = False


class Page(NamedTuple):
    """A piece of a list: its objects, how many entries it has with those that are none, and the token for the next one,
    empty after the last."""

    objects: Iterable[StoredObject]
    entries: int
    token: str


async def paged(what: str, page: Callable[[str], Awaitable[Page]]) -> AsyncIterator[StoredObject]:
    """All objects of a list, whose pages are asked for by their tokens, the first by an empty one. Raises SourceError,
    in which `what` is named, also for a list without end."""
    token, listed = "", 0
    while True:
        found = await page(token)
        listed, token = listed + found.entries, found.token
        if listed > _MOST_OBJECTS:
            raise SourceError(f"{what} has more than {_MOST_OBJECTS} objects there; name a folder with the model alone")
        if token and not found.entries:
            raise strange(what)
        for one in found.objects:
            yield one
        if not token:
            return


class Bucket(Protocol):
    """One object store."""

    @property
    def shown(self) -> str:
        """Its kind and address, for sentences."""
        ...

    def objects(self, bucket: str, prefix: str) -> AsyncIterator[StoredObject]:
        """All whose keys begin so, in the order of their keys. Raises SourceError."""
        ...

    def read(self, bucket: str, key: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """The bytes of a part of an object in chunks. Raises SourceError, and FromStartError as Artifacts has it."""
        ...

    def close(self) -> Awaitable[None]:
        """Close all connections."""
        ...


def place(uri: str) -> Place:
    """The place that an address means. Raises SourceError."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    key = key.strip("/")
    known = _BUCKETS.get(scheme)
    if known is None or not known.fullmatch(bucket) or any(part in ("", ".", "..") for part in key.split("/") if key):
        raise SourceError(
            f"the address {uri[:256]!r} is no s3://<bucket>/<prefix>, gs://<bucket>/<prefix> or "
            "az://<container>/<prefix>; correct it",
            retry=False,
        )
    return Place(scheme, bucket, key)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a store's words are understood: codes of credentials that it does not know, what permission reading needs,
    and what else a code may mean."""

    unknown: frozenset[str]
    permission: str
    besides: Mapping[str, str] = field(default_factory=dict)

    def told(self, what: str, asked: str, reply: Reply, code: str) -> SourceError:
        """The failure that this answer is; `code` is the store's own for it, empty when it gave none."""
        said = f"{reply.status} {code}".rstrip()
        if code in self.unknown or (reply.status == 401 and not code):
            return SourceError(
                f"{what} does not accept who asks for {asked} ({said}); give `credentials` that it knows, or renew "
                f"those that have expired{self.besides.get(code, '')}",
                wait=reply.wait,
            )
        if reply.status in (401, 403):
            return SourceError(
                f"{what} does not let the operator read {asked} ({said}); give its user {self.permission}",
                wait=reply.wait,
            )
        if reply.status == 404:
            return SourceError(f"{what} has no {asked}; create it there, or correct the address")
        return SourceError(f"{what} refused to list {asked} with {said}", wait=reply.wait)


def strange(what: str) -> SourceError:
    """The failure of an answer that makes no sense."""
    return SourceError(f"{what} gave a list that cannot be understood; check that its address is an object store's")
