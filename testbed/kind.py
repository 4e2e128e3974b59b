"""A throw-away kind cluster, on machines that have Docker and kind."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.errors import TestbedError
from testbed.handle import CurrentCluster


@contextmanager
def kind_cluster(name: str) -> Iterator[CurrentCluster]:
    """Make a kind cluster for the body and delete it afterwards. Raises TestbedError without Docker or kind."""
    for program, proof in (("docker", ("docker", "info")), ("kind", ("kind", "version"))):
        if shutil.which(program) is None or subprocess.run(proof, check=False, capture_output=True).returncode:
            raise TestbedError(
                f"--cluster=kind needs {program}, and `{' '.join(proof)}` fails; install it or use --cluster=testbed"
            )
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        try:
            _kind("create", "cluster", "--name", name, "--wait", "120s", "--kubeconfig", str(kubeconfig))
            yield CurrentCluster(kubeconfig)
        finally:
            _kind("delete", "cluster", "--name", name)


def _kind(*arguments: str) -> None:
    done = subprocess.run(["kind", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise TestbedError(f"`kind {' '.join(arguments)}` failed: {done.stderr.strip()}")
