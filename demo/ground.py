"""What the story needs before it can begin, started side by side: cluster, registry, models, operator."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from demo import fetch, programs
from demo.board import Board, Step
from demo.errors import DemoError
from testbed import places
from testbed.bed import Bed
from testbed.binaries.environments import python_env
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle
from testbed.record import folder_of, read

CHART = places.REPOSITORY / "charts" / "crossfade"
CRDS = places.REPOSITORY / "crds"
_PATIENCE_SECONDS = 5.0


Registered = asyncio.Queue[dict[str, Any]]
"""The model's versions, in order, as training registers them in MLflow: each with `version`, `metrics` and more."""


async def fetch_all(board: Board) -> None:
    """Have every program and environment in the cache. Raises DemoError when one is not to be had."""
    if fetch.is_complete():
        return
    with board.step("fetch or build what is missing, once") as step:
        async with _fetching() as process:
            assert process.stdout is not None
            async for line in process.stdout:
                board.note(step, line.decode().strip())
            assert process.stderr is not None
            complaint = (await process.stderr.read()).decode().strip()
            if await process.wait():
                raise DemoError(f"not all that the demo runs is to be had: {complaint}")


@contextlib.asynccontextmanager
async def _fetching() -> AsyncIterator[asyncio.subprocess.Process]:
    """The process that fetches; interrupted first, so that it removes what is half done, when the context is left."""
    pipe = asyncio.subprocess.PIPE
    words = (sys.executable, "-m", "demo.fetch")
    process = await asyncio.create_subprocess_exec(
        *words, cwd=places.REPOSITORY, stdout=pipe, stderr=pipe, start_new_session=True
    )
    try:
        yield process
    finally:
        for number in (signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _PATIENCE_SECONDS)


async def train(
    board: Board,
    cluster: ClusterHandle,
    registered: Registered,
    listen: Callable[..., Awaitable[None]] = programs.listen,
) -> None:
    """Train the models and register them in the cluster's MLflow. Raises DemoError."""
    with board.step("train three models, register them in MLflow"):
        assert cluster.mlflow is not None
        python = python_env("mlflow") / "bin" / "python"
        words = (str(python), "-m", "demo.models.train", "--tracking-uri", cluster.mlflow)
        await listen(cluster, *words, hear=lambda line: registered.put_nowait(json.loads(line)))


class Ground:
    """The bed `name` on its way up, and what is done in it meanwhile. `kept` lets it outlive this process."""

    def __init__(self, board: Board, name: str, *, kept: bool) -> None:
        self._board = board
        self._name = name
        self._kept = kept
        self._loop = asyncio.get_running_loop()
        self._early: asyncio.Future[Bed] = self._loop.create_future()

    @contextlib.asynccontextmanager
    async def prepared(self) -> AsyncIterator[tuple[Bed, Registered]]:
        """All that is up, while models are still being registered. Raises DemoError, in a group."""
        await fetch_all(self._board)
        registered = Registered()
        async with asyncio.TaskGroup() as parts:
            self._up = parts.create_task(self._cluster())
            parts.create_task(self._models(registered))
            await parts.create_task(self._operator())
            yield await self._up, registered

    async def _cluster(self) -> Bed:
        with self._board.step("start Kubernetes, gateway, Prometheus, MLflow") as step:

            def tell(line: str) -> None:
                self._loop.call_soon_threadsafe(self._hear, step, line)

            try:
                return await asyncio.to_thread(Bed.up, self._name, mlflow=True, tied=not self._kept, progress=tell)
            except TestbedError as failure:
                # where the bed's logs are is not told: they are copied, and the bed's folder is removed
                raise DemoError(str(failure).partition(" (logs: ")[0]) from failure

    def _hear(self, step: Step, line: str) -> None:
        """The bed says something: from its first word on, which is about the API server, it can be worked in."""
        self._board.note(step, line)
        record = read(folder_of(self._name))
        if record is not None and not self._early.done():
            self._early.set_result(Bed(record))

    async def _models(self, registered: Registered) -> None:
        await train(self._board, await self._early, registered, self._ask)

    async def _operator(self) -> None:
        bed = await self._early
        with self._board.step("apply the CRDs, helm install the operator"):
            await self._ask(bed, "kubectl", "apply", "--filename", str(CRDS))
            settings = {
                "crds.enabled": "false",  # applied by hand just now
                "prometheus.address": bed.prometheus,
                "mlflow.address": bed.mlflow,
                "metrics.interval": "1",
            }
            choices = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
            where = ("--namespace", "crossfade-system", "--create-namespace")
            await self._ask(bed, "helm", "install", "crossfade", str(CHART), *where, *choices, "--wait")

    async def _ask(self, bed: Bed, *argv: str, hear: Callable[[str], object] = lambda line: None) -> None:
        """Run a program in the bed; when it failed because the bed itself did, the bed is heard first."""
        try:
            await programs.listen(bed, *argv, hear=hear)
        except DemoError:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._up), _PATIENCE_SECONDS)
            raise
