"""A pod's network: a namespace of its own, a veth pair to the node's bridge and an address from the pod range."""

import ipaddress
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from testbed.kubelet import syscalls

ADDRESS = "testbed.crossfade.dev/address"
"""Annotation: the pod's address, one of the first 256, so that it stays the same when the pod is made anew."""
_OWN_NAMESPACE = "/proc/self/ns/net"
_PORT_PREFIX = "pod"


class AddressPool:
    """Pod addresses, handed out round robin so that a freed one comes back as late as possible."""

    def __init__(self, cidr: str) -> None:
        network = ipaddress.IPv4Network(cidr)
        self.prefix = network.prefixlen
        # The first 256 addresses are the node's own: gateway, servers, load.
        self._first, self._last = int(network.network_address) + 256, int(network.broadcast_address) - 1
        self._next = self._first
        self._used: set[int] = set()

    def take(self, wanted: str | None = None) -> str:
        """The next free address, or the wanted one. Raises RuntimeError when every address, or that one, is in use."""
        if wanted is not None:
            if (number := int(ipaddress.IPv4Address(wanted))) in self._used:
                raise RuntimeError(f"the pod address {wanted} is in use; wait until the pod that has it is gone")
            self._used.add(number)
            return wanted
        for _ in range(self._first, self._last + 1):
            candidate = self._next
            self._next = candidate + 1 if candidate < self._last else self._first
            if candidate not in self._used:
                self._used.add(candidate)
                return str(ipaddress.IPv4Address(candidate))
        raise RuntimeError(f"all {len(self._used)} pod addresses are in use; delete pods or give a larger --cidr")

    def release(self, address: str) -> None:
        """Give an address back."""
        self._used.discard(int(ipaddress.IPv4Address(address)))


@dataclass(frozen=True)
class Sandbox:
    """A pod's network namespace, kept alive by a file descriptor: it vanishes with the kubelet, whatever happens."""

    fd: int
    address: str


@contextmanager
def _new_network_namespace() -> Iterator[int]:
    """This process is inside a new network namespace, whose descriptor is given, until the block ends."""
    own = os.open(_OWN_NAMESPACE, os.O_RDONLY)
    try:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        try:
            yield os.open(_OWN_NAMESPACE, os.O_RDONLY)
        finally:
            syscalls.setns(own, syscalls.CLONE_NEWNET)
    finally:
        os.close(own)


def _ip(*commands: str) -> None:
    result = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(commands), text=True, capture_output=True, check=False
    )
    if result.returncode:
        raise RuntimeError(f"ip refused {' and '.join(commands)!r}: {result.stderr.strip()}")


class Network:
    """Makes and removes sandboxes on one bridge. They block for some 10 ms: they switch this thread's namespace."""

    def __init__(self, bridge: str, cidr: str, gateway: str) -> None:
        self._bridge, self._gateway = bridge, gateway
        self._pool = AddressPool(cidr)
        self.host_address = gateway

    def prepare_bridge(self) -> None:
        """Remove the ports a killed kubelet left, and keep the bridge's hardware address when ports come and go.

        By default a bridge takes the lowest address of its ports, and pods lose their gateway whenever that changes.
        """
        links = json.loads(subprocess.check_output(["ip", "-json", "link", "show"]))
        hardware = next((link["address"] for link in links if link["ifname"] == self._bridge), None)
        if hardware is None:
            raise RuntimeError(f"there is no bridge {self._bridge!r} in this network namespace; make it first")
        ours = [link for link in links if link.get("master") == self._bridge]
        stale = [link["ifname"] for link in ours if link["ifname"].startswith(_PORT_PREFIX)]
        _ip(*(f"link del {name}" for name in stale), f"link set {self._bridge} address {hardware}")

    def create(self, *, host_network: bool, wanted: str | None = None) -> Sandbox:
        """A running sandbox: loopback up, eth0 with an address (the wanted one, if any), a route over the bridge."""
        if host_network:
            return Sandbox(os.open(_OWN_NAMESPACE, os.O_RDONLY), self.host_address)
        address = self._pool.take(wanted)
        octets = [int(part) for part in address.split(".")]
        host_end = f"{_PORT_PREFIX}{octets[2]:02x}{octets[3]:02x}"
        # The hardware address follows from the IP: neighbours' caches stay right when an address is used again.
        hardware = "0a:58:" + ":".join(f"{octet:02x}" for octet in octets)
        with _new_network_namespace() as fd:
            target = f"/proc/{os.getpid()}/fd/{fd}"
        _ip(f"link add {host_end} up master {self._bridge} type veth peer name eth0 address {hardware} netns {target}")
        own = os.open(_OWN_NAMESPACE, os.O_RDONLY)
        try:
            syscalls.setns(fd, syscalls.CLONE_NEWNET)
            _ip(
                "link set lo up",
                f"addr add {address}/{self._pool.prefix} dev eth0",
                "link set eth0 up",
                f"route add default via {self._gateway}",
            )
        finally:
            syscalls.setns(own, syscalls.CLONE_NEWNET)
            os.close(own)
        return Sandbox(fd, address)

    def destroy(self, sandbox: Sandbox) -> None:
        """Let the namespace and its veth pair go; the kernel removes them once no process is left inside."""
        os.close(sandbox.fd)
        if sandbox.address != self.host_address:
            self._pool.release(sandbox.address)
