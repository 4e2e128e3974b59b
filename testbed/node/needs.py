"""What a real node needs: a machine that lets it be, and its programs."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from testbed.binaries.catalogue import KITS, KUBERNETES, NODE, Kubernetes
from testbed.binaries.debian_root import DebianRoot, debian_root
from testbed.binaries.locate import Programs, locate
from testbed.errors import TestbedError
from testbed.node import cgroups
from testbed.progress import Progress


@dataclass(frozen=True, slots=True)
class NodePrograms:
    """`kubernetes` are the words that start the kubelet and kube-proxy; everything else is in `packages`."""

    kubernetes: Programs
    packages: DebianRoot


def fetch(progress: Progress) -> NodePrograms:
    """See that all is here; from inside a bed's network nothing can be fetched. Raises TestbedError with the reason why
    there can be no real node on this machine."""
    if os.geteuid() != 0:
        raise TestbedError("a real node needs root: containerd and runc make namespaces and cgroups for others")
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        raise TestbedError("a real node needs the file system overlay, which this kernel does not have")
    cgroups.check()
    kubernetes, packages = _kubernetes(progress), debian_root("node", progress)
    _check_rules(packages)
    return NodePrograms(kubernetes, packages)


def _check_rules(packages: DebianRoot) -> None:
    words, environment = [packages.program("nft"), "list", "tables"], os.environ | dict(packages.environment())
    said = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    if said.returncode:
        raise TestbedError(f"a real node needs nf_tables of the kernel, and nft says: {said.stderr.strip()}")


def _kubernetes(progress: Progress) -> Programs:
    """Both are in the kit where that is one program, and downloads of their own where it is several."""
    first, *rest = locate(KITS[Kubernetes.NEWEST], progress)["etcd"]
    programs = {name: (first, name) for name in NODE.programs} if rest else locate(NODE, progress)
    for name, words in programs.items():
        said = subprocess.run([*words, "--version"], check=False, capture_output=True, text=True)
        if f"v{KUBERNETES}" not in said.stdout:
            raise TestbedError(f"a real node needs {name} {KUBERNETES}, but {words[0]} says: {said.stderr.strip()}")
    return programs
