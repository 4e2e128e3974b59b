"""`python -m bench`: measure on a bed of its own, print a table, write bench/results/latest.json."""

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

from rich.console import Console

from bench.figures import Figure, show, tell, write
from bench.idle import idle
from bench.judge import measured
from bench.judge_bars import Effort
from bench.judge_speed import speed
from bench.rollback import rollbacks
from bench.traffic import changes, returns
from testbed.bed import Bed
from tests.support.gateways import ENVOY, TRAEFIK
from tests.support.installation import administrator, install, new_namespace
from tests.support.operator_process import Installation, OperatorProcess

RESULTS = Path(__file__).parent / "results" / "latest.json"
_console = Console(stderr=True, highlight=False)


async def measure(installation: Installation, options: argparse.Namespace) -> list[Figure]:
    """All figures, one after another, so that none disturbs another."""
    bed, folder = installation.bed, installation.file_root
    figures: list[Figure] = []
    async with administrator(bed) as admin:
        async with new_namespace(admin, installation) as endpoint:
            _console.print(f"{options.runs} rollbacks")
            with OperatorProcess(installation, folder / "rollback.log", [endpoint.namespace]) as operator:
                figures.append(await rollbacks(endpoint, operator, bed.prometheus, options.runs))
        for gateway in (TRAEFIK, ENVOY):
            async with new_namespace(admin, installation, gateway) as endpoint:
                _console.print(f"{options.changes} changes of weights on {gateway}")
                figures += (alone := await changes(endpoint, gateway, options.changes))
            async with new_namespace(admin, installation, gateway) as endpoint:
                _console.print(f"{options.runs} rollbacks on {gateway}")
                with OperatorProcess(installation, folder / f"{gateway}.log", [endpoint.namespace]):
                    figures.append(await returns(endpoint, gateway, bed.audit, options.runs, alone[-1]))
        async with new_namespace(admin, installation) as endpoint:
            _console.print(f"{' and '.join(map(str, options.idle))} Rollouts at rest, {options.events} events")
            crowd = OperatorProcess(installation, folder / "idle.log", [endpoint.namespace])
            try:
                figures += await idle(endpoint, bed, crowd, options.idle, options.events)
            finally:
                crowd.stop()
    return figures


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="rollbacks to time")
    parser.add_argument("--changes", type=int, default=200, help="changes of weights on each gateway")
    parser.add_argument("--idle", type=int, nargs="+", default=[100, 1000], help="numbers of Rollouts at rest")
    parser.add_argument("--events", type=int, default=1000, help="events to count the processor time of")
    parser.add_argument("--rollouts", type=int, default=1000, help="simulated rollouts a bar of the judge")
    options = parser.parse_args()
    _console.print(f"the judge's bars, {options.rollouts} rollouts each")
    tell(measured(Effort(options.rollouts)))
    figures = speed()
    bed = Bed.up(f"bench-{os.getpid()}", envoy=True, tied=True, progress=_console.print)
    try:
        bed.enter()
        with tempfile.TemporaryDirectory(prefix="crossfade-bench-") as folder:
            figures += asyncio.run(measure(install(bed, Path(folder)), options))
    finally:
        bed.down()
    show(figures)
    write(figures, RESULTS)


if __name__ == "__main__":
    main()
