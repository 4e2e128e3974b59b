"""What is done in the background and failed: when it is tried again, and how a fault of ours is noted."""

from collections.abc import Callable
from logging import Logger
from traceback import format_tb

_LONGEST_REST_SECONDS = 300.0
_MOST_DOUBLINGS = 30
"""More of them would not fit a float some day, and five minutes are reached long before."""


def rest_after(failures: int) -> float:
    """Seconds: 1 after the first failure, doubling to 5 min."""
    return min(2.0 ** min(failures - 1, _MOST_DOUBLINGS), _LONGEST_REST_SECONDS)


def spread(seconds: float, jitter: Callable[[], float]) -> float:
    """Less up to a half at random, so that who failed together does not ask together; `jitter` is from 0 to 1."""
    return seconds * (1.0 - jitter() / 2.0)


def note_fault(log: Logger, what: str, fault: Exception) -> None:
    """Log where it happened, and not what the error says: libraries repeat what they were given."""
    where = "".join(format_tb(fault.__traceback__))
    log.error("%s failed: %s at\n%s", what, type(fault).__name__, where)
