"""The pods behind the fake world's Service, as Kubernetes knows them: labels, selector, EndpointSlices."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from crossfade.api import meta
from crossfade.decide.plan import Label
from crossfade.model.route import RouteFacts
from crossfade.observe.routes import read_entry

from tests.simulation.revision import Revision

if TYPE_CHECKING:
    from tests.simulation.world import World

Json = dict[str, Any]


@dataclass
class Members:
    """Which pods have the label, each by when it was made: another pod of its name has not. `listed` are the ready
    endpoints as last told."""

    labelled: dict[str, float] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()

    def label(self, one: Label, revisions: Mapping[str, Revision]) -> None:
        """The pod's label is set or taken away; a pod that is gone is fine."""
        self.labelled.pop(one.name, None)
        name, _, at = one.name.rpartition("-")
        found = revisions.get(name)
        if one.serves and found is not None and int(at) < found.replicas:
            self.labelled[one.name] = found.born[int(at)]

    def serves(self, name: str, at: int, revision: Revision) -> bool:
        """Whether this pod has the label."""
        return self.labelled.get(f"{name}-{at}") == revision.born[at]

    def behind(self, service: Json, ready: Mapping[str, int], revisions: Mapping[str, Revision]) -> Iterator[str]:
        """Names of the ready pods that the Service selects; of each revision the first ones are ready."""
        alone = service["spec"]["selector"].get(meta.LABEL_REVISION)
        for name, revision in revisions.items():
            for at in range(ready[name]):
                if alone == name or (alone is None and self.serves(name, at, revision)):
                    yield f"{name}-{at}"

    def follow(self, world: "World", service: Json) -> None:
        """The EndpointSlices follow the Service, and the nodes follow them."""
        ready = {name: world.ready(name) for name in world.revisions}
        behind = frozenset(self.behind(service, ready, world.revisions))
        if world.now - world.route_written_at >= world.ack_seconds:
            self.listed = behind
        if world.now - world.route_written_at >= world.serve_seconds:
            served = {name: sum(pod.rpartition("-")[0] == name for pod in behind) for name in world.revisions}
            world.served = {name: pods for name, pods in served.items() if pods} or world.served

    def facts(self, world: "World", service: Json) -> RouteFacts:
        """The Service as the operator sees it; the writes so far stand for its version."""
        self.follow(world, service)
        version = {"resourceVersion": str(world.route_generation), "namespace": "ml"}
        stored = {**service, "metadata": {**service["metadata"], **version}}
        slices = [{"endpoints": [{"targetRef": {"kind": "Pod", "name": name}} for name in sorted(self.listed)]}]
        known = world.status.route.generation if world.status.route else None
        revisions = {name: world.facts_of(name) for name in world.revisions}
        return replace(read_entry(stored, slices, revisions, known), ours=world.ours)
