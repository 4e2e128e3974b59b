"""Addresses as messages may show them."""

from urllib.parse import urlsplit, urlunsplit


def shown(address: str) -> str:
    """The address without user, password, query and fragment, fit for messages."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
