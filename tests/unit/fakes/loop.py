"""The whole loop on fakes, reconciled by hand until nothing is left to do, and the parts of Kubernetes that answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from crossfade.api.v1alpha1.modelversion import Source
from crossfade.model.access import Access
from crossfade.model.rehearsal import Probe
from crossfade.model.snapshot import Platform
from crossfade.observe.answers import DEFAULT
from crossfade.observe.asker import Asker
from crossfade.observe.foreseer import Foreseer
from crossfade.observe.poller import Poller
from crossfade.observe.rehearser import Rehearser
from crossfade.observe.resolver import Resolver
from crossfade.observe.scout import Scout
from crossfade.observe.turns import Turns
from crossfade.ports import (
    WHOLE,
    Answer,
    Part,
    ProbeError,
    RawSeries,
    Reference,
    Registry,
    SourceError,
    Sources,
    StoredFile,
    Volumes,
)
from crossfade.status.definitions import Definitions
from crossfade.status.events import Events
from crossfade.status.patch import Statuses
from crossfade.watch.listing import WATCHED
from crossfade.watch.queue import Key, WorkQueue
from crossfade.watch.reconcile import Reconciler
from crossfade.watch.registrar import Registrar
from crossfade.watch.registries import Registries
from crossfade.watch.world import World

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.objects import GATEWAY, GATEWAY_CLASS
from tests.unit.fakes.volumes import NoVolumes


class OneFile:
    """The Artifacts port: every model is one file that holds its own address."""

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """See ports.Artifacts."""
        return [StoredFile("model.json", len(uri))]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """See ports.Artifacts."""
        yield uri.encode()


class Given:
    """The Sources port: whatever the access, this registry and these artifacts. `opened` lists the accesses."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry: Registry = registry or NoRegistry()
        self.artifacts = OneFile()
        self.opened: list[Access | None] = []

    @asynccontextmanager
    async def open(self, access: Access | None) -> AsyncIterator["Given"]:
        """See ports.Sources."""
        self.opened.append(access)
        yield self


class NoRegistry:
    """The Registry port: none is configured."""

    async def resolve(self, source: Source) -> Reference:
        """See ports.Registry."""
        raise SourceError("no registry is configured")


class Silence:
    """The Metrics port: nothing was ever counted."""

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        """See ports.Metrics."""
        return ()


class Nobody:
    """The Prober port: no gateway answers."""

    async def ask(self, probe: Probe) -> Answer:
        """See ports.Prober."""
        raise ProbeError("nobody is there")


