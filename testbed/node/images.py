"""How images come to a real node, which no registry answers: as archives."""

import subprocess
from pathlib import Path

from testbed.binaries.debian_root import DebianRoot
from testbed.errors import TestbedError
from testbed.layout import Layout
from testbed.node import archive
from testbed.node.config import SANDBOX, SOCKET


def import_words(root: DebianRoot, path: Path) -> list[str]:
    """The command that lets the kubelet find the images of an archive, as `docker save` writes them, by their names."""
    return [root.program("ctr"), "--address", SOCKET, "--namespace", "k8s.io", "images", "import", "--local", str(path)]


def add_sandbox(root: DebianRoot, layout: Layout, seconds: float) -> None:
    """Import the image of the container that holds a pod's network, which does nothing for as long as can be said.

    Waits for it, up to `seconds`, and lets nothing else happen meanwhile: whoever reaps all of a bed's processes would
    take this one's status. Raises TestbedError.
    """
    path = layout.node / "sandbox.tar"
    program = Path(root.program("busybox"))
    archive.write(path, SANDBOX, {"bin/busybox": program}, ["/bin/busybox", "sleep", "2147483647"])
    try:
        done = subprocess.run(import_words(root, path), check=False, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TestbedError(f"containerd does not take the image {SANDBOX} within {seconds:.0f} s") from None
    if done.returncode:
        raise TestbedError(f"containerd does not take the image {SANDBOX}: {done.stderr.strip()}")
