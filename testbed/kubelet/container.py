"""One container: start its process, watch over it, start it again as the restart policy says, and stop it in order."""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from testbed.kubelet import environment, handlers, images, memory, process, quantity, rootfs, syscalls
from testbed.kubelet.api import ApiError, Object
from testbed.kubelet.environment import ConfigError
from testbed.kubelet.node import Node
from testbed.kubelet.probes import verdicts
from testbed.kubelet.sandbox import Sandbox
from testbed.kubelet.status import Record
from testbed.kubelet.volumes import Volumes

_MOST_DOUBLINGS = 30
# A container that ran this long (s) starts again without a pause.
_BACK_OFF_FORGOTTEN = 600.0
# What a process is left after its preStop hook has used up the grace period, in seconds.
_LEAST_GRACE = 2.0
_MESSAGE_LIMIT = 4096
_MESSAGES_LIMIT = 12 << 10
_serial = itertools.count()


@dataclass(frozen=True)
class Surroundings:
    """What a container needs of its pod."""

    node: Node
    pod: Callable[[], Object]
    sandbox: Sandbox
    volumes: Volumes
    folder: Path
    """Logs and small files of this pod."""
    system_mounts: list[rootfs.VolumeMount]
    changed: Callable[[], None]
    """To be called after every change of a record."""


def _show_trouble(task: "asyncio.Task[None]") -> None:
    """Print what ended a task that nobody waits for yet."""
    if not task.cancelled() and (error := task.exception()):
        traceback.print_exception(error)


