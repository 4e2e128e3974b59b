"""A file over HTTP that goes on where its connection broke: by ranges, of the very version that was begun."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import httpx

from crossfade.adapters.transfer import UnreadError, paced, source_errors, wait_of
from crossfade.model.loose import count
from crossfade.ports import FromStartError, Part, SourceError

_TRIES: Final = 5
"""So many connections in a row may bring nothing."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 10.0
"""Who asks for more is tried again by whoever wanted the file, if they have the time."""
_RANGE: Final = re.compile(r"bytes ([0-9]+)-[0-9]+/(?:[0-9]+|\*)")
_GENERATION: Final = "x-goog-generation"
_MOMENT_SECONDS: Final = 2.0
"""A file can be written again within the second that its Last-Modified names, and clocks round."""

Open = Callable[[Mapping[str, str]], AbstractAsyncContextManager[httpx.Response]]
"""Asks for the file with these headers besides. Raises SourceError."""


async def ranged(opened: Open, what: str, part: Part) -> AsyncGenerator[bytes]:
    """The bytes of this part. A connection that breaks after some of them is followed by another, which asks for the
    rest; one that brings none is the caller's affair. Raises SourceError, in which `what` is named, and FromStartError
    when the server gives the whole where a part was asked for."""
    reading, failed = _Reading(what, part), 0
    while True:
        before = reading.at
        try:
            async with aclosing(reading.once(opened)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except FromStartError:
            raise
        except SourceError as failure:
            failed = 0 if reading.at > before else failed + 1
            pause = max(_FIRST_PAUSE * 2**failed, failure.wait)
            if reading.at == part.start or not failure.retry or failed == _TRIES or pause > _LONGEST_PAUSE:
                raise
        else:
            return
        await asyncio.sleep(pause)


class _Reading:
    """How far a file was read, and of which version."""

    def __init__(self, what: str, part: Part) -> None:
        self._what, self._part = what, part
        self.at = part.start
        self._version: _Version | None = None

    async def once(self, opened: Open) -> AsyncGenerator[bytes]:
        """What one connection brings."""
        headers = self._headers()
        with source_errors(self._what):
            async with opened(headers) as response:
                self._begin(response, whole="Range" not in headers)
                async for chunk in paced(response):
                    self.at += len(chunk)
                    if self._part.end is not None and self.at > self._part.end:
                        raise self._from_start("its server gave more of it than was asked for")
                    yield chunk
        if self._part.end is not None and self.at < self._part.end:
            raise SourceError(f"{self._what} cannot be read: its server gave less of it than was asked for")

    def _headers(self) -> dict[str, str]:
        if self.at == 0 and self._part.end is None:
            return {}
        if self.at > self._part.start and self._version is None:
            raise self._from_start("its server does not say for certain by ETag or Last-Modified which version this is")
        last = "" if self._part.end is None else self._part.end - 1
        condition = {} if self._version is None else self._version.condition()
        return {"Range": f"bytes={self.at}-{last}", **condition}

    def _begin(self, response: httpx.Response, *, whole: bool) -> None:
        """Check that these are the bytes that were asked for."""
        status = response.status_code
        if status == 200 and not whole:
            raise self._from_start("its server gave the whole of it where a part was asked for, or it changed")
        if status != (200 if whole else 206):
            raise UnreadError(self._what, status, wait_of(response))
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not whole and (found is None or count(found[1]) != self.at):
            raise self._from_start("its server gave another part of it than was asked for")
        if self._version is None:
            self._version = _version(response.headers)
        elif response.headers.get(self._version.header) != self._version.value:
            raise self._from_start("it changed, or its server does not say that it did not")

    def _from_start(self, why: str) -> FromStartError:
        return FromStartError(f"{self._what} cannot be gone on with from byte {self.at}: {why}")


class _Version(NamedTuple):
    """What names the very bytes that a server gives: a header and its value."""

    header: str
    value: str

    def condition(self) -> dict[str, str]:
        """What asks for a part of these bytes alone; a generation is no validator of HTTP's."""
        return {} if self.header == _GENERATION else {"If-Range": self.value}


def _version(headers: httpx.Headers) -> _Version | None:
    """A strong ETag, else Google's generation, else when they were last modified; None when nothing is certain."""
    tag, generation = headers.get("ETag", ""), headers.get(_GENERATION, "")
    if tag.startswith('"'):
        return _Version("ETag", tag)
    if generation:
        return _Version(_GENERATION, generation)
    return _Version("Last-Modified", headers["Last-Modified"]) if _settled(headers) else None


def _settled(headers: httpx.Headers) -> bool:
    """Whether the file was last modified long enough before it was asked for (RFC 9110, 8.8.2.2)."""
    try:
        modified, now = (parsedate_to_datetime(headers.get(name, "")) for name in ("Last-Modified", "Date"))
        return (now - modified).total_seconds() >= _MOMENT_SECONDS
    except (TypeError, ValueError, OverflowError):  # none, no dates, or one with and one without a time zone
        return False
