"""Start and stop: the world is listed first, then all parts run side by side until one ends or a signal comes."""

import asyncio
import logging
import random
import signal
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from math import inf
from uuid import uuid4

from crossfade.adapters.clock import elapsed
from crossfade.adapters.kube import KubeCluster
from crossfade.adapters.kube_client import login
from crossfade.adapters.kube_lease import KubeLease
from crossfade.adapters.kube_schemas import KubeSchemas
from crossfade.ports import Cluster
from crossfade.settings import Settings
from crossfade.telemetry.metrics import LEADING
from crossfade.watch.election import ANSWER_SECONDS, Election
from crossfade.watch.fence import Fence
from crossfade.watch.handlers import watch
from crossfade.watch.health import serve_health
from crossfade.watch.listing import Listing
from crossfade.watch.office import Office, Outside
from crossfade.watch.queue import WorkQueue
from crossfade.watch.tenure import Tenure
from crossfade.watch.terms import stand
from crossfade.watch.world import World

log = logging.getLogger(__name__)

_jitter = random.SystemRandom().random


class Operator:
    """The operator, put together of its parts. `run` returns after SIGTERM or SIGINT, within two seconds."""

    def __init__(self, settings: Settings, cluster: KubeCluster, outside: Outside) -> None:
        self._settings = settings
        self._cluster = cluster
        self._outside = outside
        self._world = World(WorkQueue(asyncio.get_running_loop().time, _jitter))
        self._listing = Listing(cluster, self._world, settings.namespaces)

    async def run(self) -> None:
        """Serve until a signal comes. Raises what ended a part of the operator before."""
        async with _signalled() as stop, serve_health(self._settings.health_port, self._listing.complete):
            if await _first(stop, self._listing.load_first()):
                log.info("the world is known, %d objects are to be looked at", len(self._world.queue))
                await self._serve(stop)
        log.info("stopped")

    async def _lead(self) -> None:
        """Look and write: always when alone, else while this replica holds the lease."""
        tenure = Tenure(elapsed)
        LEADING.set_function(lambda: float(tenure.left > 0))
        if self._settings.lease is None:
            tenure.extend(inf)
            await self._term(self._cluster)
            return
        namespace, name = self._settings.lease.split("/")
        store = KubeLease(self._cluster, namespace, name, ANSWER_SECONDS)
        candidate = f"{socket.gethostname()}_{uuid4().hex[:8]}"  # a container that is started again is somebody else
        election = Election(store, candidate, tenure, elapsed, self._outside.clock)
        fence = Fence(self._cluster, tenure)
        await stand(election, tenure, fence, lambda: self._term(fence))

    async def _term(self, cluster: Cluster) -> None:
        """Look and write, beginning with the world as it is."""
        await self._listing.renew()
        await Office(self._settings, self._world, cluster, KubeSchemas(self._cluster), self._outside).run()

    async def _serve(self, stop: asyncio.Event) -> None:
        """The office opens before kopf, which at its end waits for and cancels whatever was started after it."""
        kopf_runs = asyncio.Event()
        parts = [
            asyncio.create_task(part, name=name)
            for name, part in (
                ("office", self._lead()),
                ("audit", self._listing.audit()),
                ("kinds", self._listing.until_kinds_come()),
                ("stop", _until(stop, kopf_runs)),
                ("watch", self._watch(kopf_runs, stop)),
            )
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts[:-1]:
                part.cancel()
            stop.set()  # kopf ends by its flag; cancelled, it would wait for its own grace period
            await asyncio.wait(parts, timeout=1.5)
            parts[-1].cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        watching = parts[-1]
        if watching in done and watching.exception() and await self._listing.lost_what_was_watched():
            log.warning(
                "a kind of the Gateway API went that was watched: the operator ends, to begin with what is there"
            )
            return
        for part in done:
            part.result()

    async def _watch(self, kopf_runs: asyncio.Event, stop: asyncio.Event) -> None:
        namespaces, relisted = self._settings.namespaces, self._listing.relisted
        await watch(self._world, lambda: login(self._cluster.client), relisted, namespaces, kopf_runs, stop)


async def _first(stop: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Do `work` unless `stop` comes first; whether it was done."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    return False


async def _until(stop: asyncio.Event, kopf_runs: asyncio.Event) -> None:
    """Wait for `stop`. Signals are taken back from kopf, which would end itself but wait 5 s for our own parts."""
    await kopf_runs.wait()
    _take_signals(stop)
    await stop.wait()


def _take_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


@asynccontextmanager
async def _signalled() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    _take_signals(stop)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
