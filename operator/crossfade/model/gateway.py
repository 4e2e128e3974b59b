"""The Gateways that a Rollout's route has as parents, as last read, and what their class says it can."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listener:
    """A port of a Gateway; `hostname` is None where any host is served.

    `admits` is its `allowedRoutes.namespaces.from`, `kinds` what it lists of kinds of routes; None where it lists none.
    """

    name: str
    port: int
    protocol: str
    hostname: str | None = None
    admits: str = "All"
    kinds: frozenset[str] | None = None

    def takes(self, kind: str) -> bool:
        """Whether it takes routes of this kind, as far as it lists them."""
        return self.kinds is None or kind in self.kinds


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """A Gateway at `read_at` (unix seconds). `features` is None while its class publishes no list.

    `addresses` are those of its status, which its controller gives: the one that its class names. `trouble` says why
    nothing more is known, and `absent` that it, or its class, is not there.
    """

    namespace: str
    name: str
    read_at: float
    class_name: str = ""
    features: frozenset[str] | None = None
    addresses: tuple[str, ...] = ()
    listeners: tuple[Listener, ...] = ()
    trouble: str = ""
    absent: str = ""
    controller: str = ""

    def __str__(self) -> str:
        """Such as `Gateway gateways/public`."""
        return f"Gateway {self.namespace}/{self.name}"
