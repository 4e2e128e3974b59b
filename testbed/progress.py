"""How the testbed says what it is doing."""

from collections.abc import Callable

Progress = Callable[[str], None]
"""Takes one line of text, without a newline, each time something worth telling happens."""


def silent(_line: str) -> None:
    """Say nothing."""
