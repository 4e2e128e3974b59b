"""`python -m bench.image`: what the image weighs, how long the operator in it needs until it is ready, and its memory.

Made by the Dockerfile's own steps with the Python of its base where this machine has one on PATH; on a bed of its own.
"""

import argparse
import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console

from bench.figures import Bar, Figure, show, tell, write
from testbed.bed import Bed
from tests.support.dockerfile import build, weight
from tests.support.installation import administrator, install, new_namespace
from tests.support.operator_process import Installation, OperatorProcess, metric

RESULTS = Path(__file__).parent / "results" / "image.json"
_MEBIBYTE = 2**20
_UNPACKED, _PACKED, _READY_SECONDS, _IDLE = 150.0, 60.0, 2.0, round(90e6 / _MEBIBYTE, 1)
"""The bars: MiB above the base, unpacked and packed; seconds to ready; MiB of memory with no Rollout, being 90 MB."""
_FRAMEWORK = (
    "import time, kopf, aiohttp; from kubernetes.aio import config; from kubernetes.aio.client import ApiClient; "
    "print(time.process_time(), open('/proc/self/statm').read().split()[1])"
)
_BASELINE = "the same Python, which imports kopf and the Kubernetes client and ends"
_console = Console(stderr=True, highlight=False)


def framework(app: Path) -> tuple[float, float, float]:
    """Seconds, those of processor time, and MiB of an interpreter that imports what we are built on and ends."""
    begun = time.monotonic()
    told = subprocess.run(
        [app / "bin" / "python", "-c", _FRAMEWORK], capture_output=True, text=True, check=True, env={}
    )
    seconds = time.monotonic() - begun
    busy, pages = told.stdout.split()
    return seconds, float(busy), int(pages) * os.sysconf("SC_PAGE_SIZE") / _MEBIBYTE


def started(installation: Installation, app: Path, namespace: str, log: Path) -> tuple[float, float, float]:
    """Seconds from the process to /readyz, and of processor time in these; MiB once it has compared all that it knows
    with the API server."""
    program = str(app / "bin" / "python")
    operator = OperatorProcess(installation, log, [namespace], environment={"PYTHONPATH": ""}, python=program)
    begun = time.monotonic()
    with operator:
        seconds = time.monotonic() - begun
        busy = metric(operator.url, "process_cpu_seconds_total")
        operator.until_audited()
        return seconds, busy, metric(operator.url, "process_resident_memory_bytes") / _MEBIBYTE


async def measure(installation: Installation, app: Path, runs: int) -> list[Figure]:
    """Both, in turns with their baseline."""
    lives, bare = [], []
    async with administrator(installation.bed) as admin, new_namespace(admin, installation) as endpoint:
        for number in range(runs):
            log = installation.file_root / f"life-{number}.log"
            lives.append(await asyncio.to_thread(started, installation, app, endpoint.namespace, log))
            bare.append(framework(app))
    quantities = [("from the operator's process to ready", "s"), ("processor time of that", "s")]
    quantities.append(("resident memory with no Rollout", "MiB"))
    return [
        Figure(what, unit, values, _BASELINE, bare_values)
        for (what, unit), values, bare_values in zip(
            quantities, zip(*lives, strict=True), zip(*bare, strict=True), strict=True
        )
    ]


def bars(unpacked: float, packed: float, seconds: Sequence[float], memory: Sequence[float]) -> list[Bar]:
    """What is promised of the image."""
    found = [
        ("unpacked above its base", unpacked, _UNPACKED, "MiB"),
        ("packed above its base", packed, _PACKED, "MiB"),
        ("start to ready", median(seconds), _READY_SECONDS, "s"),
        ("resident memory, idle", median(memory), _IDLE, "MiB"),
    ]
    return [
        Bar(f"{what}: at most {most:g} {unit}", f"{value:.3g} {unit}", "", value <= most)
        for what, value, most, unit in found
    ]


def main() -> None:
    """Entry point. Ends with 1 when a bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m bench.image", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="starts to time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crossfade-bench-") as name:
        app = Path(name) / "app"
        build(Path(name) / "src", app)
        unpacked, packed = (size / _MEBIBYTE for size in weight(app))
        bed = Bed.up(f"bench-image-{os.getpid()}", tied=True, progress=_console.print)
        try:
            bed.enter()
            (Path(name) / "models").mkdir()
            figures = asyncio.run(measure(install(bed, Path(name) / "models"), app, options.runs))
        finally:
            bed.down()
    show(figures)
    write(figures, RESULTS)
    found = bars(unpacked, packed, figures[0].values, figures[2].values)
    tell(found)
    raise SystemExit(not all(bar.met for bar in found))


if __name__ == "__main__":
    main()
