"""Programs for Node.js, whose packages npm installs once from a list that is locked by hash."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from testbed import places
from testbed.errors import TestbedError
from testbed.locking import once
from testbed.progress import Progress, silent


def node_env(name: str, progress: Progress = silent) -> Path:
    """The folder with the packages locked in testbed/envs/<name>/package-lock.json, in its node_modules; made on first
    use in about half a minute. Raises TestbedError where there is no npm, or the packages cannot be installed."""
    lists = places.REPOSITORY / "testbed" / "envs" / name
    identity = hashlib.sha256((lists / "package-lock.json").read_bytes()).hexdigest()[:16]
    kept = places.cache() / "envs" / f"{name}-{identity}"
    return once(kept, lambda: _make(lists, kept, progress))


def _make(lists: Path, kept: Path, progress: Progress) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise TestbedError(f"{lists.name} runs on Node.js; install it with npm (Debian: apt-get install nodejs npm)")
    progress(f"environment {lists.name}: installing package-lock.json (once, about half a minute)")
    work = Path(tempfile.mkdtemp(prefix=f".{kept.name}-", dir=kept.parent))
    try:
        for listed in lists.iterdir():
            shutil.copy(listed, work)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        done = subprocess.run(command, cwd=work, check=False, capture_output=True, text=True, env=dict(os.environ))
        if done.returncode:
            raise TestbedError(f"{lists.name} cannot be installed: {done.stderr.strip()[-600:]}")
        work.rename(kept)
    finally:
        shutil.rmtree(work, ignore_errors=True)
