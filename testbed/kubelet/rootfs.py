"""A container's file system: the machine's own files under a private writable layer, with the volumes mounted in it."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.kubelet import syscalls

# Mounted anew or passed through; never overlaid.
_SPECIAL = ("/proc", "/sys", "/dev", "/run")


@dataclass(frozen=True)
class VolumeMount:
    """One folder or file of the node that a container sees at `target`."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class Layout:
    """How the node's root is shown to containers: absolute paths, found once when the kubelet starts."""

    overlays: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    passed_through: tuple[str, ...]


def _mount_points() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4].encode().decode("unicode_escape") for line in lines]


def discover(hidden: Path) -> Layout:
    """Look at the node's root. `hidden` (the kubelet's own folder) and what is mounted below it are not shown.

    A layer per top-level folder, not one over "/": a user namespace refuses an overlay over a folder that has
    mounts below which it inherited.
    """
    overlays: list[str] = []
    links: list[tuple[str, str]] = []
    for entry in sorted(Path("/").iterdir()):
        if entry.is_symlink():
            links.append((str(entry), str(entry.readlink())))
        elif entry.is_dir() and str(entry) not in _SPECIAL and entry.name != "lost+found":
            overlays.append(str(entry))
    return Layout(tuple(overlays), tuple(links), tuple(_passed_through(hidden)))


def _passed_through(hidden: Path) -> list[str]:
    """The highest mounted folders below the overlaid ones: an overlay does not show what is mounted in its layer."""
    skipped = (*_SPECIAL, str(hidden))
    found: list[str] = []
    for point in sorted(set(_mount_points())):
        inside = any(point == top or point.startswith(f"{top}/") for top in (*skipped, *found))
        if not inside and point.count("/") > 1 and Path(point).is_dir():
            found.append(point)
    return found


def _overlay(path: str, root: Path, scratch: Path) -> None:
    upper, work = scratch / "upper" / path[1:], scratch / "work" / path[1:]
    for folder in (upper, work, root / path[1:]):
        folder.mkdir(parents=True)
    shutil.copymode(path, upper)
    options = f"lowerdir={path},upperdir={upper},workdir={work},userxattr"
    try:
        syscalls.mount("overlay", str(root / path[1:]), "overlay", data=options)
    except OSError as error:
        raise OSError(
            error.errno, f"a writable layer over {path} was refused ({error}); see the kernel's log"
        ) from error


def _system_folders(root: Path) -> None:
    for name in ("proc", "sys", "dev/shm", "dev/pts", "run"):
        (root / name).mkdir(parents=True)
    syscalls.mount("proc", str(root / "proc"), "proc")
    syscalls.mount("/sys", str(root / "sys"), flags=syscalls.MS_BIND | syscalls.MS_REC)
    syscalls.mount("tmpfs", str(root / "dev/shm"), "tmpfs", data="mode=1777")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        (root / "dev" / name).touch()
        syscalls.mount(f"/dev/{name}", str(root / "dev" / name), flags=syscalls.MS_BIND)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        (root / "dev" / name).symlink_to(f"/proc/self/fd{target}")


def _bind(mount: VolumeMount, root: Path) -> None:
    # Symbolic links in the target mean the same on the node, whose files the container sees.
    target = root / os.path.realpath(mount.target)[1:]
    if Path(mount.source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.touch()
    syscalls.mount(mount.source, str(target), flags=syscalls.MS_BIND | syscalls.MS_REC)
    if mount.read_only:
        syscalls.remount_read_only(str(target))


def enter(layout: Layout, scratch: Path, mounts: Sequence[VolumeMount], *, read_only: bool) -> None:
    """In a forked child: build the container's root below `scratch` and make it this process's root.

    `scratch` must not lie on the machine's root file system (an overlay's layers may not contain each other).
    """
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    root = scratch / "root"
    root.mkdir(parents=True)
    syscalls.mount(str(root), str(root), flags=syscalls.MS_BIND)
    for link, destination in layout.links:
        (root / link[1:]).symlink_to(destination)
    for path in layout.overlays:
        _overlay(path, root, scratch)
    for path in layout.passed_through:
        (root / path[1:]).mkdir(parents=True, exist_ok=True)
        syscalls.mount(path, str(root / path[1:]), flags=syscalls.MS_BIND | syscalls.MS_REC)
    _system_folders(root)
    for mount in sorted(mounts, key=lambda item: item.target.count("/")):
        _bind(mount, root)
    if read_only:
        for path in (*layout.overlays, "/"):
            syscalls.remount_read_only(str(root / path[1:]))
    syscalls.pivot_root(str(root))
