"""A folder for large files that goes with the process that made it; of a killed one, with the next that makes one."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.locking import exclusive


@contextmanager
def own_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """An empty one in `parent`, else in the system's for temporary files; what no living process owns is removed first.

    Its owner holds the lock beside it, which the kernel takes back from the dead.
    """
    place = parent or Path(tempfile.gettempdir())
    _remove_ownerless(place, prefix)
    folder = place / f"{prefix}{secrets.token_hex(4)}"
    with exclusive(_lock_of(folder)):
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_ownerless(place: Path, prefix: str) -> None:
    for folder in place.glob(f"{prefix}*/"):
        try:
            if folder.lstat().st_uid == os.getuid():
                with exclusive(_lock_of(folder), wait=False):
                    shutil.rmtree(folder, ignore_errors=True)
        except (BlockingIOError, FileNotFoundError):
            continue  # its owner lives, or has just ended


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")
