"""The bed's own network and names, made from inside its namespaces by its first process."""

import subprocess
from pathlib import Path

from testbed import address
from testbed.errors import TestbedError

_COMMANDS = f"""\
link set lo up
link add {address.BRIDGE} type bridge
address add {address.HOST}/{address.PREFIX_LENGTH} dev {address.BRIDGE}
link set {address.BRIDGE} up
route add local {address.SERVICE_NETWORK} dev lo
"""


def create() -> None:
    """Make the bridge that pods hang on, with the servers' address, and have those of Services here.

    Raises TestbedError.
    """
    _run(["ip", "-batch", "-"], _COMMANDS)


def name_hosts(hosts: Path) -> None:
    """Put `hosts` in the place of /etc/hosts, for this mount namespace only. Raises TestbedError."""
    hosts.write_text(address.hosts_file())
    _run(["mount", "--bind", str(hosts), "/etc/hosts"])


def _run(command: list[str], stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, check=False, capture_output=True, text=True)
    if done.returncode:
        raise TestbedError(f"`{' '.join(command)}` failed in the bed's namespaces: {done.stderr.strip()}")
