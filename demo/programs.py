"""Programs that reach the cluster, as an asynchronous program needs them: asked for an answer, or started to stay."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from demo.errors import DemoError
from testbed import places
from testbed.handle import ClusterHandle

_LINE_BYTES = 4 << 20
"""The longest line that is read: an object as JSON."""
_LAST_WORDS = 600


async def ask(cluster: ClusterHandle, *argv: str) -> str:
    """Run a program and return its output. Cancelling ends it. Raises DemoError with its last words."""
    output: list[str] = []
    await listen(cluster, *argv, hear=output.append)
    return "".join(output)


async def listen(cluster: ClusterHandle, *argv: str, hear: Callable[[str], object]) -> None:
    """Run a program and pass on each line of its output as soon as it is there; else as `ask`."""
    async with _started(cluster, argv, subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        _, complaint = await asyncio.gather(_heard(process.stdout, hear), process.stderr.read())
        await process.wait()
    if process.returncode:
        said = complaint.decode(errors="replace").strip()[-_LAST_WORDS:]
        raise DemoError(f"`{' '.join(argv)}` ended with status {process.returncode}: {said}")


async def _heard(output: asyncio.StreamReader, hear: Callable[[str], object]) -> None:
    async for line in output:
        hear(line.decode())


async def watch(cluster: ClusterHandle, kind: str, name: str) -> AsyncIterator[dict[str, Any]]:
    """Every state of one object from now on, by `kubectl get --watch`. Raises DemoError when the watch ends."""
    argv = ("kubectl", "get", kind, name, "--watch", "--output", 'jsonpath={$}{"\\n"}')
    async with _started(cluster, argv, subprocess.DEVNULL) as process:
        assert process.stdout is not None
        async for line in process.stdout:
            if line.strip():
                yield json.loads(line)
    raise DemoError(f"the watch of {kind}/{name} ended with status {process.returncode}")


def start(cluster: ClusterHandle, argv: Sequence[str], log: Path) -> subprocess.Popen[Any]:
    """Start a program that stays until it is ended, or the bed that it runs in is. It may outlive this process."""
    with log.open("wb") as words:
        return cluster.popen(
            argv,
            cwd=places.REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )


@contextlib.asynccontextmanager
async def _started(
    cluster: ClusterHandle, argv: Sequence[str], complaints: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program that ends with the context. Its session is its own, so that Ctrl-C reaches only us."""
    process = await asyncio.create_subprocess_exec(
        *cluster.command(argv),
        cwd=places.REPOSITORY,
        env=os.environ | cluster.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        limit=_LINE_BYTES,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()
