"""What happens on stage: version 1 serves, version 2 is promoted, version 3 is rolled back by itself."""

import asyncio
import json
import sys
import time
from pathlib import Path

from demo import programs
from demo.board import Board
from demo.errors import DemoError
from demo.ground import Registered
from demo.models.traffic import bodies
from demo.traffic import Traffic
from demo.waiting import until
from testbed import places
from testbed.binaries.environments import python_env
from testbed.handle import ClusterHandle

ROLLOUT = "tumour-classifier"
GOOD, BETTER, BAD = (f"{ROLLOUT}-{number}" for number in (1, 2, 3))
HOST = f"{ROLLOUT}.example.com"
EXAMPLES = places.REPOSITORY / "examples" / "quickstart"
_REQUESTS_A_SECOND = 100.0  # a third of them is evidence enough within seconds
_LOAD = 0.4  # of what one model server can answer: another one starts beside it on the same cores
_OUTCOME_SECONDS = 600.0
_QUIET_SECONDS = 2.0  # no answer of a version for so long: its traffic is gone, for requests last milliseconds


class Story:
    """The three acts, with requests all the time from the first answer on. Its files go into `folder`."""

    def __init__(self, board: Board, cluster: ClusterHandle, folder: Path, traffic: Traffic) -> None:
        self._board = board
        self._endpoint = board.endpoint
        self._cluster = cluster
        self._bodies = folder / "bodies.jsonl"
        self._traffic = traffic
        self._url = f"{cluster.gateway}/v2/models/model/infer"

    async def play(self, registered: Registered, *, load_seconds: float, go_on: bool) -> None:
        """Play it to its end; requests are sent for `load_seconds` at most, and with `go_on` not stopped at the end.

        Raises DemoError, in a group.
        """
        self._bodies.write_bytes(b"\n".join(bodies(python_env("mlserver"))) + b"\n")
        async with asyncio.TaskGroup() as background:
            watching, rate = await self._serve_first(await _score(registered), background)
            self._traffic.start(self._cluster, self._url, HOST, self._bodies, rate=rate, seconds=load_seconds)
            sending = background.create_task(self._traffic.follow())
            await self._roll_out(BETTER, "Promoted", f"roll out version 2: {await _score(registered)}")
            await self._roll_out(BAD, "RolledBack", f"roll out version 3: {await _score(registered)} in its test")
            await self._see_it_gone()
            if go_on:
                sending.cancel()
            else:
                self._traffic.stop()
                await sending
            watching.cancel()

    async def _serve_first(self, score: str, background: asyncio.TaskGroup) -> tuple[asyncio.Task[None], float]:
        """Returns the task that watches the Rollout, which must exist for that, and how many requests a second to send.

        These are fewer on a slow machine: a model server with more than it can answer would only prove that.
        """
        with self._board.step(f"serve version 1: {score}") as step:
            await self._kubectl("apply", "--filename", str(EXAMPLES / "modelversion-1.yaml"))
            await self._kubectl("apply", "--filename", str(EXAMPLES / "rollout.yaml"))
            watching = background.create_task(self._endpoint.follow(self._cluster))
            await self._outcome(GOOD, "Promoted")
            words = (sys.executable, "-m", "demo.first_answer", self._url, HOST, str(self._bodies))
            found = json.loads(await programs.ask(self._cluster, *words))
            rate = min(_REQUESTS_A_SECOND, _LOAD / found["seconds"])
            benign = found["answer"]["outputs"][0]["data"][0]
            self._board.note(step, f"it answers (benign = {benign}); from now on {rate:.0f} requests a second")
        return watching, rate

    async def _roll_out(self, name: str, result: str, title: str) -> None:
        with self._board.step(title) as step:
            number = name.rpartition("-")[2]
            await self._kubectl("apply", "--filename", str(EXAMPLES / f"modelversion-{number}.yaml"))
            patch = json.dumps({"spec": {"modelVersion": name}})
            await self._kubectl("patch", "rollout", ROLLOUT, "--type", "merge", "--patch", patch)
            await self._outcome(name, result)
            self._board.note(step, "promoted" if result == "Promoted" else "rolled back")

    async def _outcome(self, name: str, result: str) -> None:
        known = self._endpoint.outcomes
        await until(
            lambda: name in known or self._endpoint.stalled is not None,
            _OUTCOME_SECONDS,
            lambda: f"{name} is neither promoted nor rolled back; the operator says: {self._endpoint.sentence}",
        )
        if name not in known or known[name].result != result:
            raise DemoError(f"{name} should have been {result}, but the operator says: {self._endpoint.sentence}")

    async def _see_it_gone(self) -> None:
        """Go on with requests until the bad version has answered none for a while."""
        with self._board.step("see version 3 without traffic"):
            await until(
                lambda: time.time() - self._traffic.tally.last_of(BAD) > _QUIET_SECONDS,
                _OUTCOME_SECONDS,
                lambda: f"{BAD} still answers requests although it was rolled back",
            )

    async def _kubectl(self, *words: str) -> None:
        await programs.ask(self._cluster, "kubectl", *words)


async def _score(registered: Registered) -> str:
    """How the next version did in its test, as soon as it is registered."""
    return f"{(await registered.get())['metrics']['accuracy']:.1%} accurate"
