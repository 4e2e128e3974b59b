"""`make demo`, or `python -m demo [--report FILE] [--keep | --cluster CLUSTER]`: exit status 0 when all went as
promised, 1 when not. `make kind` is the same on a kind cluster."""

import asyncio
import signal
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from demo.run import Demo
from testbed import kind, places
from testbed.bed import Bed
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle, current_cluster

_INTERRUPTED = 130
_KEPT = "demo"
_ON_KIND = "crossfade"


def main(
    report: Annotated[Path | None, typer.Option(help="Write what happened to this file, as JSON.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything up and say what to try next.")] = False,
    cluster: Annotated[
        Literal["testbed", "current", "kind"],
        typer.Option(help="Our own bed, the cluster of $KUBECONFIG, or a new kind cluster; docs/kind.md."),
    ] = "testbed",
) -> None:
    """Three real models on a real cluster: the second is promoted, the third is rolled back by itself."""
    console = Console(highlight=False)
    try:
        with _elsewhere(console, keep=keep, cluster=cluster) as found:
            demo = Demo(console, report, kept_as=_KEPT if keep else None, elsewhere=found)
            sys.exit(asyncio.run(_until_signalled(demo)))
    except TestbedError as failure:
        print(failure, file=sys.stderr)
        raise typer.Exit(1) from None


def _elsewhere(console: Console, *, keep: bool, cluster: str) -> AbstractContextManager[ClusterHandle | None]:
    """The cluster to play in, None for a bed of our own. Raises TestbedError where it cannot begin."""
    if cluster == "testbed":
        if keep and any(bed.name == _KEPT for bed in Bed.all()):
            raise TestbedError(f"a demo is up already; end it with `python -m testbed down --name {_KEPT}`")
        return nullcontext()
    if keep:
        raise TestbedError("--keep is for the testbed alone: another cluster stays as it is anyway")
    return nullcontext(_kind(console)) if cluster == "kind" else current_cluster()


def _kind(console: Console) -> ClusterHandle:
    """A new kind cluster, which stays. Raises TestbedError."""
    kubeconfig = places.cache() / "kind.kubeconfig"
    made = kind.up(_ON_KIND, kubeconfig, lambda line: console.print(line, markup=False))
    console.print(f"export KUBECONFIG={kubeconfig}; `kind delete cluster --name {_ON_KIND}` ends it", markup=False)
    return made


async def _until_signalled(demo: Demo) -> int:
    """Run the demo; the first SIGINT or SIGTERM ends it, with everything it started, later ones change nothing."""
    task = asyncio.ensure_future(demo.run())
    signals = (signal.SIGINT, signal.SIGTERM)
    loop = asyncio.get_running_loop()

    def end() -> None:
        for number in signals:
            loop.add_signal_handler(number, int)
        task.cancel()

    for number in signals:
        loop.add_signal_handler(number, end)
    try:
        return await task
    except asyncio.CancelledError:
        return _INTERRUPTED


if __name__ == "__main__":
    typer.run(main)
