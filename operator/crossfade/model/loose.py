"""Parts of what others wrote, of which nothing is certain: what is not as expected is as if it were not there."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from crossfade.model.moments import stamp

_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_MOMENT: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?"
    r"(?:Z|[-+](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_YEAR_10000: Final = 253_402_300_799


def text(value: object) -> str | None:
    """The value if it is a text with something in it."""
    return value if isinstance(value, str) and value else None


def count(value: object) -> int | None:
    """The number if it is a text of digits, and no longer than that of any bytes can be."""
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else None


def plain(value: object) -> str | None:
    """A text as it is, the JSON of anything else, and None of nothing."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError):
        return None


def moment(value: object) -> str | None:
    """The value if it is a time (RFC 3339) that there is: the API server refuses the 30th of February."""
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    try:
        datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return found[0]


def at(seconds: object) -> str | None:
    """The time (RFC 3339) of Unix seconds that are a number; None before 1970 and after the year 9999."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return stamp(seconds) if 0 < seconds < _YEAR_10000 else None


def member(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The member of this name if it is an object, else an empty one."""
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def objects(listed: object) -> list[dict[str, Any]]:
    """The objects of a list; none of anything else."""
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
