"""`python -m bench.peers`: how fast a bad version is left, on the bed and with the traffic that peers were measured on.

Argo Rollouts 1.10 with its Gateway API plugin and Flagger 1.44 took 40.5 s and 40.6 s with 17 and 15 bad answers there:
Traefik, Prometheus at 5 s scrapes, 50 requests/s, candidate errors 5 %, checks every 10 s, two failures allowed.
"""

import argparse
import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from testbed.bed import Bed
from tests.support import objects
from tests.support.endpoint import Endpoint, answered_by, at_least, failed_by_route, rolled_back, serves
from tests.support.installation import administrator, install, new_namespace
from tests.support.operator_process import Installation, OperatorProcess

_console = Console(stderr=True, highlight=False)
_SCRAPE_SECONDS = 5.0
_CALM_REQUESTS = 1000


@dataclass(frozen=True)
class Case:
    """One duel: error shares of stable and candidate, requests per second, weights in percent, and its patience (s)."""

    name: str
    stable: float
    candidate: float
    rate: float
    weights: tuple[int, ...]
    patience: float


GROSS = Case("5 % errors against 0.1 %, 50 requests/s, 10 %", 0.001, 0.05, 50.0, (10,), 180.0)
SUBTLE = Case("0.5 % errors against 0.1 %, 100 requests/s, 5/10/25/50 %", 0.001, 0.005, 100.0, (5, 10, 25, 50), 900.0)


@dataclass(frozen=True)
class Run:
    """What became of one candidate: seconds and bad answers from its first request to its last one."""

    outcome: str
    seconds: float
    bad: int
    by_route: int


async def duel(endpoint: Endpoint, case: Case, seed: int) -> Run:
    """One rollout under load until it is rolled back, promoted, or patience is over."""
    await endpoint.model(1, errorRate=case.stable)
    await endpoint.model(2, errorRate=case.candidate, seed=seed)
    changes: dict[str, Any] = {
        "serving": objects.serving(1),
        "strategy": objects.stages(*case.weights, seconds=10),
        "analysis": _analysis(),
    }
    await endpoint.serve(1, **changes)
    async with endpoint.load(case.rate) as load:
        await at_least(load, _CALM_REQUESTS, 60)
        await endpoint.ask(2)
        try:
            ended = await endpoint.until(lambda found: rolled_back(found) or serves(found, 2), case.patience)
        except AssertionError:  # its patience is over: what it is like then is the result
            ended = await endpoint.until(lambda _: True)
        outcome = (ended["status"].get("outcome") or {"result": "Held"})["result"]
        await at_least(load, round(2 * case.rate))
    status = ended["status"]
    revision = (status.get("candidate") or status.get("outcome") or {}).get("revision", "")
    mine = answered_by(load.samples, revision)
    seconds = max(one.wall for one in mine) - min(one.wall for one in mine) if mine else 0.0
    bad = sum(one.blame is not None for one in mine)
    return Run(outcome, seconds, bad, sum(failed_by_route(load.samples).values()))


def _analysis() -> dict[str, Any]:
    """The margins that a user gets who says no more than what to compare."""
    (metric,) = objects.errors()["metrics"]
    return {"metrics": [{**metric, "objective": {"relative": {"rollbackAbove": 10}}}]}


async def measure(installation: Installation, case: Case, runs: int, at_once: int) -> list[Run]:
    """`runs` duels, `at_once` of them side by side in namespaces of their own, under one operator."""
    found: list[Run] = []
    places = asyncio.Semaphore(at_once)
    async with administrator(installation.bed) as admin:

        async def one(seed: int) -> None:
            async with places, new_namespace(admin, installation) as endpoint:
                found.append(await duel(endpoint, case, seed))
                _console.print(f"  {found[-1]}")

        with OperatorProcess(installation, installation.file_root / f"{case.candidate}.log"):
            async with asyncio.TaskGroup() as group:
                for seed in range(runs):
                    group.create_task(one(seed))
    return found


def show(case: Case, runs: list[Run]) -> None:
    """Print one case's figures."""
    table = Table(
        "outcome", "runs", "seconds, median (max)", "bad answers, median (max)", "failed by route", title=case.name
    )
    for outcome in sorted({one.outcome for one in runs}):
        those = [one for one in runs if one.outcome == outcome]
        seconds, bad = [one.seconds for one in those], [one.bad for one in those]
        table.add_row(
            outcome,
            str(len(those)),
            f"{median(seconds):.1f} ({max(seconds):.1f})",
            f"{median(bad):g} ({max(bad)})",
            str(sum(one.by_route for one in those)),
        )
    Console(width=140).print(table)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="rollouts of each case")
    parser.add_argument("--at-once", type=int, default=3, help="rollouts side by side")
    parser.add_argument("--only", choices=("gross", "subtle"), help="one case alone")
    options = parser.parse_args()
    cases = [case for name, case in (("gross", GROSS), ("subtle", SUBTLE)) if options.only in (None, name)]
    bed = Bed.up(f"peers-{os.getpid()}", tied=True, scrape_seconds=_SCRAPE_SECONDS, progress=_console.print)
    try:
        bed.enter()
        with tempfile.TemporaryDirectory(prefix="crossfade-peers-") as folder:
            installation = install(bed, Path(folder))
            for case in cases:
                show(case, asyncio.run(measure(installation, case, options.runs, options.at_once)))
    finally:
        bed.down()


if __name__ == "__main__":
    main()
