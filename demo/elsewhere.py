"""The ground where a cluster is there already, with a gateway, Prometheus, MLflow and the operator in it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from demo import programs
from demo.board import Board
from demo.errors import DemoError
from demo.fetch import ENVIRONMENTS
from demo.ground import Registered, train
from demo.story import BAD, BETTER, GOOD, ROLLOUT
from testbed.binaries.environments import python_env
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle


class Elsewhere:
    """`cluster` as it is found; what the story makes in it stays there. Raises DemoError where the address of a server
    is not known."""

    def __init__(self, board: Board, cluster: ClusterHandle) -> None:
        if not cluster.gateway or not cluster.mlflow:
            raise DemoError(
                "set CROSSFADE_GATEWAY_URL and CROSSFADE_MLFLOW_URL to the addresses of the cluster's servers"
            )
        self._board = board
        self._cluster = cluster

    @contextlib.asynccontextmanager
    async def prepared(self) -> AsyncIterator[tuple[ClusterHandle, Registered]]:
        """The cluster, while models are still being registered. Raises DemoError, also in a group."""
        await self._look()
        await self._fetch()
        registered = Registered()
        async with asyncio.TaskGroup() as parts:
            parts.create_task(train(self._board, self._cluster, registered))
            yield self._cluster, registered

    async def _look(self) -> None:
        """Tell whose cluster it is, and refuse to go on over objects that somebody has there already."""
        with self._board.step("look at the cluster") as step:
            view = await programs.ask(self._cluster, "kubectl", "config", "view", "--minify", "--output=json")
            (context,) = json.loads(view)["contexts"]
            namespace = context["context"].get("namespace", "default")
            self._board.note(step, f"that of the context {context['name']}, in its namespace {namespace}")
            wanted = (f"rollouts/{ROLLOUT}", *(f"modelversions/{name}" for name in (GOOD, BETTER, BAD)))
            there = await programs.ask(self._cluster, "kubectl", "get", *wanted, "--ignore-not-found", "--output=name")
            if there:
                raise DemoError(
                    f"the namespace {namespace} has {', '.join(there.split())} already, which the demo would change; "
                    "turn to another one: kubectl config set-context --current --namespace=NAME"
                )

    async def _fetch(self) -> None:
        with self._board.step("fetch what trains the models and what sends requests"):
            for name in ENVIRONMENTS:
                try:
                    await asyncio.to_thread(python_env, name)
                except TestbedError as failure:
                    raise DemoError(str(failure)) from failure
