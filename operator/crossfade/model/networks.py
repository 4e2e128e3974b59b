"""Networks as an administrator lists them."""

from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network
Networks = tuple[Network, ...]


def networks(listed: str) -> Networks:
    """The networks of a list with commas, such as `10.0.0.0/8,fd00::/8`. Raises ValueError with a sentence."""
    return tuple(_network(one.strip()) for one in listed.split(",") if one.strip())


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} must be a network such as 10.0.0.0/8, with zeros behind its length") from None
