"""Would catch a real node that runs no pod, or that leaves something of itself on the machine."""

import os
import select
import signal
from pathlib import Path

import pytest

from testbed.bed import Bed
from testbed.node import cgroups
from testbed.node.config import SANDBOX
from testbed.process import parent

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

_PLACES = ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers", "/var/log/pods")
_SETTINGS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")
_IDLE = ("--restart=Never", "--command", "--", "/bin/busybox", "sleep", "1000")


def traces(bed: str) -> dict[str, object]:
    """What a node could leave of itself on the machine."""
    return {
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "settings": [Path("/proc/sys", name).read_text() for name in _SETTINGS],
        "places": [place for place in _PLACES if Path(place).exists()],
        "groups": sorted(map(str, Path("/sys/fs/cgroup").glob(f"*/{cgroups.name_of(bed)}"))),
        "processes": [entry.name for entry in Path("/proc").glob("[0-9]*") if bed in _command(entry)],
    }


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:  # it has ended meanwhile
        return ""


@pytest.mark.parametrize("killed", [False, True])
def test_a_pod_runs_and_when_the_bed_ends_nothing_is_left(able: list[Path], killed: bool) -> None:
    """Also when its first process is killed: what is left then is removed by the next `down` or `up`."""
    name = f"left-{os.getpid()}"
    before = traces(name)
    bed = Bed.up(name, real_node=True, tied=True)
    try:
        bed.kubectl("run", "idle", f"--image={SANDBOX}", *_IDLE)
        bed.kubectl("wait", "pod/idle", "--for=condition=Ready", "--timeout=60s")
        during = traces(name)
        assert during["groups"]
        assert [during[same] for same in ("mounts", "settings", "places")] == [
            before[same] for same in ("mounts", "settings", "places")
        ]
        if killed:
            keeper = os.pidfd_open(parent(bed.pid))
            os.kill(bed.pid, signal.SIGKILL)
            assert select.select([keeper], [], [], 10)[0], "the keeper of the namespaces outlived them"
            os.close(keeper)
        bed.down()
    finally:
        Bed.remove(name)
    assert traces(name) == before
