"""Loaders as processes of their own: run to their end, killed on the way, measured, or stopped at a step."""

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crossfade.model.manifest import File, mvd1
from crossfade.observe.staging import STAGING

from tests.contract.conftest import inherited_environment
from tests.support.byte_server import URI, ByteServer
from tests.support.folders import on_disk

MIB = 1 << 20


LOAD = [sys.executable, "-m", "crossfade", "load"]


def digest_of(folder: Path) -> str:
    """The mvd1 digest, by its definition."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return mvd1(
        File(str(path.relative_to(folder)), path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
    )


def arguments(server: ByteServer, to: Path, digest: str | None = None) -> list[str]:
    return ["--uri", URI, "--digest", digest or digest_of(server.folder), "--to", str(to)]


def load(server: ByteServer, to: Path, digest: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the loader to its end."""
    environment = inherited_environment(CROSSFADE_HUGGING_FACE_ADDRESS=server.url)
    return subprocess.run(
        [*LOAD, *arguments(server, to, digest)], env=environment, capture_output=True, text=True, check=False
    )


@contextmanager
def loading(server: ByteServer, to: Path, command: list[str] = LOAD) -> Iterator["subprocess.Popen[str]"]:
    """A loader that is under way, and is killed in the end as nothing can prepare for."""
    environment = inherited_environment(CROSSFADE_HUGGING_FACE_ADDRESS=server.url)
    with subprocess.Popen(
        [*command, *arguments(server, to)], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.send_signal(signal.SIGKILL)


def until(held: Callable[[], bool]) -> None:
    """Return once it is so."""
    end = time.monotonic() + 120
    while not held():
        assert time.monotonic() < end, "what was waited for never came"
        time.sleep(0.01)


def part_of(to: Path, server: ByteServer, name: str = "weights") -> Path:
    return to / STAGING / digest_of(server.folder).removeprefix("sha256:") / name


def killed_in_the_middle(server: ByteServer, to: Path) -> Path:
    """A loader was killed when 2 MiB or more of the weights were on disk, and all of the rest. Returns the part."""
    part = part_of(to, server)
    rest = {name: whole for name, whole in on_disk(server.folder).items() if name != "weights"}

    sent = server.sent + 3 * MIB + sum(map(len, rest.values()))

    def there() -> bool:
        """With all counted that the server sends, lest a thread of its counts more when we have begun anew."""
        found = on_disk(part.parent) if part.exists() else {}
        half = len(found.get("weights", b"")) >= 2 * MIB and found.items() >= rest.items()
        return half and server.sent >= sent

    server.stall = 3 * MIB
    with loading(server, to):
        until(there)
    server.stall = None
    server.asked.clear()
    server.sent = 0
    return part


def peak(output: str) -> int:
    """Bytes of resident memory that a process said it had at most."""
    return int(output.split()[-1]) * 1024


PEAK = """
import atexit, sys
from pathlib import Path

def tell():
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(line.split()[1])

atexit.register(tell)
if len(sys.argv) > 1:
    from crossfade.__main__ import main
    sys.argv[1:1] = ["load"]
    main()
"""


SETTLING = """
import sys, time
from pathlib import Path
from crossfade.__main__ import main
from crossfade.observe.staging import Staging

def stop():
    print("settling", flush=True)
    time.sleep(600)

def counted(entry, target, rename=Path.rename):
    global moved
    if moved == 0:
        stop()
    moved -= 1
    return rename(entry, target)

moved = int(sys.argv.pop(1))
Path.rename, Staging.clear = counted, lambda _: stop()
sys.argv[1:1] = ["load"]
main()
"""
"""A loader that stops before it moves its next file, after so many, and before it clears up, after all."""
