"""The node's own life: registration, heartbeat, and a worker for each pod that is assigned to it."""

import asyncio
import datetime
import sys

import aiohttp
from aiohttp import web

from testbed.kubelet.api import ApiError, Object, follow
from testbed.kubelet.environment import NODE_CAPACITY
from testbed.kubelet.logs import PORT, LogServer
from testbed.kubelet.node import Node
from testbed.kubelet.pod import PodWorker, pod_path
from testbed.kubelet.status import now

_HEARTBEAT = 10.0
_LEASE_SECONDS = 40
_REFRESH = 10.0


class Agent:
    """Registers the node and runs its pods until cancelled."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._workers: dict[str, PodWorker] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until cancelled. Raises when one of the loops ends by an error that is none of the API server's."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._serve_logs())
            group.create_task(self._heartbeat())
            group.create_task(self._follow_pods())
            group.create_task(self._refresh_volumes())

    # -- the node --------------------------------------------------------------------------------------------------

    async def _heartbeat(self) -> None:
        registered = False
        while True:
            try:
                if not registered:
                    await self._register()
                    registered = True
                await self._node.api.patch(f"/api/v1/nodes/{self._node.name}/status", {"status": self._status()})
                await self._renew_lease()
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                print(f"heartbeat: {error!r}", file=sys.stderr)
                # A node that was deleted comes back as a new one.
                registered = registered and not (isinstance(error, ApiError) and error.code == 404)
                await asyncio.sleep(0.5)
                continue
            await asyncio.sleep(_HEARTBEAT)

    async def _register(self) -> None:
        labels = {"kubernetes.io/hostname": self._node.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        node = {"kind": "Node", "metadata": {"name": self._node.name, "labels": labels}, "status": self._status()}
        try:
            await self._node.api.post("/api/v1/nodes", node)
        except ApiError as error:
            if error.code != 409:
                raise

    def _status(self) -> Object:
        beat = {"lastHeartbeatTime": now()}
        conditions = [{"type": "Ready", "status": "True", "reason": "KubeletReady", **beat}]
        conditions += [
            {"type": kind, "status": "False", "reason": "Sufficient", **beat}
            for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
        ]
        return {
            "capacity": dict(NODE_CAPACITY),
            "allocatable": dict(NODE_CAPACITY),
            "conditions": conditions,
            # No host name: the API server would rather ask by that than by address, and nobody resolves it.
            "addresses": [{"type": "InternalIP", "address": self._node.network.host_address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": PORT}},
            "nodeInfo": {"kubeletVersion": "v1.37.1", "operatingSystem": "linux"},
        }

    async def _renew_lease(self) -> None:
        name, moment = self._node.name, datetime.datetime.now(datetime.UTC).isoformat()
        spec = {"holderIdentity": name, "leaseDurationSeconds": _LEASE_SECONDS, "renewTime": moment}
        path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}
        try:
            await self._node.api.patch(f"{path}/{name}", {"spec": spec})
        except ApiError as error:
            if error.code != 404:
                raise
            await self._node.api.post(path, body)

    async def _serve_logs(self) -> None:
        runner = web.AppRunner(LogServer(self._node.pods, self._is_running).app, access_log=None)
        await runner.setup()
        try:
            tls = self._node.api.server_tls
            await web.TCPSite(runner, self._node.network.host_address, PORT, ssl_context=tls).start()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    def _is_running(self, namespace: str, pod: str, container: str) -> bool:
        path = pod_path(namespace, pod)
        return any(worker.path == path and worker.is_running(container) for worker in self._workers.values())

    # -- its pods --------------------------------------------------------------------------------------------------

    async def _follow_pods(self) -> None:
        selector = f"spec.nodeName={self._node.name}"
        async for kind, pods in follow(self._node.api, "/api/v1/pods", fieldSelector=selector):
            if kind == "LIST":
                present = {pod["metadata"]["uid"] for pod in pods}
                for uid, worker in self._workers.items():
                    if uid not in present:
                        worker.forget()
            for pod in pods:
                if kind == "DELETED":
                    self._forget(pod)
                else:
                    self._update(pod)

    def _forget(self, pod: Object) -> None:
        if worker := self._workers.get(pod["metadata"]["uid"]):
            worker.forget()

    def _update(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        worker = self._workers.get(uid)
        if worker is None:
            worker = self._workers[uid] = PodWorker(self._node, pod)
            task = asyncio.create_task(self._work(uid, worker))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        worker.update(pod)

    async def _work(self, uid: str, worker: PodWorker) -> None:
        await worker.run()
        del self._workers[uid]

    async def _refresh_volumes(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH)
            for worker in list(self._workers.values()):
                await worker.refresh_volumes()
