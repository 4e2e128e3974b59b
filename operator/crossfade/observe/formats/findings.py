"""What was found in a pickle: what it would import, and how far it could be read."""

from dataclasses import dataclass, field
from typing import Final

from crossfade.observe.formats.known import is_known, may_exist
from crossfade.observe.formats.stream import BrokenError

_MOST: Final = 64
_LONGEST: Final = 200
UNTOLD: Final = "?.?"
"""An import whose name is not written in the pickle."""


@dataclass(slots=True)
class Findings:
    """Of one unpickler, or of several whose findings are put together. Names are `module.name`; the first of them."""

    known: dict[str, None] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)
    called: bool = False
    finished: bool = False
    problem: str | None = None
    doubtful: bool = False
    """Whether this reading most likely is not one that anybody does, and ends with a name that cannot be imported."""

    def imports(self, module: str, name: str) -> None:
        """It would import this. Raises BrokenError when it most likely cannot."""
        if self.doubtful and not is_known(module, name) and not may_exist(module, name):
            raise BrokenError("imports something that is not there")
        into = self.known if is_known(module, name) else self.unknown
        if len(into) < _MOST:
            into[f"{module}.{name}"[:_LONGEST]] = None

    def calls(self) -> None:
        """It would call something, or fill an object as its class says."""
        self.called = True

    def add(self, other: "Findings") -> None:
        """What another reading of the same bytes found, but for how it ended."""
        for into, more in ((self.known, other.known), (self.unknown, other.unknown)):
            for name in more:
                if len(into) < _MOST:
                    into[name] = None
        self.called |= other.called
