"""Has the office open while this replica may write, and leaves so that the next one need not wait."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from crossfade.watch.election import Election
from crossfade.watch.fence import Fence
from crossfade.watch.tenure import Tenure

log = logging.getLogger(__name__)

_LAST_ANSWERS_SECONDS = 0.5


async def stand(election: Election, tenure: Tenure, fence: Fence, work: Callable[[], Awaitable[None]]) -> None:
    """Stand for election, and do `work` in each term, until cancelled. Raises what ended the work before."""
    try:
        async with asyncio.TaskGroup() as parts:
            parts.create_task(election.run(), name="election")
            parts.create_task(serve(tenure, work), name="terms")
    finally:
        if await fence.answered(_LAST_ANSWERS_SECONDS):
            await election.release()


async def serve(tenure: Tenure, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` in each term until cancelled: it is begun with the term, and cancelled at its end."""
    while True:
        await tenure.begun()
        log.info("this replica leads")
        term, over = asyncio.ensure_future(work()), asyncio.ensure_future(tenure.over())
        try:
            await asyncio.wait((term, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            term.cancel()
            over.cancel()
            await asyncio.gather(term, over, return_exceptions=True)
        if not term.cancelled():
            term.result()
        log.warning("this replica stands by: it could not renew the lease in time, or another one has it")
