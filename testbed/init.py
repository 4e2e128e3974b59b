"""The first process of a bed: it makes the network, starts every server, and ends with all of them.

    python -m testbed.init FOLDER LINE

FOLDER is the bed's folder, LINE the number of the file descriptor of its end of the leash (see testbed.leash). It
runs as process 1 of a PID namespace of its own, so the kernel ends everything in the bed when it ends.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

import httpx

from testbed import gateway_api, network
from testbed.cluster import ClusterClient, answers, exists, has_condition, plain_client
from testbed.control import serve_orders
from testbed.daemons import control_plane, gateway, mlflow, node, prometheus
from testbed.errors import TestbedError
from testbed.layout import Layout, Plan
from testbed.leash import BedEnd
from testbed.supervisor import Supervisor

_SECONDS = 60.0  # for each part of the start: far more than a slow machine needs


class Start:
    """Brings one bed up, all parts side by side, in the order of what needs what."""

    def __init__(self, layout: Layout, leash: BedEnd, supervisor: Supervisor) -> None:
        self._layout = layout
        self._plan = Plan.read(layout.plan)
        self._leash = leash
        self._supervisor = supervisor
        self._began = time.monotonic()

    async def run(self) -> None:
        """Return when everything can be used; raises TestbedError."""
        network.create()
        network.name_hosts(self._layout.hosts)
        self._supervisor.start(control_plane.etcd(self._plan, self._layout))
        control_plane.write_credentials(self._layout)
        self._supervisor.start(control_plane.api_server(self._plan, self._layout))
        pki = self._layout.pki
        async with (
            ClusterClient(pki / "ca.crt", pki / "admin.crt", pki / "admin.key") as cluster,
            plain_client() as http,
            asyncio.TaskGroup() as parts,
        ):
            parts.create_task(self._mlflow(http))
            await answers(cluster.http, "/readyz", _SECONDS)
            self._tell("API server ready")
            self._supervisor.start(control_plane.controller_manager(self._plan, self._layout))
            parts.create_task(self._gateway(cluster, http))
            parts.create_task(self._prometheus(http))
            parts.create_task(self._node(cluster))
            parts.create_task(self._controllers(cluster))

    async def _gateway(self, cluster: ClusterClient, http: httpx.AsyncClient) -> None:
        await gateway_api.define(cluster, _SECONDS)
        self._supervisor.start(gateway.traefik(self._plan, self._layout))
        await gateway_api.create_gateway(cluster)
        await gateway_api.programmed(cluster, _SECONDS)
        await answers(http, gateway.READY, _SECONDS)
        self._tell("Gateway programmed")

    async def _prometheus(self, http: httpx.AsyncClient) -> None:
        self._supervisor.start(prometheus.prometheus(self._plan, self._layout))
        await answers(http, prometheus.READY, _SECONDS)
        self._tell("Prometheus ready")

    async def _node(self, cluster: ClusterClient) -> None:
        self._supervisor.start(control_plane.scheduler(self._plan, self._layout))
        if node.available():
            self._supervisor.start(node.kubelet(self._layout))
            await cluster.wait("/api/v1/nodes", node.NODE, has_condition("Ready"), _SECONDS)
            self._tell("Node ready")

    async def _controllers(self, cluster: ClusterClient) -> None:
        await cluster.wait("/api/v1/namespaces/default/serviceaccounts", "default", exists, _SECONDS)
        self._tell("controllers at work")

    async def _mlflow(self, http: httpx.AsyncClient) -> None:
        if self._plan.mlflow is not None:
            self._supervisor.start(mlflow.mlflow(Path(self._plan.mlflow), self._layout))
            await answers(http, mlflow.READY, _SECONDS)
            self._tell("MLflow ready")

    def _tell(self, what: str) -> None:
        self._leash.tell(f"{what} after {time.monotonic() - self._began:.1f} s")


async def _live(layout: Layout, leash: BedEnd) -> None:
    """Bring the bed up, then wait to be ended."""
    supervisor = Supervisor(layout.logs)
    broken = asyncio.create_task(leash.broken())
    start = asyncio.create_task(Start(layout, leash, supervisor).run())
    await asyncio.wait({start, broken, supervisor.failed}, return_when=asyncio.FIRST_COMPLETED)
    if supervisor.failed.done():
        supervisor.failed.result()
    if broken.done():
        return
    start.result()
    supervisor.settle()
    async with await serve_orders(layout.control, supervisor):
        leash.ready()
        await broken


def _sentence(failure: BaseException) -> str:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return str(failure) if isinstance(failure, TestbedError) else f"{type(failure).__name__}: {failure}"


def main(arguments: list[str]) -> None:
    """Live until the leash breaks or a signal ends it."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # the default does nothing for process 1
    leash = BedEnd(socket.socket(fileno=int(arguments[1])))
    try:
        asyncio.run(_live(Layout(Path(arguments[0])), leash))
    except* Exception as failure:
        leash.failed(_sentence(failure))
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
