"""Programs that need libraries of Debian's beside them: packages unpacked into one folder, from which they are run.

Nothing is installed, and the machine's own lists of packages are not touched. apt holds every package to the sums in
Debian's signed lists. Its version is the one that the suite has, for Debian's servers keep no other.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed import places
from testbed.errors import TestbedError
from testbed.locking import once
from testbed.progress import Progress, silent

_MIRROR = "http://deb.debian.org/debian"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PROGRAMS = ("usr/sbin", "usr/bin", "sbin", "bin")


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """Packages unpacked below `folder`."""

    folder: Path

    def program(self, name: str) -> str:
        """The path of a program. Raises TestbedError when no package has it."""
        found = shutil.which(name, path=self._search())
        if found is None:
            raise TestbedError(f"the packages in {self.folder} have no {name}; remove that folder and try again")
        return found

    def environment(self) -> Mapping[str, str]:
        """What these programs need to find each other and their libraries."""
        path = f"{self._search()}:{os.environ.get('PATH', os.defpath)}"
        return {"PATH": path, "LD_LIBRARY_PATH": ":".join(self.libraries())}

    def libraries(self) -> list[str]:
        """The folders of their libraries."""
        return [str(path) for place in ("usr/lib", "lib") for path in self.folder.glob(f"{place}/*-linux-gnu")]

    def _search(self) -> str:
        return ":".join(str(self.folder / place) for place in _PROGRAMS)


def debian_root(name: str, progress: Progress = silent) -> DebianRoot:
    """The packages listed in testbed/debs/<name>.txt, unpacked; fetched on first use in about half a minute.

    Waits while another process fetches the same. Raises TestbedError where they cannot be had.
    """
    text = (places.REPOSITORY / "testbed" / "debs" / f"{name}.txt").read_text()
    packages = [line for line in text.splitlines() if line and not line.startswith("#")]
    identity = hashlib.sha256("\n".join(packages).encode()).hexdigest()[:16]
    kept = places.cache() / "debs" / f"{name}-{identity}"
    return DebianRoot(once(kept, lambda: _fetch(name, packages, kept, progress)))


def _fetch(name: str, packages: list[str], kept: Path, progress: Progress) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb") and _KEYRING.is_file()):
        raise TestbedError(f"the packages {name} are Debian's; they need apt-get, dpkg-deb and {_KEYRING}")
    progress(f"packages {name}: fetching {len(packages)} of Debian's (once)")
    began = time.monotonic()
    work = Path(tempfile.mkdtemp(prefix=f".{kept.name}-", dir=kept.parent))
    try:
        apt = _apt(work, sorted({package.partition("/")[2] for package in packages}))
        _run([*apt, "update"], work, name)
        _run([*apt, "download", *packages], work, name)
        (work / "root").mkdir()
        for package in sorted(work.glob("*.deb")):
            _run(["dpkg-deb", "--extract", package.name, "root"], work, name)
        (work / "root").rename(kept)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress(f"packages {name}: here after {time.monotonic() - began:.0f} s")


def _apt(work: Path, suites: list[str]) -> list[str]:
    """The words that begin a command of an apt with lists and sources of its own."""
    sources, lists, cache = work / "sources.list", work / "lists", work / "cache"
    sources.write_text("".join(f"deb [signed-by={_KEYRING}] {_MIRROR} {suite} main\n" for suite in suites))
    for folder in (lists, cache / "archives"):
        (folder / "partial").mkdir(parents=True)
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": lists,
        "Dir::Cache": cache,
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
        "APT::Update::Post-Invoke::": "/bin/true",
    }
    return ["apt-get", "--quiet", *(word for key, value in settings.items() for word in ("-o", f"{key}={value}"))]


def _run(command: list[str], work: Path, name: str) -> None:
    done = subprocess.run(command, cwd=work, check=False, capture_output=True, text=True)
    if done.returncode:
        raise TestbedError(f"the packages {name} cannot be had: {done.stderr.strip()[-600:]}")
