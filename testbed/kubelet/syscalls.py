"""The Linux calls behind a container that Python 3.11 lacks: namespaces, mounts and the parent-death signal."""

import ctypes
import os
import platform
from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

_MNT_DETACH = 0x2
_PR_SET_PDEATHSIG = 1
# glibc has no wrapper for pivot_root.
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def _check(what: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). Raises OSError that names source and target."""
    texts = (os.fsencode(source), os.fsencode(target), fstype.encode())
    _check(f"mount {fstype or 'bind'} {source} on {target}", _libc.mount(*texts, flags, data.encode()))


def remount_read_only(target: str) -> None:
    """Make one mount point read-only, keeping the flags a user namespace may not drop."""
    kept = os.statvfs(target).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | kept)


def detach(target: str) -> None:
    """Unmount lazily, with everything below."""
    _check(f"unmount {target}", _libc.umount2(os.fsencode(target), _MNT_DETACH))


def unshare(flags: int) -> None:
    """unshare(2): give this process new namespaces."""
    _check(f"unshare {flags:#x}", _libc.unshare(flags))


def setns(fd: int, kind: int) -> None:
    """setns(2): move this process into the namespace that fd refers to."""
    _check(f"setns {kind:#x}", _libc.setns(fd, kind))


def pivot_root(new_root: str) -> None:
    """Make new_root (a mount point) the root of this mount namespace and drop the old root."""
    number = _PIVOT_ROOT.get(platform.machine())
    if number is None:
        raise OSError(f"pivot_root: machine {platform.machine()!r} is unknown; add its system call number")
    os.chdir(new_root)
    # Old root stacked on the new one, then detached: needs no folder for it inside.
    _check("pivot_root", _libc.syscall(ctypes.c_long(number), b".", b"."))
    detach(".")
    os.chdir("/")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this signal to the calling process when its parent dies."""
    arguments: tuple[Any, ...] = (_PR_SET_PDEATHSIG, ctypes.c_ulong(signal_number), 0, 0, 0)
    _check("prctl PR_SET_PDEATHSIG", _libc.prctl(*arguments))
