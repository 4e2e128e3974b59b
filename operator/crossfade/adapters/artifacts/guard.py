"""The egress guard: which hosts an address that a user wrote may lead to.

The name is resolved once and the connection goes to that very address, so that no second answer of the name server can
lead elsewhere. Private networks are allowed, stores live there; what gives credentials to whoever can reach it is not.
"""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from crossfade.ports import SourceError

_METADATA = frozenset(
    ip_address(text)
    for text in (
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # Google Cloud over IPv6
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's host agent
        "192.0.0.192",  # Oracle Cloud
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


async def allowed_address(host: str, port: int, *, allow_loopback: bool = False) -> str:
    """One IP address of the host, all of whose addresses are allowed. Raises SourceError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SourceError(f"the host {host!r} has no address; correct it, or let the name server know it") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not is_allowed(address, allow_loopback=allow_loopback):
            raise SourceError(
                f"the host {host!r} leads to {address}, where models must not come from (loopback, link-local and "
                "cloud metadata addresses are refused); serve the model from another address",
                retry=False,
            )
    return addresses[0]


def is_allowed(address: str, *, allow_loopback: bool = False) -> bool:
    """Whether a user's address may lead to this IP address."""
    plain = _embedded(ip_address(address.partition("%")[0]))
    if plain.is_loopback:
        return allow_loopback
    refused = plain.is_link_local or plain.is_unspecified or plain.is_multicast or plain.is_reserved
    return not refused and plain not in _METADATA


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
