"""Binaries that somebody packed into `shared/bin` beside the repository."""

import lzma
import shutil
from pathlib import Path

from testbed import places
from testbed.binaries.catalogue import Tool, machine
from testbed.binaries.source import NotHereError, verify
from testbed.progress import Progress


class SharedFolder:
    """Reads `<name>-linux-<machine>.xz` from a folder; both sums, packed and unpacked, are pinned."""

    name = "shared folder"

    def __init__(self, folder: Path = places.REPOSITORY.parent / "shared" / "bin") -> None:
        self._folder = folder

    def fetch(self, tool: Tool, into: Path, progress: Progress) -> None:
        """See Source."""
        packed = self._folder / f"{tool.name}-linux-{machine()}.xz"
        if not tool.packed or not packed.is_file():
            raise NotHereError(f"no {packed}")
        progress(f"{tool.name} {tool.version}: unpacking {packed.name} ({packed.stat().st_size >> 20} MB)")
        verify(packed, tool.packed, str(packed))
        program = into / tool.name
        with lzma.open(packed) as source, program.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        verify(program, tool.unpacked, f"the program in {packed}")
        program.chmod(0o755)
