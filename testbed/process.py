"""Processes by number and start time, so that a number used anew is never mistaken for the old process."""

import os
import select
import signal
from contextlib import ExitStack
from pathlib import Path

_SECONDS_TO_DIE = 10.0


def start_time(pid: int) -> int | None:
    """When process `pid` started, in clock ticks since boot; None when there is none, or only its corpse."""
    fields = _fields(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def parent(pid: int) -> int:
    """The parent of process `pid`; 0 when there is no such process, or its parent is out of sight."""
    fields = _fields(pid)
    return int(fields[1]) if fields else 0


def kill(pid: int, started: int, keeper: int) -> None:
    """Kill process `pid` if it is still the one that began at `started`; wait until it and `keeper`, its parent, end.

    The first process of a PID namespace is gone when all others of the namespace are; its keeper then ends by itself.
    Raises TimeoutError when one is still there after ten seconds.
    """
    with ExitStack() as stack:
        first, other = _opened(pid, stack), _opened(keeper, stack)
        if first is None or start_time(pid) != started:
            return
        signal.pidfd_send_signal(first, signal.SIGKILL)
        for descriptor in (first, other):
            if descriptor is not None and not select.select([descriptor], [], [], _SECONDS_TO_DIE)[0]:
                raise TimeoutError(f"process {pid} or its keeper {keeper} outlived a kill by {_SECONDS_TO_DIE:.0f} s")


def _opened(pid: int, stack: ExitStack) -> int | None:
    if pid == 0:
        return None
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    stack.callback(os.close, descriptor)
    return descriptor


def _fields(pid: int) -> list[str] | None:
    """/proc/PID/stat from its third field, the state, on; None when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
