"""One long-running program of a bed."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Daemon:
    """`argv` and `environment` (added to the first process's own) of the program known as `name`."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
