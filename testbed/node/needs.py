"""What a real node needs: a machine that lets it be, and its programs."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.binaries import Kubernetes
from testbed.binaries.catalogue import KITS, KUBERNETES, NODE
from testbed.binaries.debian_root import DebianRoot, debian_root
from testbed.binaries.locate import Programs, locate
from testbed.errors import TestbedError
from testbed.node import cgroups
from testbed.progress import Progress
from testbed.unshare import may_administer


@dataclass(frozen=True, slots=True)
class NodePrograms:
    """`kubernetes` are the words that start the kubelet and kube-proxy; everything else is in `packages`."""

    kubernetes: Programs
    packages: DebianRoot


def fetch(kubernetes: Kubernetes, progress: Progress) -> NodePrograms:
    """See that all is here for a bed with this control plane; from inside a bed's network nothing can be fetched.
    Raises TestbedError with the reason why there can be no real node on this machine."""
    if kubernetes is not Kubernetes.NEWEST:
        raise TestbedError(
            f"a real node is {KUBERNETES}'s alone: a kubelet may not be newer than its API server, and none of the "
            f"{kubernetes} Kubernetes is in the catalogue; take the newest, or the stand-in"
        )
    _check_machine()
    found, packages = kubernetes_programs(progress), debian_root("node", progress)
    check_packages(packages, progress)
    return NodePrograms(found, packages)


def _check_machine() -> None:
    if not may_administer():
        raise TestbedError("a real node needs root: containerd and runc make namespaces and cgroups for others")
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        raise TestbedError("a real node needs the file system overlay, which this kernel has not loaded")
    cgroups.check()


def kubernetes_programs(progress: Progress) -> Programs:
    """The kit's, where that is one program that has both, as one that is compiled has not; else those found by
    themselves. Raises TestbedError when they are of another version than the API server."""
    first, *rest = locate(KITS[Kubernetes.NEWEST], progress)["etcd"]
    of_kit = {name: (first, name) for name in NODE.programs}
    if rest and not any(map(_complaint, of_kit.values())):
        return of_kit
    programs = locate(NODE, progress)
    for name, words in programs.items():
        if complaint := _complaint(words):
            raise TestbedError(f"a real node needs {name} {KUBERNETES}, and {complaint}")
    return programs


def check_packages(packages: DebianRoot, progress: Progress) -> None:
    """See that they run on this machine, and tell which versions they are. Raises TestbedError."""
    environment = os.environ | dict(packages.environment())
    told = []
    for name in ("containerd", "runc"):
        said = _said([packages.program(name), "--version"], environment)
        if said.returncode:
            raise TestbedError(f"a real node needs {name}, which says: {said.stdout.strip()}")
        told.append(said.stdout.partition("\n")[0].strip())
    progress(f"real node: {', '.join(told)}")
    rules = _said([packages.program("nft"), "list", "tables"], environment)
    if rules.returncode:
        raise TestbedError(f"a real node needs nf_tables of the kernel, and nft says: {rules.stdout.strip()}")


def _complaint(words: Sequence[str]) -> str:
    """Why these do not start a program of the API server's version; empty when they do."""
    said = _said([*words, "--version"])
    return "" if f"v{KUBERNETES}" in said.stdout.split() else f"{' '.join(words)} says: {said.stdout.strip()}"


def _said(words: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """How a command ended, and all that it said."""
    return subprocess.run(
        words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
