"""Would catch a real node that runs no pod, or that leaves something of itself on the machine."""

import os
import select
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.bed import Bed
from testbed.binaries import Kubernetes
from testbed.errors import TestbedError
from testbed.node import cgroups, ground, needs
from testbed.node.config import SANDBOX
from testbed.process import parent
from testbed.progress import Progress, silent
from testbed.record import folder_of

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

_PLACES = ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers", "/var/log/pods")
_SETTINGS = [Path("/proc/sys", name) for name in ground.SETTINGS]
_NODE_READY = "Node ready, a real one"
_IDLE = ("--restart=Never", "--command", "--", "/bin/busybox", "sleep", "1000")


def traces(bed: str) -> dict[str, object]:
    """What a node could leave of itself on the machine."""
    return {
        "mounts": [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if _is_a_node_s(line, bed)],
        "settings": [setting.read_text() for setting in _SETTINGS],
        "places": [place for place in _PLACES if Path(place).exists()],
        "groups": sorted(map(str, Path("/sys/fs/cgroup").glob(f"*/{cgroups.name_of(folder_of(bed))}"))),
        "processes": [entry.name for entry in Path("/proc").glob("[0-9]*") if bed in _command(entry)],
    }


def _is_a_node_s(mount: str, bed: str) -> bool:
    """Whether a line of /proc/self/mountinfo is of a mount that a node makes: others come and go beside this test."""
    return bed in mount or Path(mount.split()[4]) in {*ground.COVERED, *_SETTINGS}


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:  # it has ended meanwhile
        return ""


def interrupting(words: str, look: Callable[[], None]) -> Progress:
    """Looks, and interrupts as Ctrl-C does, when the progress is told that has these words in it."""

    def tell(line: str) -> None:
        if words in line:
            look()
            raise KeyboardInterrupt

    return tell


@pytest.mark.parametrize("killed", [False, True])
def test_a_pod_runs_and_when_the_bed_ends_nothing_is_left(able: list[Path], killed: bool) -> None:
    """Also when its first process is killed: what is left then is removed by the next `down` or `up`."""
    name = f"left-{os.getpid()}"
    before = traces(name)
    bed = Bed.up(name, real_node=True, tied=True)
    try:
        bed.kubectl("run", "idle", f"--image={SANDBOX}", *_IDLE)
        bed.kubectl("wait", "pod/idle", "--for=condition=Ready", "--timeout=180s")
        during = traces(name)
        assert during["groups"]
        assert during["processes"]
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


def test_a_start_that_fails_leaves_nothing_but_its_logs(able: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"failing-{os.getpid()}"
    before, found = traces(name), needs.fetch(Kubernetes.NEWEST, silent)
    broken = replace(found, kubernetes={**found.kubernetes, "kubelet": ("false",)})
    monkeypatch.setattr(needs, "fetch", lambda *_: broken)
    try:
        with pytest.raises(TestbedError, match="kubelet ended with status 1 while starting"):
            Bed.up(name, real_node=True)
        assert traces(name) == before
        assert (folder_of(name) / "logs" / "containerd.log").is_file()
    finally:
        Bed.remove(name)


def test_a_start_that_is_interrupted_leaves_nothing(able: list[Path]) -> None:
    name = f"interrupted-{os.getpid()}"
    before, during = traces(name), dict[str, object]()
    try:
        with pytest.raises(KeyboardInterrupt):
            Bed.up(name, real_node=True, progress=interrupting(_NODE_READY, lambda: during.update(traces(name))))
        assert during["groups"]
        assert traces(name) == before
        assert not folder_of(name).exists()
    finally:
        Bed.remove(name)
