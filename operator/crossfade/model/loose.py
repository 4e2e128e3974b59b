"""Parts of what others wrote, of which nothing is certain: what is not as expected is as if it were not there."""

import re
from collections.abc import Mapping
from typing import Any, Final

_DIGITS: Final = re.compile(r"[0-9]{1,19}")


def text(value: object) -> str | None:
    """The value if it is a text with something in it."""
    return value if isinstance(value, str) and value else None


def count(value: object) -> int | None:
    """The number if it is a text of digits, and no longer than that of any bytes can be."""
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else None


def member(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The member of this name if it is an object, else an empty one."""
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def objects(listed: object) -> list[dict[str, Any]]:
    """The objects of a list; none of anything else."""
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
