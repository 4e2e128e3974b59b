"""Unix seconds to RFC 3339 in UTC and back; microseconds survive."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=64)  # one look stamps its moment many times
def stamp(at: float) -> str:
    """`2026-01-31T12:00:00.000000Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def clock(at: float) -> str:
    """`12:00:00 UTC`, for sentences."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")


def moment(text: str) -> float:
    """Unix seconds of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()
