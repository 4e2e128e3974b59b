"""Would catch an operator that does not start in its image, where the user that runs it is a number and has no name."""

import asyncio
import getpass
from collections.abc import Mapping
from typing import Any

import pytest
from crossfade.watch.handlers import watch


async def test_it_starts_as_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """And asks for its credentials, which is the first that it does once it runs."""
    asked, stop = asyncio.Event(), asyncio.Event()

    def nobody() -> str:
        raise OSError("No username set in the environment")

    async def login() -> Mapping[str, Any]:
        asked.set()
        await stop.wait()
        return {"server": "http://127.0.0.1:1"}

    no_events: Any = None
    monkeypatch.setattr(getpass, "getuser", nobody)
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(no_events, login, (), asyncio.Event(), stop))
        await asyncio.wait_for(asked.wait(), 10)
        stop.set()
