"""The egress guard: which hosts an address that a user wrote may lead to.

The name is resolved once and the connection goes to that very address, so that no second answer of the name server can
lead elsewhere. What is not public is refused unless the operator's configuration lists it: behind such addresses are
those who trust whoever can reach them.
"""

import asyncio
import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from crossfade.model.networks import Network, Networks
from crossfade.ports import SourceError

_PRIVATE: Final = "private"
_NAMED: Final[Mapping[str, tuple[str, ...]]] = {
    "cloud metadata": (
        "169.254.169.254/32",
        "169.254.170.2/32",  # AWS, of containers
        "169.254.170.23/32",  # AWS, of pods
        "fd00:ec2::254/128",  # AWS over IPv6
        "fd00:ec2::23/128",  # AWS over IPv6, of pods
        "fd20:ce::254/128",  # Google Cloud over IPv6
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.192/32",  # Oracle Cloud
    ),
    "loopback": ("127.0.0.0/8", "::1/128"),
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    _PRIVATE: ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "fc00::/7"),
    "reserved": (
        "255.255.255.255/32",  # everybody
        "240.0.0.0/4",  # clusters that have run out of others give it to pods
        "192.0.0.0/24",
        *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),  # documentation
        *("100::/64", "2001:2::/48", "fec0::/10"),
    ),
}
_RANGES: Final = tuple((name, ip_network(text)) for name, texts in _NAMED.items() for text in texts)
"""The first that has an address is its range."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
PRIVATE: Final[Networks] = tuple(network for name, network in _RANGES if name == _PRIVATE)
"""Where clusters and companies have their own."""


async def allowed_address(host: str, port: int, allowed: Networks = ()) -> str:
    """One IP address of the host, all of whose addresses are public or in these networks. Raises SourceError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SourceError(f"the host {host!r} has no address; correct it, or let the name server know it") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not is_allowed(address, allowed):
            raise _refused(host, address)
    return addresses[0]


def is_allowed(address: str, allowed: Networks = ()) -> bool:
    """Whether a user's address may lead to this IP address: to a private one when a listed network has it, to others
    that are not public only when that network has nothing but their kind."""
    plain = _plain(address)
    found = _range(plain)
    if found is None:
        return True
    name, network = found
    return any(plain in one and (name == _PRIVATE or _within(one, network)) for one in allowed)


def _refused(host: str, address: str) -> SourceError:
    found = _range(_plain(address))
    name, network = found if found is not None else ("", "")
    listed = "a network with it" if name == _PRIVATE else f"{network} or a part of it"
    return SourceError(
        f"the host {host!r} leads to {address}, where models must not come from ({name}, {network}); serve the model "
        f"from another address, or have {listed} listed in the operator's configuration, --allowed-networks "
        "(`registries.allowedNetworks` in the chart's values)",
        retry=name == _PRIVATE,  # a network that companies use may be listed one day
    )


def _range(plain: IPv4Address | IPv6Address) -> tuple[str, Network] | None:
    """The range of an address that is not public."""
    for name, network in _RANGES:
        if plain in network:
            return name, network
    public = plain.is_global and not plain.is_multicast and not plain.is_reserved
    return None if public else ("reserved", ip_network(plain))


def _within(one: Network, network: Network) -> bool:
    """Whether it is a part of the other; both have one address in common."""
    return one.prefixlen >= network.prefixlen


def _plain(address: str) -> IPv4Address | IPv6Address:
    """The address, or the IPv4 address that an IPv6 address leads to."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv4Address):
        return parsed
    if parsed in _NAT64:
        return IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed.ipv4_mapped or parsed.sixtofour or parsed