def kept_words(text: bytes, pod: Object) -> str:
    """What is kept of a container's last words: the end of them, and of that the beginning which is its share."""
    containers = [*pod.get("initContainers", ()), *pod["containers"], *pod.get("ephemeralContainers", ())]
    return text[-_MESSAGE_LIMIT:][: _MESSAGES_LIMIT // len(containers)].decode(errors="replace")


class Container:
    """Runs one container of a pod; `record` says what has happened."""

    def __init__(self, around: Surroundings, spec: Object, record: Record, policy: str) -> None:
        self.spec, self.record = spec, record
        self.up = asyncio.Event()
        """Set while the container has started (its startup probe has passed)."""
        self._around, self._policy = around, policy
        self._stopping = asyncio.Event()
        self._starting = asyncio.Lock()
        self._process: process.Process | None = None
        self._environment: dict[str, str] = {}
        self._workdir = "/"
        self._out_of_memory = False
        self._begun = 0.0
        self._failures = 0
        self._attempt = record.restarts + (1 if record.container_id else 0)

    # -- running ---------------------------------------------------------------------------------------------------

    async def run(self) -> int | None:
        """Run until the restart policy is satisfied or `stop` is called. Gives the last exit code."""
        while not self._stopping.is_set() and not self._has_finished():
            if self._begun:
                await self._back_off()
                self._attempt += 1
            await self._run_once()
        return self.record.exit_code

    def _has_finished(self) -> bool:
        code = self.record.exit_code
        return code is not None and (self._policy == "Never" or (self._policy == "OnFailure" and code == 0))

    async def _run_once(self) -> None:
        scratch = self._around.node.scratch / str(next(_serial))
        try:
            program, mounts = await self._prepare()
            if program is None:
                return
            async with self._starting:
                running = None if self._stopping.is_set() else await self._start(program, mounts, scratch)
            if running is not None:
                await self._supervise(running)
        except process.StartError as error:
            self.record.restarts = self._attempt
            self.record.end(128, "StartError", str(error))
        finally:
            self._process = None
            self.up.clear()
            self._around.changed()
            shutil.rmtree(scratch, ignore_errors=True)

    async def _prepare(self) -> tuple[process.Program | None, list[rootfs.VolumeMount]]:
        """Image and configuration; waits, visibly, until both are there. No program when stopped meanwhile."""
        pause = 1.0
        while not self._stopping.is_set():
            try:
                return await self._program()
            except images.UnknownImageError as error:
                self.record.wait_for("ErrImagePull" if pause == 1.0 else "ImagePullBackOff", str(error))
            except ConfigError as error:
                self.record.wait_for("CreateContainerConfigError", str(error))
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                self.record.wait_for("ContainerCreating", f"no configuration from the API server: {error!r}")
            self._around.changed()
            await self._pause(pause)
            pause = min(pause * 2, 10.0)
        return None, []

    async def _program(self) -> tuple[process.Program, list[rootfs.VolumeMount]]:
        around, spec = self._around, self.spec
        image = images.find(around.node.images, spec["image"])
        pod = around.pod()
        base = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/"),
            "HOSTNAME": pod["metadata"]["name"],
        }
        ips = (around.sandbox.address, around.node.network.host_address)
        sources = environment.Sources(around.node.api, pod["metadata"]["namespace"])
        env = await environment.build(pod, spec, base | {**around.node.environment, **image.env}, sources, ips)
        command = [environment.expand(part, env) for part in spec.get("command", ())]
        arguments = [environment.expand(part, env) for part in spec.get("args", ())]
        argv = (command or list(image.entrypoint)) + (arguments or ([] if command else list(image.cmd)))
        if not argv:
            raise ConfigError(f"no command specified for {spec['name']}")
        self._environment, self._workdir = env, spec.get("workingDir") or image.workdir
        mounts = [*around.system_mounts, *around.volumes.mounts(spec, env), self._termination_log()]
        mounts += [rootfs.VolumeMount(path, path, True) for path in rootfs.covered(image.paths, mounts)]
        return process.Program(argv, env, self._workdir, str(self._log())), mounts

    def _log(self) -> Path:
        folder: Path = self._around.folder / self.spec["name"]
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self._attempt}.log"

    def _termination_log(self) -> rootfs.VolumeMount:
        file = self._around.folder / f"{self.spec['name']}.termination"
        file.write_bytes(b"")
        return rootfs.VolumeMount(str(file), self.spec.get("terminationMessagePath", "/dev/termination-log"))

    async def _start(
        self, program: process.Program, mounts: list[rootfs.VolumeMount], scratch: Path
    ) -> process.Process:
        around, hostname = self._around, self._around.pod()["metadata"]["name"][:63]
        read_only = bool((self.spec.get("securityContext") or {}).get("readOnlyRootFilesystem"))

        def isolate() -> None:
            syscalls.setns(around.sandbox.fd, syscalls.CLONE_NEWNET)
            syscalls.unshare(syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWIPC)
            socket.sethostname(hostname)
            rootfs.enter(around.node.layout, scratch, mounts, read_only=read_only)

        self._out_of_memory, self._begun = False, time.monotonic()
        running = self._process = await process.start(program, isolate)
        self.record.run(f"process://{around.pod()['metadata']['uid']}/{self.spec['name']}", self._attempt)
        return running

    # -- watching over it ------------------------------------------------------------------------------------------

    async def _supervise(self, running: process.Process) -> None:
        watchers = asyncio.create_task(self._watch_over(running))
        watchers.add_done_callback(_show_trouble)
        code = await running.wait()
        watchers.cancel()
        await asyncio.gather(watchers, return_exceptions=True)
        reason = "OOMKilled" if self._out_of_memory else "Completed" if code == 0 else "Error"
        self.record.end(code, reason, self._last_words(code))

    def _last_words(self, code: int) -> str:
        text = (self._around.folder / f"{self.spec['name']}.termination").read_bytes()
        if not text and code and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            text = self._log().read_bytes()[-2048:]
        return kept_words(text, self._around.pod()["spec"])

    async def _watch_over(self, running: process.Process) -> None:
        """Everything that happens to a running container, side by side; cancelled when it ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_memory(running))
            hook = (self.spec.get("lifecycle") or {}).get("postStart")
            if hook and await handlers.perform(hook, self._target(), 600.0):
                group.create_task(self.end_process(self._grace()))
                return
            if await self._startup():
                self.record.started = True
                self.record.ready = "readinessProbe" not in self.spec
                self.up.set()
                group.create_task(self._readiness())
                group.create_task(self._liveness())
            self._around.changed()

    async def _startup(self) -> bool:
        """Wait for the startup probe; False, with the process ended, when it has failed for good."""
        if probe := self.spec.get("startupProbe"):
            self._around.changed()
            async for verdict in verdicts(probe, self._target(), eager=True):
                if not verdict.healthy:
                    await self.end_process(self._grace(probe))
                return verdict.healthy
        return True

    async def _readiness(self) -> None:
        if probe := self.spec.get("readinessProbe"):
            async for verdict in verdicts(probe, self._target(), eager=True):
                if verdict.healthy != self.record.ready:
                    self.record.ready = verdict.healthy
                    self._around.changed()

    async def _liveness(self) -> None:
        if probe := self.spec.get("livenessProbe"):
            async for verdict in verdicts(probe, self._target(), eager=False):
                if not verdict.healthy and not self._stopping.is_set():
                    await self.end_process(self._grace(probe))

    def _grace(self, probe: Object | None = None) -> float:
        default = self._around.pod()["spec"].get("terminationGracePeriodSeconds", 30)
        return float((probe or {}).get("terminationGracePeriodSeconds", default))

    async def _watch_memory(self, running: process.Process) -> None:
        limit = self.spec.get("resources", {}).get("limits", {}).get("memory")
        while limit is not None:
            await asyncio.sleep(1.0)
            if memory.exceeds(running.pid, int(quantity.parse(str(limit)))):
                self._out_of_memory = True
                running.signal(signal.SIGKILL)

    def _target(self) -> handlers.Target:
        ports = {port["name"]: port["containerPort"] for port in self.spec.get("ports", ()) if "name" in port}
        return handlers.Target(self._around.node.probes, self._around.sandbox.address, ports, self.execute)

    async def execute(self, argv: list[str]) -> int:
        """Run a command inside the running container; its exit code. Raises ValueError when it cannot be started."""
        if self._process is None:
            raise ValueError(f"container {self.spec['name']} is not running")
        pid = self._process.pid
        with contextlib.ExitStack() as stack:
            kinds = {"net": syscalls.CLONE_NEWNET, "uts": syscalls.CLONE_NEWUTS, "ipc": syscalls.CLONE_NEWIPC}
            kinds["mnt"] = syscalls.CLONE_NEWNS
            opened = {name: os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in (*kinds, "pid")}
            for fd in opened.values():
                stack.callback(os.close, fd)

            def join() -> None:
                for name, kind in kinds.items():
                    syscalls.setns(opened[name], kind)

            program = process.Program(argv, self._environment, self._workdir, os.devnull)
            try:
                running = await process.start(program, join, opened["pid"])
            except process.StartError as error:
                raise ValueError(str(error)) from error
        try:
            return await running.wait()
        finally:
            running.signal(signal.SIGKILL)

    # -- ending ----------------------------------------------------------------------------------------------------

    async def _back_off(self) -> None:
        """Pause before the next start: none after the first end, then doubling."""
        if time.monotonic() - self._begun > _BACK_OFF_FORGOTTEN:
            self._failures = 0
        if self._failures:
            pause = self._around.node.back_off_base * min(2 ** (self._failures - 1), _MOST_DOUBLINGS)
            name = f"{self.spec['name']} pod={self._around.pod()['metadata']['name']}"
            self.record.wait_for("CrashLoopBackOff", f"back-off {pause:g}s restarting failed container={name}")
            self._around.changed()
            await self._pause(pause)
        self._failures += 1

    async def _pause(self, seconds: float) -> None:
        """Let time pass, but not longer than until the container is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def end_process(self, grace: float) -> None:
        """preStop hook, then SIGTERM, then SIGKILL when `grace` seconds are over. Nothing when no process runs."""
        running = self._process
        if running is None:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        hook = (self.spec.get("lifecycle") or {}).get("preStop")
        if hook and grace > 0 and "running" in self.record.state:
            await handlers.perform(hook, self._target(), grace)
            deadline = max(deadline, loop.time() + _LEAST_GRACE)
        running.signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await running.wait()
        running.signal(signal.SIGKILL)
        await running.wait()

    async def stop(self, grace: float) -> None:
        """End the container for good within `grace` seconds; `run` returns."""
        self._stopping.set()
        # A start that has begun is finished first: there would be nothing to end yet.
        async with self._starting:
            pass
        await self.end_process(grace)

    def kill(self) -> None:
        """SIGKILL at once, if the process runs."""
        if self._process is not None:
            self._process.signal(signal.SIGKILL)
