"""Memory of a container's processes, read from /proc: the stand-in for a memory cgroup."""

import os
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def _family(pid: int) -> list[int]:
    """A process and all its descendants; orphans of a container stay below its first process."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _proportional(pid: int) -> int:
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:"))


def exceeds(pid: int, limit: int) -> bool:
    """Whether the container whose first process is `pid` uses more than `limit` bytes."""
    try:
        family = _family(pid)
        resident = sum(int(Path(f"/proc/{member}/statm").read_text().split()[1]) * _PAGE for member in family)
        # Resident pages that forked workers share count several times above: only then pay for the exact figure.
        return resident > limit and sum(_proportional(member) for member in family) > limit
    except (OSError, StopIteration):
        # A process ended while we looked; the next look is a second away.
        return False
