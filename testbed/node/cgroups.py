"""A bed's own place among the machine's control groups, below which its pods are."""

import errno
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from testbed.errors import TestbedError

_ROOT = Path("/sys/fs/cgroup")
_SECONDS_TO_LEAVE = 10.0
_PAUSE = 0.01
_WANTED = ("cpu", "cpuacct", "cpuset", "memory", "pids")


def check() -> None:
    """Raises TestbedError where the kubelet could not keep its pods apart."""
    missing = [name for name in _WANTED if not os.access(_ROOT / name / "tasks", os.W_OK)]
    if missing:
        raise TestbedError(
            f"a real node was only tried with control groups of version 1, and {_ROOT} lets nobody write to "
            f"{', '.join(missing)} of that version"
        )


def name_of(folder: Path) -> str:
    """What the group of the bed in `folder` is called in every hierarchy: those are the machine's, whose beds may have
    one name in two places."""
    return f"crossfade-{folder.name}-{hashlib.sha256(bytes(folder)).hexdigest()[:8]}"


def create(name: str) -> None:
    """Make the group `name` in every hierarchy, with all processors and all memory."""
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            if (group / setting).exists():
                (group / setting).write_text((hierarchy / setting).read_text())


def remove(name: str) -> None:
    """Remove it with all that is in it, of which no process may live any more. Nothing happens when it is not there.

    Raises OSError when a process is in it after all, or still on its way out after ten seconds.
    """
    deadline = time.monotonic() + _SECONDS_TO_LEAVE
    for group in _ROOT.glob(f"*/{name}"):
        for folder, _, _ in os.walk(group, topdown=False):
            _remove(Path(folder), deadline)


def _remove(group: Path, deadline: float) -> None:
    while True:
        try:
            return group.rmdir()
        except OSError as failure:
            if failure.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)  # the kernel lets a process out of its group a moment after it has told of its end


def _hierarchies() -> Iterator[Path]:
    """Those of version 1, each once: some are known by two names."""
    yield from {path.resolve() for path in _ROOT.iterdir() if (path / "tasks").exists()}
