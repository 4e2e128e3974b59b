"""What is repeated of a server's own words for a failure: they may hold what it was sent, which is secret."""

import re
from typing import Final

_CODE: Final = re.compile(r"[A-Za-z]{1,64}|[A-Z_]{1,64}")
_WORD: Final = re.compile(r"[(\"']?[A-Za-z]{1,20}[)\"'.,:;!?]{0,2}")
_REGION: Final = re.compile(r"[a-z]{2,10}(-[a-z0-9]{1,12}){1,4}")


def code(told: object) -> str:
    """A server's name for why, such as `AccessDenied` or `RESOURCE_DOES_NOT_EXIST`; empty where it is no such name."""
    return told if isinstance(told, str) and _CODE.fullmatch(told) else ""


def region(told: str) -> str:
    """A region, such as `eu-central-1`; empty where it is none."""
    return told if _REGION.fullmatch(told) else ""


def words(told: str) -> str:
    """A sentence with `…` for all in it that is no plain word."""
    return " ".join(word if _WORD.fullmatch(word) else "…" for word in told.split())
