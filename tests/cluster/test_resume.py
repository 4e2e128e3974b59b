"""Catches a pod whose loader begins anew after a kill, or serves before every byte was hashed."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from crossfade.decide.workloads import MODEL_DIR
from crossfade.observe.staging import STAGING

from testbed.address import HOST
from tests.cluster.test_bytes import digest_of
from tests.support import objects
from tests.support.byte_server import byte_server
from tests.support.endpoint import Endpoint, serves
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import PATIENCE_SECONDS

pytestmark = pytest.mark.cluster

MIB = 1 << 20


async def test_a_loader_that_is_killed_in_the_middle_is_followed_by_one_that_asks_for_the_rest(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], tmp_path: Path
) -> None:
    start_operator(endpoint.namespace)
    content = json.dumps({"name": objects.MODEL, "version": "1.0.0"}).encode() + b" " * (5 * MIB)
    (tmp_path / "model.json").write_bytes(content)
    with byte_server(tmp_path, HOST) as server:
        uri = f"{server.url}/model.json"
        version = objects.model_version("fraud-1", "1.0.0", {"uri": {"uri": uri}})
        version["spec"]["artifact"] = {"digest": digest_of(content)}
        await endpoint.create(version)
        await endpoint.recorder.until("ModelVersion", "fraud-1", is_resolved)
        server.stall = 3 * MIB
        rollout = objects.rollout("fraud", "fraud-1", endpoint.host, endpoint.parent, serving=objects.serving(1))
        await endpoint.create(rollout)
        process = await half_loaded(uri)
        there = await stopped(process, uri)
        server.asked.clear()
        server.stall = None
        os.kill(process, signal.SIGKILL)
        await endpoint.until(lambda found: serves(found, 1))
        await endpoint.until_answered()
        assert (await endpoint.infer()).is_success
        look, *read = [asked for _, asked in server.asked]
        assert (look, read) == ("", [f"bytes={there}-"])
    (pod,) = await endpoint.items("Pod", "crossfade.dev/rollout=fraud")
    (load,) = (one for one in pod["status"]["initContainerStatuses"] if one["name"] == "load")
    assert load["restartCount"] == 1


def is_resolved(found: dict[str, Any]) -> bool:
    return "resolved" in found.get("status", {})


async def half_loaded(uri: str) -> int:
    """The loader of this model that has 2 MiB or more on disk."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := [one for one, size in loaders(uri).items() if size >= 2 * MIB]):  # noqa: ASYNC110 - a kernel tells nobody
            await asyncio.sleep(0.05)
    return found[0]


async def stopped(process: int, uri: str) -> int:
    """How many bytes the loader has once it writes no more."""
    os.kill(process, signal.SIGSTOP)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_stopped(process):  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.01)
    return loaders(uri)[process]


def is_stopped(process: int) -> bool:
    """Whether it has heard SIGSTOP."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].startswith("T")


def loaders(uri: str) -> dict[int, int]:
    """Each process that loads this model, with the bytes that it has of it."""
    found = dict[int, int]()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may end while we look
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"load" in words and uri.encode() in words:
                parts = (process / f"root{MODEL_DIR}" / STAGING).glob("*/model.json")
                found |= {int(process.name): part.stat().st_size for part in parts}
    return found
