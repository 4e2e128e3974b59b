"""What every source of programs has in common."""

import hashlib
from pathlib import Path
from typing import Protocol

from testbed.binaries.catalogue import Tool
from testbed.errors import TestbedError
from testbed.progress import Progress

_BLOCK = 1 << 20


class NotHereError(Exception):
    """This source does not have the tool; the message is the reason, for a list of reasons."""


class Source(Protocol):
    """One place that programs come from."""

    name: str

    def fetch(self, tool: Tool, into: Path, progress: Progress) -> None:
        """Put the tool's verified programs into the empty folder `into`.

        Raises NotHereError when the next source should be asked, TestbedError when what came is not what was wanted.
        """


def sha256(path: Path) -> str:
    """The SHA-256 sum of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def verify(path: Path, wanted: str, what: str) -> None:
    """Raise TestbedError unless the file's SHA-256 sum is `wanted`."""
    found = sha256(path)
    if found != wanted:
        raise TestbedError(f"{what} has SHA-256 {found} instead of {wanted}; remove it and fetch it anew")
