"""The address of a model's bytes on a Hugging Face Hub: `hf://<repo>@<commit>`, and which of its files are meant."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import parse_qsl, urlencode

from crossfade.ports import SourceError

_ADDRESS: Final = re.compile(r"hf://((?:\w[\w.-]*/)?\w[\w.-]*)@([0-9a-f]{40})(?:\?(.*))?", re.ASCII)
_LONGEST: Final = 2048


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A repository at a commit, with the patterns of the files that belong to the model."""

    repo: str
    commit: str
    allow: Sequence[str] = ()
    ignore: Sequence[str] = ()

    def __str__(self) -> str:
        pairs = [*(("allow", pattern) for pattern in self.allow), *(("ignore", pattern) for pattern in self.ignore)]
        return f"hf://{self.repo}@{self.commit}" + (f"?{urlencode(pairs)}" if pairs else "")

    def holds(self, path: str) -> bool:
        """Whether the file belongs to the model, as the Hub's own client decides it."""
        allowed = not self.allow or any(_matches(path, pattern) for pattern in self.allow)
        return allowed and not any(_matches(path, pattern) for pattern in self.ignore)

    def fits(self) -> bool:
        """Whether it is short enough to be recorded."""
        return len(str(self)) <= _LONGEST


def parsed(uri: str) -> HubAddress:
    """The address in a text. Raises SourceError."""
    found = _ADDRESS.fullmatch(uri)
    if found is None:
        raise SourceError(f"the address {uri[:256]!r} must be hf://<repo>@<commit of 40 hex digits>", retry=False)
    pairs = parse_qsl(found[3] or "")
    allow, ignore = (tuple(text for name, text in pairs if name == wanted) for wanted in ("allow", "ignore"))
    return HubAddress(found[1], found[2], allow, ignore)


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path, f"{pattern}*" if pattern.endswith("/") else pattern)
