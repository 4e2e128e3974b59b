"""Would catch a listing that has no end, that misses what is on a page, or that asks for one too many."""

import pytest
from crossfade.adapters.paging import Page, all_listed
from crossfade.ports import MOST_LISTED, SourceError

SIZE = 1000


class Pages:
    """So many of them, of two items each."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[str | None] = []

    async def __call__(self, token: str | None) -> Page:
        """The page of this token."""
        self.asked.append(token)
        at = int(token or 0)
        return [{"n": 2 * at}, {"n": 2 * at + 1}], str(at + 1) if at + 1 < self.count else None


@pytest.mark.parametrize("count", [1, 3, MOST_LISTED // SIZE])
async def test_what_is_on_all_pages_comes_in_their_order_and_each_is_asked_for_once(count: int) -> None:
    pages = Pages(count)
    assert [one["n"] async for one in all_listed(pages, SIZE, "m")] == list(range(2 * count))
    assert pages.asked == [None, *map(str, range(1, count))]


async def test_more_pages_than_are_looked_at_are_an_error_that_says_whose() -> None:
    pages = Pages(MOST_LISTED // SIZE + 1)
    with pytest.raises(SourceError, match=f"^the model 'm' has more than {MOST_LISTED} aliases; remove old ones$"):
        _ = [one async for one in all_listed(pages, SIZE, "the model 'm'", "aliases")]
    assert len(pages.asked) == MOST_LISTED // SIZE
