"""The operator as its users run it: a process with a service account's rights, which tests stop, kill and start."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from testbed.bed import Bed
from tests.support.networks import BED

ACCOUNT = "system:serviceaccount:crossfade-system:crossfade"
_START_SECONDS = 120.0
_END_SECONDS = 120.0
_PAUSE = 0.05
_AUDITED = "the audit found"


@dataclass(frozen=True)
class Installation:
    """What an administrator has set up: CRDs, rights, and the folder below which models may lie."""

    bed: Bed
    kubeconfig: Path
    file_root: Path


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _child(keeper: int) -> int:
    """The program of a keeper, which cannot pass on SIGSTOP."""
    (found,) = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    return int(found)


def metric(url: str, name: str) -> float:
    """The sum of a metric over all its labels, as the process at `url` tells it."""
    text = httpx.get(f"{url}/metrics", timeout=60.0, trust_env=False).text
    lines = (line for line in text.splitlines() if line.partition("{")[0].partition(" ")[0] == name)
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


@dataclass
class OperatorProcess:
    """One operator; as a context manager it runs for the body. `entry` are the words with which `python` starts it.

    Its log goes to `log`, one JSON object a line, kept over restarts.
    """

    installation: Installation
    log: Path
    namespaces: Sequence[str] = ()
    entry: Sequence[str] = ("-m", "crossfade", "run")
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)
    mlflow: str | None = None
    port: int = 0
    begun: int = 0
    """Where in the log the present life begins."""
    process: "subprocess.Popen[Any] | None" = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def spawned(self) -> Iterator[Self]:
        """The same without waiting for anything: for an operator that does not live long enough to be ready."""
        self.spawn()
        try:
            yield self
            assert self.process is not None
            assert self.process.poll() is None, f"the operator ended by itself:\n{self.tail()}"
        finally:
            self.stop()

    @property
    def url(self) -> str:
        """Where it answers /readyz and /metrics."""
        return f"http://127.0.0.1:{self.port}"

    def spawn(self) -> None:
        """Start it, and wait for nothing."""
        self.port = free_port()
        self.begun = len(self.log.read_text()) if self.log.exists() else 0
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("CROSSFADE_")}
        bed = self.installation.bed
        settings = {
            "CROSSFADE_PROMETHEUS_ADDRESS": bed.prometheus,
            "CROSSFADE_METRICS_INTERVAL": "1",
            "CROSSFADE_FILE_ROOT": str(self.installation.file_root),
            "CROSSFADE_ALLOWED_NETWORKS": BED,
            "CROSSFADE_LOADER_IMAGE": "crossfade",
            "CROSSFADE_HEALTH_PORT": str(self.port),
            "CROSSFADE_NAMESPACES": " ".join(self.namespaces),
            "CROSSFADE_MLFLOW_ADDRESS": self.mlflow or "",
        }
        words = [
            f"KUBECONFIG={self.installation.kubeconfig}",
            self.python,
            *self.entry,
        ]  # env(1) overrules the bed's
        with self.log.open("ab") as log:
            self.process = bed.popen(
                ["env", *words],
                env=inherited | {key: value for key, value in settings.items() if value} | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start(self) -> None:
        """Start it and wait until it has listed the cluster. AssertionError when it does not get there."""
        self.spawn()
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_ready():
            assert self.process is not None
            assert self.process.poll() is None, f"the operator ended while starting:\n{self.tail()}"
            assert time.monotonic() < deadline, f"the operator was not ready in time:\n{self.tail()}"
            time.sleep(_PAUSE)

    def until_audited(self) -> None:
        """Wait until it has compared all that it knows with the API server, ten seconds after its start."""
        deadline = time.monotonic() + _START_SECONDS
        while _AUDITED not in self.log.read_text()[self.begun :]:
            assert time.monotonic() < deadline, f"the operator did not list everything again in time:\n{self.tail()}"
            time.sleep(_PAUSE)

    def is_ready(self) -> bool:
        """Whether it says that it knows the cluster."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=30.0, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """End it as Kubernetes does, with SIGTERM, and return its exit status; killed if it ignores that."""
        return self._end("terminate")

    def kill(self) -> None:
        """kill -9."""
        self._end("kill")

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and notices nothing."""
        assert self.process is not None
        os.kill(_child(self.process.pid), signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        os.kill(_child(self.process.pid), signal.SIGCONT)

    def metric(self, name: str) -> float:
        """The sum of one of its own metrics over all labels."""
        return metric(self.url, name)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:]

    def _end(self, how: str) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        getattr(process, how)()
        try:
            return process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the operator did not end within {_END_SECONDS:.0f} s:\n{self.tail()}") from None
