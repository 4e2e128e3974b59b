"""A rehearsal: which requests are sent through the gateways before users', and what came back."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Probe:
    """A GET of `path` at the host `host`, sent to `address`, or by gRPC a call of it with an empty message.

    `headers` are (name, value).
    The answer must name `revision` and `token` in its headers; with `token` None it must not name any token.
    `gateway` and `summary` say for people through which Gateway and for which stage.
    """

    gateway: str
    summary: str
    scheme: str
    address: str
    port: int
    host: str
    protocol: Literal["http", "grpc"]
    path: str
    headers: tuple[tuple[str, str], ...]
    token: str | None
    revision: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is to be tried. `key` changes with anything that could change the outcome.

    No `probes` means that the route is not acknowledged yet.
    """

    key: str
    probes: tuple[Probe, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a probe did not prove what it should. `reached` is False where no answer came that could tell anything."""

    probe: Probe
    fault: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The end of a rehearsal at `at` (unix seconds); without findings all was as it should be."""

    at: float
    findings: tuple[Finding, ...] = ()
