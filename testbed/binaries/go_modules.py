"""Programs compiled from their projects' own Go modules: minutes for Kubernetes, but no download page is needed."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from testbed import places
from testbed.binaries.catalogue import Build, Tool
from testbed.binaries.source import NotHereError
from testbed.errors import TestbedError
from testbed.progress import Progress

_PROGRESS_EVERY = 30.0


class GoModules:
    """Runs `go build` on a folder of the testbed; go.sum pins the hash of every module that goes in."""

    name = "Go modules"

    def fetch(self, tool: Tool, into: Path, progress: Progress) -> None:
        """See Source."""
        if tool.build is None:
            raise NotHereError("not built from source")
        go = shutil.which("go")
        if go is None:
            raise NotHereError("no go on PATH")
        progress(f"{tool.name} {tool.version}: compiling it with {go}; this is done once and takes many minutes")
        cache = Path(tempfile.mkdtemp(prefix=f"go-build-{tool.name}-", dir=places.cache()))
        try:
            self._build(go, tool, tool.build, into / tool.name, cache, progress)
        finally:
            shutil.rmtree(cache, ignore_errors=True)

    def _build(self, go: str, tool: Tool, build: Build, binary: Path, cache: Path, progress: Progress) -> None:
        command = [go, "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false", "-tags", build.tags]
        command += [f"-modfile={build.modules}"] if build.modules else []
        command += ["-ldflags", f"-s -w {build.linker_flags}", "-o", str(binary), build.package]
        process = subprocess.Popen(
            command,
            cwd=places.REPOSITORY / "testbed" / build.folder,
            env=os.environ | {"CGO_ENABLED": "0", "GOCACHE": str(cache), "GOWORK": "off"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        last = _follow(process, tool, progress)
        if process.wait():
            raise TestbedError(f"{tool.name} {tool.version} does not compile: {' / '.join(last)}")


def _follow(process: subprocess.Popen[str], tool: Tool, progress: Progress) -> list[str]:
    """Tell how many packages are compiled now and then; returns the last lines that the compiler said."""
    assert process.stderr is not None
    started = told = time.monotonic()
    last: list[str] = []
    for count, line in enumerate(process.stderr, 1):
        last = [*last[-4:], line.strip()]
        now = time.monotonic()
        if now - told >= _PROGRESS_EVERY:
            told = now
            progress(f"{tool.name} {tool.version}: {count} packages after {now - started:.0f} s, at {line.strip()}")
    return last
