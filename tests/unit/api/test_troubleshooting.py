"""Would catch a reason that a user meets and finds nowhere, or an answer to one that no status shows any more."""

import re
from pathlib import Path

from crossfade.api.conditions import Reason

PAGE = (Path(__file__).parents[3] / "docs" / "troubleshooting.md").read_text()
ROWS = re.findall(r"^\| `([A-Z]\w+)` \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)


def test_every_reason_has_its_meaning_and_what_to_do() -> None:
    """GitOps property 8."""
    assert [(name, meaning) for name, meaning, _ in ROWS] == [(one.value, one.meaning) for one in Reason]
