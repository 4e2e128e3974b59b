"""Processes by number and start time, so that a number used anew is never mistaken for the old process."""

import os
import select
import signal
from pathlib import Path

_SECONDS_TO_DIE = 10.0


def start_time(pid: int) -> int | None:
    """When process `pid` started, in clock ticks since boot; None when there is none, or only its corpse."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def kill(pid: int, started: int) -> None:
    """Kill process `pid` if it still is the one that began at `started`, and wait until it is gone.

    For the first process of a PID namespace that is when all other processes of the namespace are gone too.
    Raises TimeoutError when it is still there after ten seconds.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if start_time(pid) != started:
            return
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        if not select.select([descriptor], [], [], _SECONDS_TO_DIE)[0]:
            raise TimeoutError(f"process {pid} is still there {_SECONDS_TO_DIE:.0f} s after it was killed")
    finally:
        os.close(descriptor)
