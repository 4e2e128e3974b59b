"""What a registry is told of rollouts: what Rollouts have come to, and the single writes that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from crossfade.api.conditions import Reason

Role = Literal["champion", "challenger"]


@dataclass(frozen=True, slots=True)
class Registered:
    """A version of a model, by the registry's own names and its own address, and the mvd1 digest of its bytes."""

    model: str
    version: str
    digest: str
    uri: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a rollout ended. `what` is the registered version that it was of, None for what is not in the registry, or
    not there any more. `at` is RFC 3339."""

    what: Registered | None
    result: str
    cause: str
    message: str
    revision: str
    at: str


@dataclass(frozen=True, slots=True)
class Told:
    """What one Rollout, by namespace and name, has to say to a registry; `ends` are all that it knows of,
    newest first."""

    rollout: str
    stable: Registered | None
    candidate: Registered | None
    ends: tuple[Ended, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """Let an alias mean a version."""

    model: str
    role: Role
    alias: str
    version: str

    def __str__(self) -> str:
        """For people."""
        return f"alias {self.alias} of {self.model} to version {self.version}"


@dataclass(frozen=True, slots=True)
class Release:
    """Take an alias away, if it still means this version."""

    model: str
    role: Role
    alias: str
    version: str

    def __str__(self) -> str:
        """For people."""
        return f"alias {self.alias} of {self.model} away from version {self.version}"


@dataclass(frozen=True, slots=True)
class Stage:
    """Let a version be in a stage, and the one that was given it `before` be archived, if it is in it still."""

    model: str
    stage: str
    version: str
    before: str | None = None

    def __str__(self) -> str:
        """For people."""
        return f"stage {self.stage} of {self.model} to version {self.version}"


@dataclass(frozen=True, slots=True)
class Tag:
    """Write down beside a version how its rollout ended, and leave what others wrote there. `record` has it by plain
    names, such as `outcome`; `fingerprint` is of it, `at` is when the rollout ended."""

    model: str
    version: str
    record: Mapping[str, str] = field(hash=False)
    fingerprint: str
    at: str

    def __str__(self) -> str:
        """For people."""
        return f"outcome to version {self.version} of {self.model}"


@dataclass(frozen=True, slots=True)
class Approve:
    """Let the version at this address be approved, or rejected, because of `why`; `fingerprint` is of both but for the
    address of the evidence, `at` is when the rollout ended."""

    model: str
    version: str
    uri: str
    approved: bool
    why: str
    fingerprint: str
    at: str

    def __str__(self) -> str:
        """For people."""
        return f"{'approval' if self.approved else 'rejection'} of version {self.version} of {self.model}"


Deed = Point | Release | Stage | Tag | Approve


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one try at unix second `at`. `reached` is how the registry was found, None where it was not, and
    `error` then says why. `done` was acknowledged; `refused` says why something else was not; `doubted` was under way
    when it broke off, and may have been taken. The next try is `within` so many seconds."""

    at: float
    reached: Reason | None
    error: str = ""
    done: tuple[Deed, ...] = ()
    refused: str = ""
    within: float = 0.0
    doubted: Deed | None = None
