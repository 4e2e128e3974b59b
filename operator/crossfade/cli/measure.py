"""`crossfade measure`: what the pod runs that reads a model on a volume for the operator."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from crossfade.cli.last_words import tell_kubelet

_EXIT_FAILED = 1


def measure(
    uri: Annotated[str, typer.Option(help="Where the model is, as pvc://<claim>/<path>.")],
    volume: Annotated[Path, typer.Option(help="The folder at which the claim is mounted.")],
) -> None:
    """Read a model on a volume once, and leave its digest and what its files are as the container's last words.

    Exit status: 0 read, 3 a model that can never be read as it is, 1 anything else.
    """
    try:
        status, words = asyncio.run(_measure(uri, volume))
    except asyncio.CancelledError:
        raise typer.Exit(128 + signal.SIGTERM) from None
    tell_kubelet(words)
    if status:
        typer.echo(f"crossfade measure: {words}", err=True)
        raise typer.Exit(status)
    typer.echo(words)


async def _measure(uri: str, volume: Path) -> tuple[int, str]:
    """Exit status, and what to say."""
    from crossfade.adapters.artifacts.volume import VolumeArtifacts
    from crossfade.observe.handover import packed
    from crossfade.observe.measured import REFUSED_EXIT
    from crossfade.observe.reading import read_model
    from crossfade.ports import SourceError

    task = asyncio.current_task()
    if task is not None:  # as a container's first process we would outlive SIGTERM
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        reading = await read_model(VolumeArtifacts(volume), uri)
    except SourceError as failure:
        return _EXIT_FAILED if failure.retry else REFUSED_EXIT, str(failure)
    return 0, packed(reading)
