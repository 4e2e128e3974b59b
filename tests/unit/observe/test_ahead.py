"""Catches parts that come out of order, that wait for one another, or of which too many are held."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from crossfade.observe import ahead as module
from crossfade.observe.ahead import ahead
from crossfade.ports import FromStartError, Part

CONTENT = bytes(range(95))


class Store:
    """Gives parts of 10 bytes, the first at once and the others when `together` of them are asked for."""

    def __init__(self, together: int) -> None:
        self.barrier = asyncio.Barrier(together)
        self.asked: list[Part] = []
        self.open = 0
        self.most = 0

    async def read(self, part: Part) -> AsyncIterator[bytes]:
        self.asked.append(part)
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            if len(self.asked) > 1:
                await self.barrier.wait()
            for at in range(part.start, part.end or len(CONTENT), 5):
                yield CONTENT[at : min(at + 5, part.end or len(CONTENT))]
        finally:
            self.open -= 1


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 10)


async def test_parts_are_asked_for_side_by_side_and_come_in_order() -> None:
    store = Store(3)
    async with asyncio.timeout(60):
        found = b"".join([chunk async for chunk in ahead(store.read, 25, len(CONTENT), 3)])
    assert found == CONTENT[25:]
    assert store.most == 3
    assert store.asked == [Part(at, min(at + 10, 95)) for at in range(25, 95, 10)]


async def test_whoever_reads_no_further_has_no_more_than_the_lanes_asked_for() -> None:
    store = Store(1)
    chunks = ahead(store.read, 0, len(CONTENT), 4)
    for _ in range(3):
        await anext(chunks)
    assert len(store.asked) <= 5


async def test_others_are_asked_for_when_the_first_part_came() -> None:
    class Whole(Store):
        async def read(self, part: Part) -> AsyncIterator[bytes]:
            self.asked.append(part)
            raise FromStartError("it gives no parts")
            yield b""

    store = Whole(1)
    with pytest.raises(FromStartError):
        [_ async for _ in ahead(store.read, 0, len(CONTENT), 4)]
    assert store.asked == [Part(0, 10)]


async def test_a_part_that_fails_ends_the_others() -> None:
    class Failing(Store):
        async def read(self, part: Part) -> AsyncIterator[bytes]:
            if part.start == 10:
                raise FromStartError("it changed")
            async for chunk in super().read(part):
                yield chunk

    store = Failing(100)
    with pytest.raises(FromStartError):
        [_ async for _ in ahead(store.read, 0, len(CONTENT), 4)]
    assert store.open == 0
