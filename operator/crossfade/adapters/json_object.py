"""JSON of others."""

import json
from typing import Any


def json_object(content: bytes | str) -> dict[str, Any] | None:
    """The object that this is, None when it is none."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
