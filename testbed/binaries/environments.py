"""Virtual environments for servers that must not share one with the operator, made once from a hash-locked list."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from testbed import places
from testbed.binaries.python_index import uv
from testbed.errors import TestbedError
from testbed.locking import once
from testbed.progress import Progress, silent


def python_env(name: str, progress: Progress = silent) -> Path:
    """The folder of the virtual environment locked in testbed/envs/<name>.txt; made on first use in about a minute.

    Waits while another process makes the same one. Raises TestbedError when the packages cannot be installed.
    """
    lock = places.REPOSITORY / "testbed" / "envs" / f"{name}.txt"
    if not lock.is_file():
        raise TestbedError(f"there is no list of packages {lock}; name one of the .txt files in that folder")
    kept = _folder(name, lock)
    return once(kept, lambda: _make(name, lock, kept, progress))


def existing_env(name: str) -> Path | None:
    """The folder of the virtual environment if it is made already, else None."""
    kept = _folder(name, places.REPOSITORY / "testbed" / "envs" / f"{name}.txt")
    return kept if kept.is_dir() else None


def _folder(name: str, lock: Path) -> Path:
    identity = hashlib.sha256(lock.read_bytes() + platform.python_version().encode()).hexdigest()[:16]
    return places.cache() / "envs" / f"{name}-{identity}"


def _make(name: str, lock: Path, kept: Path, progress: Progress) -> None:
    progress(f"environment {name}: installing {lock.name} (once, about a minute)")
    started = time.monotonic()
    work = Path(tempfile.mkdtemp(prefix=f".{kept.name}-", dir=kept.parent))
    try:
        _run([uv(), "venv", "--quiet", "--relocatable", "--python", sys.executable, str(work / "env")], name)
        install = [uv(), "pip", "install", "--quiet", "--require-hashes", "--compile-bytecode"]
        _run([*install, "--python", str(work / "env" / "bin" / "python"), "-r", str(lock)], name)
        (work / "env").rename(kept)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress(f"environment {name}: ready after {time.monotonic() - started:.0f} s")


def _run(command: list[str], name: str) -> None:
    # UV_LINK_MODE: hard links from uv's cache fail across file systems, with a warning for each file
    environment = os.environ | {"UV_LINK_MODE": "copy"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise TestbedError(f"the environment {name} cannot be installed: {done.stderr.strip()[-600:]}")
