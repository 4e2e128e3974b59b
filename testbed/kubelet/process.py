"""Start and watch processes in own namespaces: fork, prepare in the child, execute; exits arrive through pidfds."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from testbed.kubelet import syscalls

_OWN_PID_NAMESPACE = "/proc/self/ns/pid"


@dataclass(frozen=True)
class Program:
    """What a child executes once it is inside its namespaces."""

    argv: Sequence[str]
    env: Mapping[str, str]
    workdir: str
    output: str
    """File of the node to which standard output and error are appended."""


class StartError(Exception):
    """The child could not be prepared or the program could not be executed."""


class Process:
    """One child of the kubelet. `exited` is set with `code` (128 + signal when killed) known."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: int | None = None
        self.exited = asyncio.Event()
        self._fd = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._fd, self._reap)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self.code = 128 - code if code < 0 else code
        self.exited.set()

    async def wait(self) -> int:
        """Exit code, 128 + signal number when a signal ended it."""
        await self.exited.wait()
        assert self.code is not None
        return self.code

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens when the process has ended."""
        if not self.exited.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _fork(pid_namespace: int | None) -> int:
    """Fork with the child as first process of a new PID namespace, or inside the one given."""
    own = os.open(_OWN_PID_NAMESPACE, os.O_RDONLY)
    try:
        if pid_namespace is None:
            syscalls.unshare(syscalls.CLONE_NEWPID)
        else:
            syscalls.setns(pid_namespace, syscalls.CLONE_NEWPID)
        try:
            pid = os.fork()
        except OSError:
            syscalls.setns(own, syscalls.CLONE_NEWPID)
            raise
        if pid:
            syscalls.setns(own, syscalls.CLONE_NEWPID)
        return pid
    finally:
        os.close(own)


def _become(program: Program, prepare: Callable[[], None], report: int) -> None:
    """In the child: enter the namespaces and execute. Writes a sentence to `report` when that fails; never returns."""
    try:
        # The parent's handlers write into its event loop's wake-up socket, which this child shares.
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.setsid()
        syscalls.die_with_parent(signal.SIGKILL)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        output = os.open(program.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        os.dup2(output, 1)
        os.dup2(output, 2)
        prepare()
        os.chdir(program.workdir)
        os.umask(0o022)
        os.execvpe(program.argv[0], list(program.argv), dict(program.env))  # noqa: S606 - running it is the purpose
    except BaseException as error:  # a forked child must never run on into the code of its parent
        os.write(report, str(error).encode()[:4000])
    os._exit(127)


async def start(program: Program, prepare: Callable[[], None], pid_namespace: int | None = None) -> Process:
    """Run a program in a child that `prepare` has moved into its namespaces. Raises StartError with the reason."""
    reader, writer = os.pipe()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = _fork(pid_namespace)
        if pid == 0:
            _become(program, prepare, writer)
    except OSError as error:
        os.close(reader)
        raise StartError(f"cannot start {program.argv[0]}: {error}") from error
    finally:
        os.close(writer)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    process = Process(pid)
    failure = await _read_report(reader)
    if failure:
        await process.wait()
        raise StartError(f"cannot start {program.argv[0]}: {failure}")
    return process


async def _read_report(reader: int) -> str:
    """What the child wrote before it executed; the pipe closes on exec, so an empty text means it runs."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(reader, readable.set)
    try:
        await readable.wait()
        return os.read(reader, 4096).decode(errors="replace")
    finally:
        loop.remove_reader(reader)
        os.close(reader)
