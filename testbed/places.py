"""Where beds and downloads lie on disk."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from testbed.errors import TestbedError

REPOSITORY = Path(__file__).resolve().parent.parent


def beds() -> Path:
    """The folder of this user's beds, made if missing; only its owner can read it, for it holds keys.

    Raises PermissionError when somebody else made the folder first, and TestbedError inside a bed: from there no other
    bed's processes are seen, and whoever clears away what dead ones left would take the files of those that live.
    """
    if _is_inside():
        raise TestbedError("this program runs inside a bed; start, find and end beds from outside of one")
    parent = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(parent) / f"crossfade-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(
            f"{folder} must be a folder that belongs to user {os.getuid()} with mode 0700, "
            f"but its owner is {found.st_uid} and its mode {stat.S_IMODE(found.st_mode):04o}; remove it and try again"
        )
    return folder


def _is_inside() -> bool:
    """Whether the first process that is seen here is a bed's."""
    try:
        return b"testbed.init" in Path("/proc/1/cmdline").read_bytes()
    except OSError:
        return False


def bed_folders() -> Iterator[Path]:
    """Every folder that a bed of this user has made and not removed."""
    yield from sorted(entry for entry in beds().iterdir() if entry.is_dir())


def cache() -> Path:
    """The folder for downloads and builds, kept from bed to bed; made if missing."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "crossfade"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
