"""`python -m bench.loader`: how fast models are loaded and verified, and how much memory that takes.

Beside `curl | tee | sha256sum` on the same bytes from the same server, one after the other, in turns.
"""

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from crossfade.model.manifest import File, mvd1
from crossfade.observe.ahead import PART_BYTES
from crossfade.observe.stream import AT_ONCE
from rich.console import Console

from bench.figures import Bar, Figure, show, spread, tell, write
from tests.support.byte_server import URI, in_a_process

RESULTS = Path(__file__).parent / "results" / "loader.json"
_MIB = 1 << 20
_LEAST_SHARE = 0.8
"""Of what the pipe brings in the same run."""
_MOST_MEMORY = 64 + (AT_ONCE + 1) * PART_BYTES / _MIB
"""MiB above an idle interpreter: parts ahead of their hash, and one on its way into it, are buffers."""
PEAK = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
"""Who is measured tells its peak of resident memory itself, in KiB: what the kernel says of a child begins with its
parent's."""
_AS_IN_THE_IMAGE = (
    f"import atexit, sys; atexit.register(lambda: {PEAK}); sys.modules['httpx._main'] = None; "
    "from crossfade.__main__ import main; main()"
)
"""Without what image/left_out.txt leaves out, which would be imported here."""
_console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Case:
    """Files of a size in bytes, behind a server that gives each connection so many bytes a second, after a delay in
    seconds. `promised` ones are held to a share of the pipe."""

    name: str
    files: int
    size: int
    rate: float = float("inf")
    delay: float = 0.0
    sparse: bool = False
    promised: bool = False


CASES = (
    Case("one file of 1 GiB", 1, 1 << 30, promised=True),
    Case("200 files of 1 MiB", 200, 1 << 20, promised=True),
    Case("200 files of 1 MiB, each answer 20 ms late", 200, 1 << 20, delay=0.02),
    Case("one file of 256 MiB, 30 MiB/s a connection, each answer 20 ms late", 1, 256 << 20, 30 * _MIB, 0.02),
    Case("one sparse file of 4 GiB", 1, 4 << 30, sparse=True),
)


@contextmanager
def model(case: Case, above: Path) -> Iterator[tuple[Path, str]]:
    """A folder with the case's files, and their digest."""
    with tempfile.TemporaryDirectory(dir=above) as name:
        folder = Path(name)
        for number in range(case.files):
            with (folder / f"{number:03}").open("wb") as file:
                for _ in range(0 if case.sparse else case.size // _MIB):
                    file.write(os.urandom(_MIB))
                file.truncate(case.size)
        yield folder, mvd1(File(one.name, case.size, _sha256(one)) for one in folder.iterdir())


def seconds_and_peak(command: Sequence[str], **environment: str) -> tuple[float, float]:
    """How long a command takes, and the peak of its resident memory in MiB, as it tells by PEAK in the end."""
    seconds, told = _timed(command, **environment)
    return seconds, float(told.split()[-1]) / 1024


def _timed(command: Sequence[str], **environment: str) -> tuple[float, str]:
    """How long a command takes, and what it says."""
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | environment)
    return time.monotonic() - began, done.stdout


def compared(case: Case, runs: int, above: Path) -> list[Figure]:
    """The case's figures."""
    with model(case, above) as (folder, digest), in_a_process(folder, case.rate, case.delay) as url:
        to = above / "to"
        compiled = {"PYTHONPYCACHEPREFIX": str(above / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}  # as in the image
        load = [sys.executable, "-c", _AS_IN_THE_IMAGE, "load", "--uri", URI, "--digest", digest, "--to", str(to)]
        names = f"[000-{case.files - 1:03}]"
        pipe = f"curl -sf {shlex.quote(f'{url}/{names}')} | tee {shlex.quote(str(to / 'all'))} | sha256sum"
        ours: list[tuple[float, float]] = []
        theirs: list[float] = []
        for _ in range(runs + 1):
            _empty(to)
            theirs.append(_timed(["bash", "-o", "pipefail", "-c", pipe])[0])
            _empty(to)
            ours.append(seconds_and_peak(load, CROSSFADE_HUGGING_FACE_ADDRESS=url, **compiled))
        _empty(to)
    del ours[0], theirs[0]  # with which modules were compiled
    size = case.files * case.size / _MIB
    return [
        Figure(
            f"{case.name}: loaded, verified and on disk",
            "MiB/s",
            [size / seconds for seconds, _ in ours],
            "curl | tee | sha256sum",
            [size / seconds for seconds in theirs],
        ),
        Figure(
            f"{case.name}: peak resident memory", "MiB", [peak for _, peak in ours], "an idle interpreter", [_idle()]
        ),
    ]


def bars(case: Case, speed: Figure, memory: Figure) -> list[Bar]:
    """What is promised of the case, by its figures."""
    above = max(memory.values) - memory.baseline_values[0]
    promise = f"{case.name}: at most {_MOST_MEMORY:g} MiB of memory above an idle interpreter in any run"
    small = Bar(promise, f"{above:.3g} MiB", "", above <= _MOST_MEMORY)
    if not case.promised:
        return [small]
    promise = f"{case.name}: at least {_LEAST_SHARE:.0%} of {speed.baseline}, median of the runs"
    return [Bar(promise, spread(speed.ratios), "", median(speed.ratios) >= _LEAST_SHARE), small]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _idle() -> float:
    """The peak of an interpreter that does nothing, in MiB."""
    return seconds_and_peak([sys.executable, "-c", PEAK])[1]


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def main() -> None:
    """Entry point. Ends with 1 when a bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m bench.loader", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="loads of each case")
    parser.add_argument("--only", type=int, choices=range(len(CASES)), help="one case alone")
    options = parser.parse_args()
    figures: list[Figure] = []
    found: list[Bar] = []
    with tempfile.TemporaryDirectory(prefix="crossfade-loader-") as above:
        for number, case in enumerate(CASES):
            if options.only in (None, number):
                _console.print(case.name)
                figures += (measured := compared(case, options.runs, Path(above)))
                found += bars(case, *measured)
    show(figures)
    write(figures, RESULTS)
    tell(found)
    raise SystemExit(not all(bar.met for bar in found))


if __name__ == "__main__":
    main()
