"""From a starting API server to a cluster that can be used, all parts side by side, in the order of what needs what."""

import asyncio
import time
from pathlib import Path

import httpx

from testbed import address, gateway_api
from testbed.binaries.debian_root import DebianRoot
from testbed.cluster import ClusterClient, answers, exists, has_condition, listens, listens_at, plain_client, takes_pods
from testbed.daemons import control_plane, gateway, mlflow, node, prometheus, real_node
from testbed.layout import Layout, Plan
from testbed.leash import BedEnd
from testbed.node import images
from testbed.node.config import SOCKET
from testbed.supervisor import Supervisor

_SECONDS = 240.0  # for each part: MLflow takes 16 alone, and was seen to take over 60 beside other work


class BringUp:
    """Starts one bed's servers but etcd and the API server, and waits for all."""

    def __init__(self, layout: Layout, plan: Plan, leash: BedEnd, supervisor: Supervisor) -> None:
        self._layout = layout
        self._plan = plan
        self._leash = leash
        self._supervisor = supervisor
        self._began = time.monotonic()

    async def run(self) -> None:
        """Return when everything can be used; raises TestbedError."""
        pki = self._layout.pki
        async with (
            ClusterClient(pki / "ca.crt", pki / "admin.crt", pki / "admin.key") as cluster,
            plain_client() as http,
            asyncio.TaskGroup() as parts,
        ):
            parts.create_task(self._mlflow(http))
            await listens(address.HOST, address.API_PORT, _SECONDS)
            await answers(cluster.http, "/readyz", _SECONDS)
            self._tell("API server ready")
            self._supervisor.start(control_plane.controller_manager(self._plan, self._layout))
            parts.create_task(self._gateway(cluster, http))
            parts.create_task(self._prometheus(http))
            parts.create_task(self._node(cluster))
            parts.create_task(self._controllers(cluster))

    async def _gateway(self, cluster: ClusterClient, http: httpx.AsyncClient) -> None:
        await gateway_api.define(cluster, _SECONDS)
        self._tell("Gateway API served")
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
        if self._plan.packages is not None:
            await self._real_node(cluster, DebianRoot(Path(self._plan.packages)))
        elif node.available():
            self._supervisor.start(node.kubelet(self._layout))
            self._supervisor.start(node.service_proxy(self._layout))
            await cluster.wait("/api/v1/nodes", node.NODE, has_condition("Ready"), _SECONDS)
            self._tell("Node ready")

    async def _real_node(self, cluster: ClusterClient, root: DebianRoot) -> None:
        self._supervisor.start(real_node.kube_proxy(self._plan, root, self._layout))
        self._supervisor.start(real_node.containerd(root, self._layout))
        await listens_at(Path(SOCKET), _SECONDS)
        images.add_sandbox(root, self._layout, _SECONDS)
        self._tell("containerd ready")
        self._supervisor.start(real_node.kubelet(self._plan, self._layout))
        await cluster.wait("/api/v1/nodes", node.NODE, takes_pods, _SECONDS)
        self._tell("Node ready, a real one")

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
