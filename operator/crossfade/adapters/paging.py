"""What a registry lists page by page, up to as much as is looked at."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from crossfade.ports import MOST_LISTED, SourceError

Page = tuple[Iterable[dict[str, Any]], str | None]
"""What is on it, and the token by which the next one is asked for; None where it is the last."""


async def all_listed(
    page: Callable[[str | None], Awaitable[Page]], size: int, whose: str, what: str = "versions"
) -> AsyncIterator[dict[str, Any]]:
    """What is on all pages, each of `size` items at the most and asked for by its token, the first by None. Raises
    what `page` raises, and SourceError where there are more pages than MOST_LISTED items take."""
    token: str | None = None
    for _ in range(MOST_LISTED // size):
        items, token = await page(token)
        for one in items:
            yield one
        if token is None:
            return
    raise SourceError(f"{whose} has more than {MOST_LISTED} {what}; remove old ones")
