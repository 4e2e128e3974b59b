"""One process at a time, by a lock that the kernel takes back when its holder dies."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock file at `path` for the body; the file is gone afterwards.

    Waits for another holder as long as it takes; with `wait` false, raises BlockingIOError instead.
    """
    descriptor = _acquire(path, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def once(path: Path, make: Callable[[], None]) -> Path:
    """Have `make` put something at `path`, whole and at once, unless it is there. Returns `path`.

    Waits while another process makes it.
    """
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with exclusive(path.with_name(f".{path.name}.lock")):
            if not path.exists():
                make()
    return path


def _acquire(path: Path, how: int) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, exist_ok=True)  # another holder was the last and tidied up
            continue
        try:
            fcntl.flock(descriptor, how)
            if _is_still(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its last holder removed it while we waited


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
