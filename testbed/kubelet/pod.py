"""One pod from its assignment to this node until it is gone: sandbox, volumes, containers in order, deletion."""

import asyncio
import contextlib
import shutil
import sys
import traceback
from pathlib import Path

import aiohttp

from testbed.kubelet import status
from testbed.kubelet.api import ApiError, Object
from testbed.kubelet.container import Container, Surroundings
from testbed.kubelet.environment import ConfigError
from testbed.kubelet.node import Node
from testbed.kubelet.rootfs import VolumeMount
from testbed.kubelet.sandbox import ADDRESS, Sandbox
from testbed.kubelet.status import Record
from testbed.kubelet.volumes import Volumes

_RETRY = 0.5
# Grace of a pod that was removed from the API by force, seconds.
_FORCED_GRACE = 1.0
_TERMINAL = ("Succeeded", "Failed")


def _is_sidecar(spec: Object, *, init: bool) -> bool:
    return init and spec.get("restartPolicy") == "Always"


def pod_path(namespace: str, name: str) -> str:
    """A pod's path in the API."""
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


class PodWorker:
    """Runs one pod. `update` and `forget` bring news from the API; `run` ends when the pod is gone."""

    def __init__(self, node: Node, pod: Object) -> None:
        self.node, self.pod = node, pod
        metadata = pod["metadata"]
        self.folder = node.pods / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"
        self.path = pod_path(metadata["namespace"], metadata["name"])
        self._dirty = asyncio.Event()
        self._stopping = asyncio.Event()
        self._gone = False
        self._clean_up = contextlib.ExitStack()
        self._volumes: Volumes | None = None
        self._address = ""
        self._containers: list[Container] = []
        self._conditions = status.Conditions(pod)
        self._begun = pod.get("status", {}).get("startTime") or status.now()
        self._init = self._records("initContainers", "initContainerStatuses", init=True)
        self._main = self._records("containers", "containerStatuses", init=False)
        self._grace = float("inf")
        self._tasks: list[asyncio.Task[None]] = []

    def _records(self, field: str, known: str, *, init: bool) -> list[Record]:
        """One record a container; what an earlier kubelet ran has ended with it."""
        before = {item["name"]: item for item in self.pod.get("status", {}).get(known) or ()}
        records = []
        for spec in self.pod["spec"].get(field) or ():
            record = Record(spec["name"], spec["image"], _is_sidecar(spec, init=init))
            if not init and not self.pod["spec"].get("initContainers"):
                record.wait_for("ContainerCreating")
            if shown := before.get(spec["name"]):
                record.restore(shown)
            records.append(record)
        return records

    # -- news from the API -----------------------------------------------------------------------------------------

    def update(self, pod: Object) -> None:
        """The pod has changed; a deletion timestamp begins its termination."""
        self.pod = pod
        self._dirty.set()
        if pod["metadata"].get("deletionTimestamp"):
            self._begin_stop(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0))

    def forget(self) -> None:
        """The pod is no longer in the API."""
        self._gone = True
        self._begin_stop(_FORCED_GRACE)

    def _begin_stop(self, grace: float) -> None:
        if grace < self._grace:
            stop = self._hasten(grace) if self._stopping.is_set() else self._stop_containers(grace)
            self._tasks.append(asyncio.create_task(stop))
            self._grace = grace
            self._stopping.set()

    async def _hasten(self, grace: float) -> None:
        """Shorten a termination that goes on already."""
        await asyncio.sleep(grace)
        for container in self._containers:
            container.kill()

    async def _stop_containers(self, grace: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        await asyncio.gather(*(c.stop(grace) for c in self._containers if not c.record.sidecar))
        left = max(0.0, deadline - loop.time())
        await asyncio.gather(*(c.stop(left) for c in self._containers if c.record.sidecar))

    # -- running ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """The pod's whole life on this node."""
        reporter = asyncio.create_task(self._report())
        if self.pod.get("status", {}).get("phase") not in _TERMINAL:
            try:
                await self._live()
            except Exception:
                # One pod's trouble must not take the node down, nor may the pod linger when it is deleted.
                traceback.print_exc()
                await self._stop_containers(0.0)
            finally:
                self._tear_down()
        await self._stopping.wait()
        reporter.cancel()
        await asyncio.gather(reporter, return_exceptions=True)
        await self._finish()

    async def _live(self) -> None:
        around = await self._set_up()
        if around is None or self._stopping.is_set():
            return
        policy = self.pod["spec"]["restartPolicy"]
        sidecars: list[asyncio.Task[int | None]] = []
        for spec, record in zip(self.pod["spec"].get("initContainers") or (), self._init, strict=True):
            if self._stopping.is_set():
                break
            if record.sidecar:
                sidecars.append(await self._start_sidecar(Container(around, spec, record, "Always")))
            elif await self._run_step(Container(around, spec, record, "Never" if policy == "Never" else "OnFailure")):
                break
        else:
            mains = [
                Container(around, spec, record, policy)
                for spec, record in zip(self.pod["spec"]["containers"], self._main, strict=True)
            ]
            await self._run_together(mains)
        await self._stop_sidecars()
        await asyncio.gather(*sidecars)

    async def _set_up(self) -> Surroundings | None:
        """Sandbox and volumes; tries until both are there. None when the pod is to stop before that."""
        sandbox: Sandbox | None = None
        while not self._stopping.is_set():
            try:
                sandbox = sandbox or self._make_sandbox()
                return await self._surroundings(sandbox)
            except (ConfigError, ApiError, aiohttp.ClientError, RuntimeError, OSError, TimeoutError) as error:
                for record in (*self._init, *self._main)[:1]:
                    record.wait_for("ContainerCreating", str(error))
                self._dirty.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RETRY):
                    await self._stopping.wait()
        return None

    def _make_sandbox(self) -> Sandbox:
        wanted = self.pod["metadata"].get("annotations", {}).get(ADDRESS)
        host_network = bool(self.pod["spec"].get("hostNetwork"))
        sandbox = self.node.network.create(host_network=host_network, wanted=wanted)
        self._clean_up.callback(self.node.network.destroy, sandbox)
        self._address = sandbox.address
        return sandbox

    async def _surroundings(self, sandbox: Sandbox) -> Surroundings:
        ips = (self._address, self.node.network.host_address)
        volumes = Volumes(self.node.api, self.pod, self.folder / "volumes", ips)
        await volumes.prepare()
        self._volumes = volumes
        mounts = self._network_files()
        return Surroundings(self.node, lambda: self.pod, sandbox, volumes, self.folder, mounts, self._dirty.set)

    def _network_files(self) -> list[VolumeMount]:
        """The pod's own /etc/hosts, /etc/hostname and /etc/resolv.conf."""
        name = self.pod["metadata"]["name"]
        aliases = [f"{item['ip']}\t{' '.join(item['hostnames'])}" for item in self.pod["spec"].get("hostAliases") or ()]
        hosts = "\n".join([Path("/etc/hosts").read_text().rstrip(), f"{self._address}\t{name}", *aliases, ""])
        resolver = self.node.resolver.replace("NAMESPACE", self.pod["metadata"]["namespace"])
        files = {"hosts": hosts, "hostname": f"{name}\n", "resolv.conf": resolver}
        folder = self.folder / "etc"
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text)
        return [VolumeMount(str(folder / file), f"/etc/{file}") for file in files]

    async def _run_step(self, container: Container) -> bool:
        """Run an init container; True when the pod must not go on."""
        self._containers.append(container)
        code = await container.run()
        return code != 0

    async def _start_sidecar(self, container: Container) -> asyncio.Task[int | None]:
        """Start a sidecar and wait until it is up, or will never be."""
        self._containers.append(container)
        task = asyncio.create_task(container.run())
        up = asyncio.create_task(container.up.wait())
        await asyncio.wait((task, up), return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        return task

    async def _run_together(self, containers: list[Container]) -> None:
        if self._stopping.is_set():
            return
        for container in containers:
            if "waiting" in container.record.state:
                container.record.wait_for("ContainerCreating")
        self._containers += containers
        await asyncio.gather(*(container.run() for container in containers))

    async def _stop_sidecars(self) -> None:
        grace = float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))
        if not self._stopping.is_set():
            await asyncio.gather(*(c.stop(grace) for c in self._containers if c.record.sidecar))

    async def refresh_volumes(self) -> None:
        """Bring ConfigMaps, Secrets and tokens in the pod's volumes up to date."""
        if self._volumes is not None and not self._stopping.is_set():
            with contextlib.suppress(ConfigError, ApiError, aiohttp.ClientError, OSError, TimeoutError):
                await self._volumes.refresh(self.pod)

    # -- ending ----------------------------------------------------------------------------------------------------

    def _tear_down(self) -> None:
        self._volumes = None
        self._clean_up.close()
        self._dirty.set()

    async def _finish(self) -> None:
        """Last status, then the object itself goes: nothing of the pod runs any more."""
        shutil.rmtree(self.folder / "volumes", ignore_errors=True)
        while not self._gone:
            try:
                await self._send_status(self._status())
                uid = {"uid": self.pod["metadata"]["uid"]}
                await self.node.api.delete(self.path, {"gracePeriodSeconds": 0, "preconditions": uid})
                self._gone = True
            except ApiError as error:
                if error.code in (404, 409):
                    return
                print(f"pod {self.path}: {error}", file=sys.stderr)
            except (aiohttp.ClientError, TimeoutError) as error:
                print(f"pod {self.path}: {error!r}", file=sys.stderr)
            await asyncio.sleep(_RETRY)

    def is_running(self, container: str) -> bool:
        """Whether the container of that name runs at this moment."""
        return any(record.name == container and "running" in record.state for record in (*self._init, *self._main))

    # -- status ----------------------------------------------------------------------------------------------------

    def _status(self) -> Object:
        network = (self._address, self.node.network.host_address)
        return status.build(self.pod, self._conditions, self._init, self._main, network, self._begun)

    async def _send_status(self, body: Object) -> None:
        await self.node.api.patch(
            f"{self.path}/status", {"metadata": {"uid": self.pod["metadata"]["uid"]}, "status": body}
        )

    async def _report(self) -> None:
        """Write the status whenever it has changed, one write at a time."""
        sent: Object = {}
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            body = self._status()
            if body == sent or self._gone:
                continue
            try:
                await self._send_status(body)
                sent = body
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                if isinstance(error, ApiError) and error.code in (404, 409):
                    continue
                print(f"status of {self.path}: {error!r}", file=sys.stderr)
                await asyncio.sleep(_RETRY)
                self._dirty.set()
