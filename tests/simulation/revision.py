"""One revision of the fake world, and what Kubernetes' own controllers do with it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Revision:
    """A fake Deployment with its Service, autoscaler, budget and pods: `born` says when each was made."""

    arm: tuple[str, str]
    born: list[float]
    created_at: float
    deployment: dict[str, Any]
    service: dict[str, Any] | None = None
    autoscaler: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None
    good: float = 0.0
    bad: float = 0.0
    samples: tuple[list[tuple[float, float]], list[tuple[float, float]]] = field(default_factory=lambda: ([], []))

    @property
    def replicas(self) -> int:
        """Pods that it should have."""
        return len(self.born)

    def scale(self, replicas: int, now: float) -> None:
        """The newest pods go first."""
        self.born = [*self.born, *[now] * (replicas - len(self.born))][:replicas]

    def autoscale(self, load: int, now: float) -> None:
        """What a HorizontalPodAutoscaler does when the load takes so many pods; without an opinion, 0, its bounds."""
        if self.autoscaler is not None:
            asked = self.autoscaler["spec"]
            self.scale(min(max(load or self.replicas, asked["minReplicas"]), asked["maxReplicas"]), now)
