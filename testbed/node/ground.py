"""What a real node finds on its machine: folders and settings that are its bed's alone and end with it.

Called by the bed's first process, in whose mount namespace alone all this is seen.
"""

import os
import subprocess
import sys
from pathlib import Path

from testbed import places
from testbed.errors import TestbedError
from testbed.layout import Layout
from testbed.node import cgroups

COVERED = (Path("/run"), Path("/var/lib"), Path("/var/log"))
"""Where the kubelet, containerd and network plugins write, whatever they are told."""
SETTINGS = (
    *("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"),
    *("kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"),
)
"""What the kubelet sets for the whole machine: it is given files to write to."""


def prepare(layout: Layout) -> None:
    """Make it. Raises TestbedError."""
    cgroups.create(cgroups.name_of(layout.folder))
    for place in COVERED:
        _cover(place, (layout.folder, places.REPOSITORY, places.cache(), Path(sys.prefix), Path(sys.base_prefix)))
    layout.node.mkdir()
    for setting in SETTINGS:
        stands_for = Path("/proc/sys", setting)
        decoy = layout.node / stands_for.name
        decoy.write_text(stands_for.read_text())
        _mount("--bind", str(decoy), str(stands_for))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")  # of the bed's own network


def _cover(place: Path, kept: tuple[Path, ...]) -> None:
    """Give the bed an empty folder there, in which only what is `kept` is seen as before."""
    inside = sorted({path for path in kept if path.is_relative_to(place)})
    opened = {path: os.open(path, os.O_PATH) for path in inside}
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(place))
    for path, descriptor in opened.items():
        path.mkdir(parents=True, exist_ok=True)
        _mount("--no-canonicalize", "--bind", f"/proc/self/fd/{descriptor}", str(path), keep=(descriptor,))
        os.close(descriptor)


def _mount(*words: str, keep: tuple[int, ...] = ()) -> None:
    done = subprocess.run(["mount", *words], check=False, capture_output=True, text=True, pass_fds=keep)
    if done.returncode:
        raise TestbedError(f"`mount {' '.join(words)}` failed in the bed's namespaces: {done.stderr.strip()}")
