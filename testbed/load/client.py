"""What the generator needs of a protocol: something that sends one body and says what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from testbed.load.verdict import Blame


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request; the fields are those of a Sample."""

    status: int | None = None
    arm: str | None = None
    blame: Blame | None = None
    error: str | None = None


class Client(Protocol):
    """Requests to one address; any number of them at once."""

    async def open(self) -> None:
        """Called once, before the first request."""

    async def send(self, body: bytes) -> Answer:
        """Send one request and wait for the end of its answer; a failed one is an Answer too."""
        ...

    async def close(self) -> None:
        """Called once, after the last answer."""
