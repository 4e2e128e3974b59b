"""Addresses as messages may show them, and what follows in them. None of these fails, whatever it is given."""

from urllib.parse import parse_qsl, urlsplit, urlunsplit


def shown(address: str) -> str:
    """The address without user, password, query and fragment, fit for messages; also of what is no address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        scheme, slashes, rest = _without_query(address).rpartition("://")
        return f"{scheme}{slashes}{rest.rpartition('@')[2]}"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def shown_or_none(address: str) -> str | None:
    """The same of what others call an address; None of what is none."""
    try:
        urlsplit(address)
    except ValueError:
        return None
    return shown(address)


def query_of(address: str) -> dict[str, str]:
    """The parameters behind its `?`, the last of each name."""
    return dict(parse_qsl(address.partition("#")[0].partition("?")[2]))


def _without_query(address: str) -> str:
    return address.partition("#")[0].partition("?")[0]
