"""The address of a model in a Git repository: `git+https://<host>/<repository>@<commit>#<path>`."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from crossfade.model.manifest import safe_path
from crossfade.ports import SourceError

SCHEMES: Final = ("git+http", "git+https")
_ADDRESS: Final = re.compile(r"git\+(https?://[^@#]+)@([0-9a-f]{40})#(.+)", re.ASCII)
_LONGEST: Final = 2048


@dataclass(frozen=True, slots=True)
class GitAddress:
    """A repository at a commit, and the path of a model in it."""

    repository: str
    commit: str
    path: str

    def __str__(self) -> str:
        return f"git+{self.repository}@{self.commit}#{quote(self.path)}"

    def fits(self) -> bool:
        """Whether it is short enough to be recorded."""
        return len(str(self)) <= _LONGEST


def parsed(uri: str, repository: str) -> GitAddress:
    """The address in a text, which must be of this repository. Raises SourceError."""
    found = _ADDRESS.fullmatch(uri)
    if found is None or found[1] != repository:
        raise SourceError(f"the address {uri[:256]!r} must be git+{repository}@<commit>#<path>", retry=False)
    path = unquote(found[3])
    try:
        safe_path(path)
    except ValueError:
        raise SourceError(f"the path in {uri[:256]!r} must be relative, without `..`", retry=False) from None
    return GitAddress(found[1], found[2], path)
