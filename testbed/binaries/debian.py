"""Programs inside packages of Debian, which need nothing else of it but the C library."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from testbed.binaries.catalogue import Tool, machine
from testbed.binaries.source import NotHereError, verify
from testbed.progress import Progress


class DebianPackages:
    """Downloads one package, held to its pinned sum, and takes the program out without installing it."""

    name = "Debian's packages"

    def fetch(self, tool: Tool, into: Path, progress: Progress) -> None:
        """See Source."""
        deb = tool.deb
        if deb is None or deb.machine != machine() or not shutil.which("apt-get"):
            raise NotHereError(f"no package for {machine()}, or no apt-get")
        progress(f"{tool.name} {tool.version}: fetching the package {deb.requirement}")
        with tempfile.TemporaryDirectory() as folder:
            download = ["apt-get", "download", "--quiet", deb.requirement]
            try:
                _run(download, folder)
            except NotHereError:  # a fresh machine knows no package by name yet
                _run(["apt-get", "update", "--quiet"], folder)
                _run(download, folder)
            package = next(Path(folder).glob("*.deb"))
            verify(package, deb.sha256, deb.requirement)
            _run(["dpkg-deb", "--extract", package.name, "unpacked"], folder)
            shutil.copy(Path(folder) / "unpacked" / deb.member, into / tool.programs[0])


def _run(command: list[str], folder: str) -> None:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise NotHereError(f"{command[0]}: {done.stderr.strip()[-200:]}")
