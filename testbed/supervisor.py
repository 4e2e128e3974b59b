"""Starts daemons, reaps every process of the bed, and starts a daemon again when it dies."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

from testbed.daemons.daemon import Daemon
from testbed.errors import TestbedError

_TAIL = 1500
_RESTART_SECONDS = 0.2


class Supervisor:
    """The process table of a bed's first process. Must run on the event loop's thread, for it handles SIGCHLD.

    Until `settle` is called a daemon's death is a failure of the start; afterwards it is started again, as on a node.
    """

    def __init__(self, logs: Path) -> None:
        logs.mkdir(exist_ok=True)
        self._logs = logs
        self._daemons: dict[str, Daemon] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopped: set[str] = set()
        self._settled = False
        self._loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def start(self, daemon: Daemon) -> None:
        """Start a daemon in a process group of its own; what it prints goes to `<logs>/<name>.log`."""
        self._daemons[daemon.name] = daemon
        self._stopped.discard(daemon.name)
        with self._log(daemon.name).open("ab") as log:
            self._running[daemon.name] = subprocess.Popen(
                daemon.argv,
                env=os.environ | dict(daemon.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def settle(self) -> None:
        """The start is over: from now on restart what dies."""
        self._settled = True

    def stop(self, name: str) -> None:
        """Kill a daemon and its workers at once and leave it dead. Raises KeyError for an unknown name."""
        self._stopped.add(self._daemons[name].name)
        if process := self._running.get(name):
            os.killpg(process.pid, signal.SIGKILL)  # MLflow, for one, answers by a worker that would stay

    def resume(self, name: str) -> None:
        """Start a stopped daemon again. Raises KeyError for an unknown name."""
        daemon = self._daemons[name]
        if name not in self._running:
            self.start(daemon)
        self._stopped.discard(name)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for name, process in list(self._running.items()):
                if process.pid == pid:
                    process.returncode = os.waitstatus_to_exitcode(status)  # else Popen would wait for it in vain
                    del self._running[name]
                    self._died(name, process.returncode)

    def _died(self, name: str, status: int) -> None:
        if self._settled:
            self._loop.call_later(_RESTART_SECONDS, self._restart, name)
        elif not self.failed.done():
            tail = self._log(name).read_bytes()[-_TAIL:].decode(errors="replace").strip()
            self.failed.set_exception(TestbedError(f"{name} ended with status {status} while starting: {tail}"))

    def _restart(self, name: str) -> None:
        if name not in self._stopped and name not in self._running:
            self.start(self._daemons[name])
