"""Bytes that come in pieces, for a reader that is written as if all of them were there: a generator that yields when it
wants more."""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Pull = Generator[None, None, T]
MOST_LINE = 4096
"""Bytes of a line that are read; no name is longer."""


class BrokenError(Exception):
    """The bytes are not what they began as. The message goes on after "it "."""


class SpentError(BrokenError):
    """There were more steps to take than are allowed."""


class Budget:
    """How many steps may be taken for all files of a model together."""

    def __init__(self, steps: int) -> None:
        self._given = self._left = steps

    def spend(self, steps: int = 1) -> None:
        """Raise SpentError when there are none left."""
        self._left -= steps
        if self._left < 0:
            raise SpentError(f"takes more than {self._given} steps to read, with what was read before it")


class Stream:
    """The bytes that came and were not read yet: `piece` from `at` on."""

    __slots__ = ("_given", "at", "ended", "piece")

    def __init__(self) -> None:
        self.piece, self.at, self.ended, self._given = b"", 0, False, 0

    @property
    def position(self) -> int:
        """How many bytes were read."""
        return self._given - len(self.piece) + self.at

    def give(self, piece: bytes) -> None:
        """The next bytes."""
        self.piece = self.piece[self.at :] + piece if self.at < len(self.piece) else piece
        self.at = 0
        self._given += len(piece)

    def more(self) -> Pull[bool]:
        """Whether there is another byte."""
        while self.at >= len(self.piece):
            if self.ended:
                return False
            yield
        return True

    def take(self, count: int) -> Pull[bytes]:
        """So many bytes, which should be few: they are held. Raises BrokenError when there are not so many."""
        while len(self.piece) - self.at < count:
            if self.ended:
                raise BrokenError("ends in the middle")
            yield
        self.at += count
        return self.piece[self.at - count : self.at]

    def skip(self, count: int) -> Pull[None]:
        """Pass over so many bytes, which may be many. Raises BrokenError when there are not so many."""
        while count > 0:
            if not (yield from self.more()):
                raise BrokenError("ends in the middle")
            step = min(count, len(self.piece) - self.at)
            self.at += step
            count -= step

    def line(self) -> Pull[bytes | None]:
        """Up to the next line break, without it; None for a long one. Raises BrokenError when there is no break."""
        passed, searched = 0, 0
        while (end := self.piece.find(b"\n", self.at + searched)) < 0:
            searched = len(self.piece) - self.at
            if self.ended:
                raise BrokenError("has a line without an end")
            if searched > MOST_LINE:
                passed, searched, self.at = passed + searched, 0, len(self.piece)
            yield
        start, self.at = self.at, end + 1
        return self.piece[start:end] if passed + end - start <= MOST_LINE else None
