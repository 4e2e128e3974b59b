"""Parts of one file asked for side by side and given in order: stores often limit what one connection gets."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from crossfade.ports import Part

PART_BYTES: Final = 8 << 20
"""Held in memory of each part but the first: small enough for that, and large enough for one request."""

Read = Callable[[Part], AsyncIterator[bytes]]


async def ahead(read: Read, start: int, size: int, lanes: int) -> AsyncIterator[bytes]:
    """The bytes from `start` to the file's end at `size`, by `lanes` requests at once. The first part is waited for
    alone, as it shows whether the store gives parts. Raises what `read` raises."""
    rest = (Part(at, min(at + PART_BYTES, size)) for at in range(start, size, PART_BYTES))
    async with closed(read(next(rest))) as chunks:
        async for chunk in chunks:
            yield chunk
    under_way: deque[asyncio.Task[deque[bytes]]] = deque()
    try:
        for part in rest:
            under_way.append(asyncio.create_task(_whole(read, part)))
            if len(under_way) == lanes:
                held = await under_way.popleft()
                while held:
                    yield held.popleft()
        while under_way:
            held = await under_way.popleft()
            while held:
                yield held.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _whole(read: Read, part: Part) -> deque[bytes]:
    async with closed(read(part)) as chunks:
        return deque([chunk async for chunk in chunks])


@asynccontextmanager
async def closed(chunks: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Close the stream at the end, also in the middle of it: its connection is given back at once."""
    try:
        yield chunks
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
