"""Would catch an operator that does not start in its image, where the user that runs it is a number and has no name."""

import asyncio
import getpass
import pwd
from collections.abc import Mapping
from typing import Any

import pytest
from crossfade.adapters.kube_client import open_client
from crossfade.ports import ClusterError
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
        group.create_task(watch(no_events, login, lambda kind: None, (), asyncio.Event(), stop))
        await asyncio.wait_for(asked.wait(), 60)
        stop.set()


async def test_without_a_home_it_says_that_there_is_no_way_to_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody sets HOME, a user without a name has none, and no kubeconfig in it."""

    def nobody(user: int) -> str:
        raise KeyError(f"getpwuid(): uid not found: {user}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ClusterError, match="there is no way to reach a cluster: Could not determine home directory"):
        await open_client()
