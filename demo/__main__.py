"""`make demo`, or `python -m demo [--report FILE] [--keep]`: exit status 0 when all went as promised, 1 when not."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from demo.run import Demo
from testbed.bed import Bed

_INTERRUPTED = 130
_KEPT = "demo"


def main(
    report: Annotated[Path | None, typer.Option(help="Write what happened to this file, as JSON.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything up and say what to try next.")] = False,
) -> None:
    """Three real models on a real cluster: the second is promoted, the third is rolled back by itself."""
    if keep and any(bed.name == _KEPT for bed in Bed.all()):
        print(f"a demo is up already; end it with `python -m testbed down --name {_KEPT}`", file=sys.stderr)
        raise typer.Exit(1)
    sys.exit(asyncio.run(_until_signalled(Demo(Console(highlight=False), report, kept_as=_KEPT if keep else None))))


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
