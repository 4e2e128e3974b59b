"""Addresses as messages may show them."""

from urllib.parse import urlsplit, urlunsplit


def shown(address: str) -> str:
    """The address without user, password, query and fragment, fit for messages."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def shown_or_none(address: str) -> str | None:
    """The same of what others call an address; None of what is none."""
    try:
        return shown(address)
    except ValueError:
        return None
