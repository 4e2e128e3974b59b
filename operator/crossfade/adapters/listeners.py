"""Who listens at a port of a pod, as each of its containers sees it: the network is theirs in common, processes are
not. Standard library alone, for this runs beside every pod that is warmed up."""

from collections.abc import Iterator
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENS = "0A"


def listeners(port: int) -> frozenset[int]:
    """The sockets that listen at a TCP port, by inode; empty when there are none or that cannot be seen.

    A socket ends with the last process that holds it, and no other gets its inode: while one of them is there, its
    container has not been started anew. Nothing is sent: a connection that says nothing takes up a worker of some
    servers.
    """
    return frozenset(inode for table in _TABLES for at, inode in _listening(table) if at == port and inode)


def _listening(table: Path) -> Iterator[tuple[int, int]]:
    """Port and inode of each listening socket, as proc_net_tcp(5) has them."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:  # such as no IPv6
        return
    for _, local, _, state, _, _, _, _, _, inode, *_ in map(str.split, lines):
        if state == _LISTENS:
            yield int(local.rpartition(":")[2], 16), int(inode)
