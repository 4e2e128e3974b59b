"""Waiting for something that is seen, never for time to pass."""

import asyncio
from collections.abc import Callable

from demo.errors import DemoError

_EVERY_SECONDS = 0.05


async def until(condition: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    """Wait until `condition` holds; raises DemoError with what `otherwise` says after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  (what is waited for happens in other processes)
                await asyncio.sleep(_EVERY_SECONDS)
    except TimeoutError:
        raise DemoError(f"{otherwise()} (waited {seconds:.0f} s)") from None