class Loop:
    """One process of the operator. Another Loop on the same cluster is the process after a restart."""

    def __init__(
        self,
        cluster: FakeCluster,
        clock: FakeClock,
        registry: Registry | None = None,
        volumes: Volumes | None = None,
        real: Sources | None = None,
    ) -> None:
        self.cluster, self.clock = cluster, clock
        self.sources = Given(registry)
        self.queue = WorkQueue(clock, lambda: 0.0)
        self.world = World(self.queue)
        self.poller = Poller({DEFAULT: Silence()}, clock, 5.0, self.world.under_way, self.world.breach)
        turns = Turns(real or self.sources, cluster)
        self.resolver = Resolver(turns, volumes or NoVolumes(), clock, lambda: 1.0)
        self.asker = Asker(turns, clock)
        self.foreseer = Foreseer({DEFAULT: Silence()}, clock)
        self.scout = Scout(cluster, clock)
        self.rehearser = Rehearser(Nobody(), clock)
        self.registrar = Registrar(turns, clock, lambda: 1.0)
        events = Events(cluster, "test")
        platform = Platform("crossfade:test")
        self.definitions = Definitions(cluster, clock, self.world.look_again)
        statuses = Statuses(cluster, clock, self.definitions, self.world.absorb)
        self.reconciler = Reconciler(
            self.world,
            cluster,
            clock,
            platform,
            self.poller,
            self.resolver,
            self.foreseer,
            self.scout,
            self.rehearser,
            events,
            self.asker,
            Registries(self.world, clock, self.registrar, statuses),
            statuses,
        )
        for one in (GATEWAY, GATEWAY_CLASS):
            if (one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) not in cluster.objects:
                cluster.create(one)
        self.watch()

    def watch(self) -> None:
        """Bring the cache up to what the cluster holds, deletions included."""
        for kind in {kind.kind for kind in WATCHED}:
            listed = [raw for (other, _, _), raw in self.cluster.objects.items() if other == kind]
            self.world.replace(kind, None, listed, version=10**9)

    async def step(self) -> bool:
        """Reconcile the next due key; whether there was one. Raises what the reconcile raises."""
        taken = self.queue.take()
        if taken is None:
            return False
        key: Key = taken[0]
        try:
            again = await self.reconciler.reconcile(key)
        finally:
            self.queue.done(key)
        if again is not None:
            self.queue.add(key, delay=again)
        return True

    async def settle(self, *, registries: bool = True) -> None:
        """Reconcile and let Kubernetes answer until neither has anything to do at this moment of the clock; without
        `registries` nobody waits for what is asked of those or told to them."""
        while True:
            worked = False
            while await self.step():
                worked = True
            attempts = [job.task for job in self.resolver._jobs.values() if job.task is not None]
            if registries:
                attempts += [job.task for job in self.registrar._jobs.values() if job.task is not None]
            attempts += self.scout._tasks.values()
            attempts += [job.task for job in self.asker._jobs.values()]
            await asyncio.gather(*attempts)
            answered = answer(self.cluster)
            self.watch()
            if not (worked or attempts or answered):
                return


def answer(cluster: FakeCluster) -> bool:
    """What controllers, kubelet and gateway do: ready pods, slices that list them, accepted routes. Whether they did
    anything."""
    before = cluster.version
    for (kind, _, name), raw in list(cluster.objects.items()):
        if kind == "Deployment":
            for number in range(raw["spec"]["replicas"]):
                _ensure(cluster, _pod(raw, f"{name}-{number}"))
        if kind == "HTTPRoute":
            generation = raw["metadata"]["generation"]
            said = [
                {"type": kind, "status": "True", "observedGeneration": generation}
                for kind in ("Accepted", "ResolvedRefs")
            ]
            parents = [{"parentRef": ref, "conditions": said} for ref in raw["spec"]["parentRefs"]]
            if raw.get("status") != {"parents": parents}:
                cluster.create({**raw, "status": {"parents": parents}}, generation=0)
    for raw in [one for (kind, _, _), one in cluster.objects.items() if kind == "Service"]:
        ends = _slice(cluster, raw)
        known = cluster.objects.get(("EndpointSlice", ends["metadata"]["namespace"], ends["metadata"]["name"]))
        if known is None or known["endpoints"] != ends["endpoints"]:
            cluster.create(ends)
    return cluster.version != before


def _pod(deployment: dict[str, Any], name: str) -> dict[str, Any]:
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "ownerReferences": [{"kind": "ReplicaSet", "uid": f"{name}-set", "controller": True}],
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def _slice(cluster: FakeCluster, service: dict[str, Any]) -> dict[str, Any]:
    """With the Service's labels, of the pods that it selects; they are all ready."""
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    pods = [one["metadata"] for (kind, space, _), one in cluster.objects.items() if (kind, space) == ("Pod", namespace)]
    behind = [pod["name"] for pod in pods if service["spec"]["selector"].items() <= pod["labels"].items()]
    labels = {**service["metadata"].get("labels", {}), "kubernetes.io/service-name": name}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-x", "namespace": namespace, "labels": labels},
        "endpoints": [{"targetRef": {"kind": "Pod", "name": one}} for one in behind],
    }


def _ensure(cluster: FakeCluster, body: dict[str, Any]) -> None:
    if (body["kind"], body["metadata"]["namespace"], body["metadata"]["name"]) not in cluster.objects:
        cluster.create(body)
