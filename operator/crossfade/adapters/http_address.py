"""Addresses of http(s), which tenants and servers write: what is none is refused here with a sentence, and nowhere
later with a traceback."""

from collections.abc import Mapping
from typing import Final

import httpx

from crossfade.adapters.address import shown
from crossfade.ports import SourceError

_SCHEMES: Final = ("http", "https")
_MOST_PORT: Final = 65535


def http_address(
    address: str, wrong: str, parameters: Mapping[str, str] | None = None, *, retry: bool = True
) -> httpx.URL:
    """The address, with these parameters where there are any. Raises SourceError with the sentence `wrong`."""
    try:
        url = httpx.URL(address, params=dict(parameters)) if parameters else httpx.URL(address)
        if url.scheme in _SCHEMES and _is_whole(url):
            return url
    except (httpx.InvalidURL, UnicodeError):  # the latter of a host that is no name
        pass
    raise SourceError(wrong, retry=retry)


def server_address(address: str) -> httpx.URL:
    """The address of a server. Raises SourceError, which names it and says what is right."""
    return http_address(
        address,
        f"the address {shown(address)!r} must be http(s)://<host>, with a port up to {_MOST_PORT} and a path if need "
        "be; correct it in the ModelRegistry, or where else it was written",
    )


def joined(url: httpx.URL, location: str, wrong: str) -> httpx.URL:
    """Where a location leads that may be relative to `url`; its scheme may be any. Raises SourceError with the sentence
    `wrong`."""
    try:
        target = url.join(location)
        if target.scheme not in _SCHEMES or _is_whole(target):
            return target
    except (httpx.InvalidURL, UnicodeError):
        pass
    raise SourceError(wrong)


def _is_whole(url: httpx.URL) -> bool:
    """Whether it has a host, and a port that can be. Raises UnicodeError of a host that is no name."""
    return bool(url.host) and "%" not in url.host and (url.port is None or 0 < url.port <= _MOST_PORT)
