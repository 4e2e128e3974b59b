"""What a check says: how bad it is, what was seen, why that matters, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """From what is well to what is not; `UNSEEN` is what could not be looked at, which is never taken for well."""

    OK = "ok"
    UNSEEN = "unseen"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of a check, without a full stop. All but what is well has a cure: a command, or a field to set."""

    level: Level
    seen: str
    why: str = ""
    cure: str = ""


def ok(seen: str) -> Finding:
    """All is well with this."""
    return Finding(Level.OK, seen)


def unseen(seen: str, cure: str) -> Finding:
    """It could not be looked at."""
    return Finding(Level.UNSEEN, seen, "what was not looked at is not known to work", cure)


def warning(seen: str, why: str, cure: str) -> Finding:
    """It works, or may work, and somebody should look at it."""
    return Finding(Level.WARNING, seen, why, cure)


def fault(seen: str, why: str, cure: str) -> Finding:
    """It does not work."""
    return Finding(Level.FAULT, seen, why, cure)
