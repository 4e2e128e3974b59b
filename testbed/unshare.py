"""The command that gives a bed's first process namespaces of its own."""

import os
from pathlib import Path

_CAP_SYS_ADMIN = 21
_STATUS = Path("/proc/self/status")


def namespace_command() -> list[str]:
    """The words before a program's own: new network, mount and PID namespaces, and a user namespace when not root.

    The program becomes process 1 of its PID namespace and dies when the command dies.
    """
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if not may_administer():
        command += ["--user", "--map-root-user"]
    return [*command, "--propagation", "private", "--"]


def may_administer() -> bool:
    """Whether this process is root in deed: a container's root mostly is not."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith("CapEff:"):
            return os.geteuid() == 0 and bool(int(line.split()[1], 16) >> _CAP_SYS_ADMIN & 1)
    return False
