"""A bed: a cluster of its own in namespaces of its own, and the handle by which tests and the demo use it."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from testbed import address, enter, envoy, images
from testbed.binaries import Kubernetes
from testbed.binaries.debian_root import DebianRoot
from testbed.control import give_order
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle
from testbed.layout import Layout
from testbed.leash import CallerEnd
from testbed.locking import exclusive
from testbed.node.images import import_words
from testbed.progress import Progress, silent
from testbed.record import Record, clear, end, every, folder_of, lock_of, read, remove_stale
from testbed.start import Wish, entering, start

_NO_ENVOY = (
    "a bed with a real node has no second gateway: its Envoy is a program of this machine, which the stand-in alone "
    "runs as a pod; leave one of the two out"
)
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


class Bed(ClusterHandle):
    """A running bed. `pid` is its first process as this process sees it, `dir` its folder.

    `api`, `gateway`, `prometheus`, `mlflow` and `envoy` are URLs inside the bed's network: call `enter` first, or use
    `popen`. `mlflow` is None on a bed without MLflow, `envoy` until `start_envoy`.
    `audit` is the API server's audit log of writes, one JSON object a line. `kubernetes` says which control plane.
    """

    def __init__(self, record: Record, leash: CallerEnd | None = None) -> None:
        self.name = record.name
        self.dir = Path(record.dir)
        self.pid = record.pid
        self.kubeconfig = Path(record.kubeconfig)
        self.audit = Path(record.audit)
        self.api = record.api
        self.gateway = record.gateway
        self.prometheus = record.prometheus
        self.mlflow = record.mlflow
        self.envoy = record.envoy
        self.kubernetes = Kubernetes(record.kubernetes)
        self._packages = None if record.packages is None else DebianRoot(Path(record.packages))
        self._layout = Layout(self.dir)
        self._leash = leash

    @classmethod
    def up(
        cls,
        name: str = "default",
        *,
        mlflow: bool = False,
        envoy: bool = False,
        real_node: bool = False,
        scrape_seconds: float = 1.0,
        kubernetes: Kubernetes = Kubernetes.NEWEST,
        tied: bool = False,
        progress: Progress = silent,
    ) -> "Bed":
        """Start the bed `name`, or return it when it runs already. Takes about ten seconds once programs are cached.

        With `envoy` it has a second gateway, as by `start_envoy`. With `real_node` the kubelet, containerd, runc and
        kube-proxy run its pods, from images that `add_images` brings: only root can have that, with the newest
        control plane and without a second gateway. `scrape_seconds` is Prometheus's interval. A `tied` bed ends when
        the calling process ends, however that is, or drops the handle. Raises TestbedError.
        """
        if real_node and envoy:
            raise TestbedError(_NO_ENVOY)
        bed = cls._up(Wish(name, mlflow, scrape_seconds, kubernetes, real_node), tied, progress)
        if envoy:
            bed.start_envoy(progress)
        return bed

    @classmethod
    def _up(cls, wish: Wish, tied: bool, progress: Progress) -> "Bed":
        folder = _folder(wish.name)
        remove_stale()
        with exclusive(lock_of(folder)):
            running = read(folder)
            if running is not None and running.ready:
                return cls(_as_wished(running, wish))
            clear(folder)
            record, leash = start(wish, folder, progress)
        if tied:
            return cls(record, leash)
        leash.keep()
        return cls(record)

    @classmethod
    def find(cls, name: str = "default") -> "Bed":
        """The running bed `name`; raises TestbedError when there is none."""
        record = read(_folder(name))
        if record is None or not record.ready:
            raise TestbedError(f"no bed {name} is up; start it with `python -m testbed up --name {name}`")
        return cls(record)

    @classmethod
    def all(cls) -> list["Bed"]:
        """Every bed of this user that is up."""
        return [cls(record) for record in every() if record.ready]

    @staticmethod
    def remove(name: str) -> None:
        """End the bed `name`, running, half started or dead, and remove its folder; without one nothing happens."""
        end(_folder(name))

    def start_envoy(self, progress: Progress = silent) -> None:
        """Give the bed a second gateway: Envoy Gateway and its Envoy. Nothing happens when it has them.

        Takes about fifteen seconds once the programs are cached. Raises TestbedError.
        """
        if self._packages is not None:
            raise TestbedError(_NO_ENVOY)
        envoy.fetch(progress)
        with exclusive(lock_of(self.dir)):
            record = read(self.dir)
            if record is None:
                raise TestbedError(f"the bed {self.name} is not up any more; start it again")
            if record.envoy is None:
                self.refresh_images()
                envoy.install(self, progress)
                replace(record, envoy=address.ENVOY).write()
        self.envoy = address.ENVOY

    def gateway_url(self, name: str) -> str:
        """Where requests to the gateway "traefik" or "envoy" go. Raises TestbedError when the bed has no such one."""
        found = {"traefik": self.gateway, "envoy": self.envoy}.get(name)
        if found is None:
            raise TestbedError(f"the bed {self.name} has no gateway {name}; `start_envoy` makes the second one")
        return found

    def down(self) -> None:
        """End the bed and everything in it, and remove its folder. Nothing happens when that is done already."""
        if self._leash:
            self._leash.drop()
        self.remove(self.name)

    def enter(self) -> None:
        """Move the calling thread, and what it starts from now on, into the bed's network; there is no way back.

        Call it before the process has a second thread: threads that run already stay outside, and without root the
        kernel refuses a process that has any. Names such as prometheus.monitoring.svc only work for programs started
        by `popen`, which sees the bed's files and processes too; use the URLs.
        """
        enter.join(self.pid, ("user", "net"))

    def command(self, argv: Sequence[str]) -> list[str]:
        """The words that start a program inside the bed: its network, its host names, its processes; it ends with the
        bed.

        What they start is the program's keeper: signals sent to it reach the program, its status is the program's
        (128 + number after a signal), and killing it kills the program.
        """
        return [*entering(self.pid), *argv]

    def environment(self) -> Mapping[str, str]:
        """See ClusterHandle."""
        return self._variables(self._layout.programs)

    def shell_environment(self) -> Mapping[str, str]:
        """The same for a shell outside: kubectl, helm, curl and crossfade on its PATH enter the bed first."""
        return self._variables(self._layout.shims)

    def stop_daemon(self, name: str) -> None:
        """Kill a server, such as "kube-apiserver", and keep it down until `start_daemon`. Raises TestbedError.

        A server that dies by itself, or that a test kills, is started again after a fifth of a second.
        """
        give_order(self._layout.control, "stop", name)

    def start_daemon(self, name: str) -> None:
        """Start a stopped server again; it may take a moment to answer. Raises TestbedError."""
        give_order(self._layout.control, "start", name)

    def add_images(self, archive: Path) -> None:
        """Let a real node have the images of an archive, as `docker save` writes them, by their names.

        Raises TestbedError, also on a bed without a real node.
        """
        if self._packages is None:
            raise TestbedError(f"the bed {self.name} has no real node, and its stand-in has no images")
        self.run(import_words(self._packages, archive))

    def refresh_images(self) -> None:
        """Let the node know images whose environment was made after the bed came up."""
        images.write(self._layout.images)

    def _variables(self, programs: Path) -> Mapping[str, str]:
        search = f"{programs}:{os.environ.get('PATH', os.defpath)}"
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": search, "CROSSFADE_BED": self.name}


def _folder(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise TestbedError(f"{name!r} is no name for a bed; use up to 40 lower-case letters, digits and inner hyphens")
    return folder_of(name)


def _as_wished(record: Record, wish: Wish) -> Record:
    """The record of a bed that runs already, unless it runs what was not asked for."""
    again = f"end it with `python -m testbed down --name {record.name}` and start it anew"
    if wish.mlflow and record.mlflow is None:
        raise TestbedError(f"the bed {record.name} runs without MLflow; {again} with --mlflow")
    if wish.real_node != (record.packages is not None):
        found = "the stand-in for a node" if wish.real_node else "a real node"
        raise TestbedError(f"the bed {record.name} has {found}; {again} with the other one")
    if record.kubernetes != wish.kubernetes:
        raise TestbedError(
            f"the bed {record.name} runs the {record.kubernetes} Kubernetes; "
            f"{again} with --kubernetes {wish.kubernetes}"
        )
    return record
