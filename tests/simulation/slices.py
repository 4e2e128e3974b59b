"""The EndpointSlices of the fake world's backends, as Kubernetes keeps them: sooner or later they list who is ready."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World

End = tuple[str, str, float]
"""A pod behind a Service: the Service's name, the pod's, and when that was made, for another one may have its name."""


@dataclass
class Slices:
    """`ready` says since when each end should be listed, `listed` those that are. Who is not ready any more is not
    listed at once, but whoever is listed stays so while nobody follows: a controller that is away changes nothing."""

    ready: dict[End, float] = field(default_factory=dict)
    listed: set[End] = field(default_factory=set)
    known: frozenset[str] = frozenset()
    """Services of which there is a slice, be it an empty one."""

    def follow(self, world: "World") -> None:
        """The ready pods of each Service come in, each when its time has come."""
        backends = {service: name for service, name in world.backends().items() if name in world.revisions}
        due = {
            (service, f"{name}-{at}", world.revisions[name].born[at])
            for service, name in backends.items()
            for at in range(world.ready(name))
        }
        self.ready = {end: self.ready.get(end, world.now) for end in due}
        self.listed = {end for end in due if end in self.listed or world.now - self.ready[end] >= world.late(end)}
        self.known = frozenset(backends)

    def lists(self, service: str, name: str) -> frozenset[str]:
        """Names of the pods of a revision that the Service leads to."""
        return frozenset(pod for of, pod, _ in self.listed if of == service and pod.rpartition("-")[0] == name)
