"""Catches a bed that needs more rights than a plain user with user namespaces has."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import envoy, places
from testbed.binaries import TOOLS, locate

NOBODY = 65534


def blocked(path: Path) -> Path | None:
    """The outermost folder above `path` that others may not pass through."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & 0o001:
            return folder
    return None


def opening(needed: list[Path], stage: Path) -> list[str]:
    """Shell lines that let everybody reach the folders `needed`, to be run in a mount namespace of their own."""
    lines, closed = [], {folder for path in needed if (folder := blocked(path))}
    for number, path in enumerate(needed):
        (stage / str(number)).mkdir()
        lines.append(shlex.join(["mount", "--bind", str(path), str(stage / str(number))]))
    lines += [shlex.join(["mount", "-t", "tmpfs", "-o", "mode=755", "none", str(folder)]) for folder in sorted(closed)]
    for number, path in enumerate(needed):
        if blocked(path):
            lines.append(shlex.join(["mkdir", "-p", str(path)]))
            lines.append(shlex.join(["mount", "--bind", str(stage / str(number)), str(path)]))
    return lines


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that everybody can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests of the bed run without root already")
def test_a_plain_user_brings_a_bed_up_and_down(open_folder: Path) -> None:
    if int(Path("/proc/sys/user/max_user_namespaces").read_text()) == 0:
        pytest.skip("this machine allows no user namespaces")
    for tool in TOOLS:
        locate(tool, print)
    envoy.fetch(print)
    home, stage = open_folder / "home", open_folder / "stage"
    home.mkdir()
    stage.mkdir()
    os.chown(home, NOBODY, NOBODY)
    python, cache = Path(sys.prefix) / "bin" / "python", places.cache()
    lines = opening([Path(sys.base_prefix), Path(sys.prefix), places.REPOSITORY, cache], stage)
    name = f"rootless-{os.getpid()}"
    testbed = f"{python} -m testbed"
    lines += [
        f"cd {places.REPOSITORY}",
        f"exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups env -u XDG_RUNTIME_DIR HOME={home} "
        f"XDG_CACHE_HOME={cache.parent} sh -ec '{testbed} up --name {name} --envoy; "
        f"{testbed} run --name {name} -- kubectl get gateway -A -o name; {testbed} down --name {name}'",
    ]
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(lines)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    gateways = {f"gateway.gateway.networking.k8s.io/{name}" for name in ("public", "public-envoy")}
    assert gateways <= set(done.stdout.split())
    assert not Path(f"/tmp/crossfade-{NOBODY}").exists()
