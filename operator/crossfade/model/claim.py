"""What routes and Rollouts ask of Gateways: who is to get the requests with one host and path."""

from dataclasses import dataclass
from typing import NamedTuple


class Wanted(NamedTuple):
    """Requests that only one route can get: behind one Gateway, with one host, of one path or gRPC call.

    `host` is empty for any. Among these the Gateway API knows no more special one, so the elder route gets them all.
    """

    namespace: str
    gateway: str
    host: str
    kind: str
    path: str

    def __str__(self) -> str:
        """Such as `fraud.example.com with PathPrefix /`."""
        return f"{self.host or 'any host'} with {self.kind} {self.path}"


class Door(NamedTuple):
    """Through which listeners of the Gateway; None for all. `leads_on` is whether requests are not answered there,
    but led to another listener."""

    section: str | None
    port: int | None
    leads_on: bool = False

    def meets(self, other: "Door") -> bool:
        """Whether some listener may be meant by both."""
        return all(None in pair or pair[0] == pair[1] for pair in zip(self[:2], other[:2], strict=True))

    def has_all_of(self, other: "Door") -> bool:
        """Whether every listener that the other means is meant here."""
        return all(mine in (None, its) for mine, its in zip(self[:2], other[:2], strict=True))


@dataclass(frozen=True, slots=True, order=True)
class Rank:
    """Who comes first, smallest first: what is in a route before what is only asked for, then as the Gateway API has
    it, the elder (`since`, as in `creationTimestamp`) and then the name."""

    asked_only: bool
    since: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Rival:
    """Another route, or a Rollout that has none yet, that comes first for what this Rollout wants."""

    kind: str
    namespace: str
    name: str
    wanted: Wanted

    def __str__(self) -> str:
        """Such as `HTTPRoute team-a/fraud`."""
        return f"{self.kind} {self.namespace}/{self.name}"
