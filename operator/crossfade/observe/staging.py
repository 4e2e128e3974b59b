"""The folder of a load that is under way, and how what is verified gets from there to where a model server reads it.

It lies inside the target, as that is a mount point: nothing can be renamed across or onto it. What a killed load left
in it is gone on with, and nothing of it is trusted: every byte is hashed again.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from crossfade.model.manifest import safe_path
from crossfade.ports import StoredFile

STAGING: Final = ".crossfade-load"
STATUS: Final = "status.json"
"""Beside the parts; how far a load is, for people and hooks."""


class Staging:
    """The parts of the model with this digest, below `target`. The methods raise OSError."""

    def __init__(self, target: Path, digest: str) -> None:
        self._target = target
        self._root = target / STAGING
        self._parts = self._root / digest.removeprefix("sha256:")
        self._kept: set[str] = set()

    def begin(self) -> bool:
        """Whether a load is to be done: one was under way, or the target is empty. Makes the target.

        While the staging folder is there, everything is of a load that did not end: what that had moved into place
        comes back.
        """
        self._target.mkdir(parents=True, exist_ok=True)
        if not _is_folder(self._root):
            return not any(self._target.iterdir())
        for entry in [entry for entry in self._root.iterdir() if entry != self._parts]:
            _remove(entry)
        if not _is_folder(self._parts):
            _remove(self._parts)
            self._parts.mkdir()
        for entry in [entry for entry in self._target.iterdir() if entry != self._root]:
            _remove(self._parts / entry.name)
            entry.rename(self._parts / entry.name)
        return True

    def prepare(self, listed: Iterable[StoredFile]) -> int:
        """Keep what can be the beginning of a listed file, and nothing else. Returns how many bytes that is."""
        sizes = {safe_path(file.path): file.size for file in listed if file.archive is None}
        self._parts.mkdir(parents=True, exist_ok=True)
        kept = _parts_of(self._parts, sizes)
        self._kept = set(kept)
        needed, found = sum(sizes.values()) - sum(kept.values()), os.statvfs(self._root)
        free = found.f_bavail * found.f_frsize
        if needed > free:
            raise OSError(
                errno.ENOSPC, f"the model needs {needed} bytes more, and {free} are free; give the volume more room"
            )
        return sum(kept.values())

    def create(self, path: str, size: int) -> BinaryIO:
        """The file to write to, with what was kept of it from its beginning."""
        place = self._parts / path
        if path in self._kept:
            self._kept.discard(path)
            return place.open("r+b")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.open("xb")

    def remove(self, path: str) -> None:
        """Forget what was written to this file."""
        (self._parts / path).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything."""
        _remove(self._root)

    def settle(self) -> None:
        """Move the verified files into place. The staging folder goes last: while it is there, the load is not done."""
        for folder, _, _ in os.walk(self._parts, topdown=False):
            _sync_folder(Path(folder))
        for entry in sorted(self._parts.iterdir()):
            entry.rename(self._target / entry.name)
        _sync_folder(self._target)
        self.clear()
        _sync_folder(self._target)


def told_in(target: Path, *, make: bool) -> Path | None:
    """Where it may be told how a load is doing: the staging folder, which an empty target gets with `make`. None where
    there is none. Raises OSError."""
    root = target / STAGING
    if make:
        target.mkdir(parents=True, exist_ok=True)
        if not any(target.iterdir()):
            root.mkdir()
    return root if _is_folder(root) else None


def _parts_of(root: Path, sizes: dict[str, int]) -> dict[str, int]:
    """Size by path of the files that are no longer than these; all else goes. A link, to whatever, is no part."""
    found: dict[str, int] = {}
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            entry = Path(folder, name)
            status, path = entry.lstat(), entry.relative_to(root).as_posix()
            plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
            if plain and status.st_size <= sizes.get(path, -1):
                found[path] = status.st_size
            elif not stat.S_ISDIR(status.st_mode):
                entry.unlink()
    for folder, _, _ in os.walk(root, topdown=False):
        if Path(folder) != root and not any(Path(folder).iterdir()):
            Path(folder).rmdir()
    return found


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(entry: Path) -> None:
    if _is_folder(entry):
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
