"""What was found in files, put together in few bytes."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from crossfade.api.v1alpha1.facts import Signature

_MOST: Final = 64
MOST_FILES: Final = 128
_MOST_TOLD: Final = 512


class Verdict(IntEnum):
    """How far the pickles of a model may be trusted, the worst last."""

    SAFE = 0
    KNOWN = 1
    UNREADABLE = 2
    UNSAFE = 3


@dataclass(slots=True)
class Report:
    """Of a file, or of all files of a model."""

    formats: set[str] = field(default_factory=set)
    verdict: Verdict = Verdict.SAFE
    suspects: dict[str, list[str]] = field(default_factory=dict)
    """What each file would import, by its path; those inside of others after a `!`."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Why a file could not be read, as a sentence goes on after its path."""
    signature: Signature | None = None
    """What goes into the file and what comes out, where it says so."""

    _told: int = 0

    def imports(self, path: str, name: str) -> None:
        """The file would import this."""
        self.verdict = Verdict.UNSAFE
        if path in self.suspects or len(self.suspects) < MOST_FILES:
            names = self.suspects.setdefault(path, [])
            if name not in names and (not names or (len(names) < _MOST and self._told < _MOST_TOLD)):
                names.append(name)
                self._told += 1

    def tell(self, path: str, verdict: Verdict, sentence: str) -> None:
        """The file is so."""
        self.verdict = max(self.verdict, verdict)
        if verdict is Verdict.UNREADABLE and len(self.unreadable) < MOST_FILES:
            self.unreadable.setdefault(path, sentence)

    def add(self, other: "Report") -> None:
        """What another one says."""
        self.formats |= other.formats
        self.verdict = max(self.verdict, other.verdict)
        for path, names in other.suspects.items():
            for name in names:
                self.imports(path, name)
        for path, sentence in other.unreadable.items():
            self.tell(path, Verdict.UNREADABLE, sentence)
