"""What looks, asks and writes: the workers, the poller and their helpers. An operator that only watches has none."""

import asyncio
import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from crossfade.model.snapshot import Platform
from crossfade.observe.asker import Asker
from crossfade.observe.foreseer import Foreseer
from crossfade.observe.poller import Poller
from crossfade.observe.rehearser import Rehearser
from crossfade.observe.resolver import Resolver
from crossfade.observe.scout import Scout
from crossfade.observe.turns import Turns
from crossfade.ports import Clock, Cluster, Metrics, Prober, Sources
from crossfade.settings import Settings
from crossfade.status.definitions import Definitions, Schemas
from crossfade.status.events import Events
from crossfade.status.patch import Statuses
from crossfade.watch.measurer import Measurer
from crossfade.watch.reconcile import Reconciler
from crossfade.watch.registrar import Registrar
from crossfade.watch.registries import Registries
from crossfade.watch.workers import Workers
from crossfade.watch.world import World

_jitter = random.SystemRandom().random


@dataclass(frozen=True)
class Outside:
    """What there is outside beside the cluster. `prometheuses` are by the names that Rollouts may use."""

    prometheuses: Mapping[str, Metrics]
    sources: Sources
    prober: Prober
    clock: Clock


class Office:
    """Put together anew for each time that it is open: it begins with nothing but the world, as after a restart."""

    def __init__(self, settings: Settings, world: World, cluster: Cluster, schemas: Schemas, outside: Outside) -> None:
        clock, prometheuses = outside.clock, outside.prometheuses
        platform = Platform(
            settings.loader_image,
            settings.mlflow_address,
            settings.hugging_face_address,
            settings.file_root,
            settings.allowed_networks,
            settings.pickle_policy,
        )
        self._world = world
        loop = asyncio.get_running_loop()
        self._definitions = Definitions(schemas, loop.time, world.look_again)
        statuses = Statuses(cluster, clock, self._definitions, world.absorb)
        turns = Turns(outside.sources, cluster)
        self._resolver = Resolver(turns, Measurer(cluster, settings.loader_image), clock, _jitter)
        self._asker = Asker(turns, clock)
        self._poller = Poller(prometheuses, clock, settings.metrics_interval, world.under_way, world.breach)
        self._foreseer = Foreseer(prometheuses, clock)
        self._scout = Scout(cluster, clock)
        self._rehearser = Rehearser(outside.prober, clock)
        self._registrar = Registrar(turns, clock, _jitter)
        reconciler = Reconciler(
            world,
            cluster,
            clock,
            platform,
            self._poller,
            self._resolver,
            self._foreseer,
            self._scout,
            self._rehearser,
            Events(cluster, socket.gethostname()),
            self._asker,
            Registries(world, clock, self._registrar, statuses),
            statuses,
        )
        self._workers = Workers(world.queue, reconciler.reconcile, loop.time)

    async def run(self) -> None:
        """Look at everything once, then at what changes, until cancelled. Raises what ended a part before."""
        self._world.look_anew()
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self._workers.run(), name="workers")
                parts.create_task(self._poller.run(), name="poller")
                parts.create_task(self._definitions.run(), name="definitions")
        finally:
            await self._registrar.close()
            await self._rehearser.close()
            await self._scout.close()
            await self._foreseer.close()
            await self._resolver.close()
            await self._asker.close()
