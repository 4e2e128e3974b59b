"""A container's file system: the machine's own files under a private writable layer, with the volumes mounted in it."""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testbed.kubelet import syscalls

# Mounted anew or passed through; never overlaid.
_SPECIAL = ("/proc", "/sys", "/dev", "/run", "/lost+found")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


@dataclass(frozen=True)
class VolumeMount:
    """One folder or file of the node that a container sees at `target`."""

    source: str
    target: str
    read_only: bool = False


def covered(paths: Sequence[str], mounts: Sequence[VolumeMount]) -> list[str]:
    """Which of an image's folders a volume would hide: a checkout below /tmp, say, when a pod has its own /tmp.

    In a container engine an image's files do not lie where the node's do; here they must be shown again.
    """
    return [path for path in paths if any(_below(path, mount.target.rstrip("/")) for mount in mounts)]


@dataclass
class Layout:
    """How the node's root is shown to containers: absolute paths, found once when the kubelet starts."""

    overlays: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    passed_through: list[str] = field(default_factory=list)


def _mount_points() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted({line.split()[4].encode().decode("unicode_escape") for line in lines})


def _below(path: str, *tops: str) -> bool:
    return any(path == top or path.startswith(f"{top}/") for top in tops)


def discover(scratch: Path) -> Layout:
    """Look at the node's root; `scratch` is an empty file system for layers, neither shown nor kept by this.

    A layer per top-level folder, not one over "/": a user namespace refuses an overlay over a folder that has mounts
    below which it inherited. Raises OSError when the kernel has no overlays at all.
    """
    trial = scratch / "trial"
    for name in ("lower", "root"):
        (trial / name).mkdir(parents=True)
    _try_overlay(str(trial / "lower"), trial)
    points = [point for point in _mount_points() if not _below(point, *_SPECIAL, str(scratch)) and point != "/"]
    layout = Layout()
    _cover("/", points, layout, trial)
    # An overlay does not show what is mounted in the folder below it.
    for point in points:
        if Path(point).is_dir() and not _below(point, *layout.passed_through):
            layout.passed_through.append(point)
    shutil.rmtree(trial)
    return layout


def _try_overlay(path: str, trial: Path) -> None:
    layers = trial / str(sum(1 for _ in trial.iterdir()))
    _overlay(path, layers / "root", layers)
    syscalls.detach(str(layers / "root" / path[1:]))


def _cover(folder: str, points: list[str], layout: Layout, trial: Path) -> None:
    """Sort the entries of a folder into the layout, deeper where a folder as a whole cannot be overlaid."""
    for entry in sorted(Path(folder).iterdir()):
        path = str(entry)
        if path in _SPECIAL:
            continue
        if entry.is_symlink():
            layout.links.append(path)
        elif not entry.is_dir() or path in points:
            layout.passed_through.append(path)
        else:
            _cover_folder(path, points, layout, trial)


def _cover_folder(path: str, points: list[str], layout: Layout, trial: Path) -> None:
    try:
        _try_overlay(path, trial)
        layout.overlays.append(path)
    except OSError as error:
        if any(_below(point, path) for point in points):
            _cover(path, points, layout, trial)
        else:
            print(f"containers share {path} with the node, what they write there stays: {error}", file=sys.stderr)
            layout.passed_through.append(path)


def _overlay(path: str, root: Path, scratch: Path) -> None:
    upper, work = scratch / "upper" / path[1:], scratch / "work" / path[1:]
    for folder in (upper, work, root / path[1:]):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copymode(path, upper)
    options = f"lowerdir={path},upperdir={upper},workdir={work},userxattr"
    syscalls.mount("overlay", str(root / path[1:]), "overlay", data=options)


def _make_room(mounts: Sequence[VolumeMount], scratch: Path) -> None:
    """Make the mounts' folders in the upper layers: through the overlay, folders of others are closed to us."""
    for mount in mounts:
        target = Path(os.path.realpath(mount.target))
        folder = target if Path(mount.source).is_dir() else target.parent
        (scratch / "upper" / str(folder)[1:]).mkdir(parents=True, exist_ok=True)
        for made in (folder, *folder.parents):
            if made.is_dir():
                shutil.copymode(made, scratch / "upper" / str(made)[1:])


def _system_folders(root: Path) -> None:
    for name in ("proc", "sys", "dev/shm", "dev/pts", "run"):
        (root / name).mkdir(parents=True)
    syscalls.mount("proc", str(root / "proc"), "proc")
    _pass_through("/sys", root)
    syscalls.mount("tmpfs", str(root / "dev/shm"), "tmpfs", data="mode=1777")
    for name in _DEVICES:
        _pass_through(f"/dev/{name}", root)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        (root / "dev" / name).symlink_to(f"/proc/self/fd{target}")


def _pass_through(path: str, root: Path) -> None:
    _bind(VolumeMount(path, path), root)


def _bind(mount: VolumeMount, root: Path) -> None:
    # Symbolic links in the target mean the same on the node, whose files the container sees.
    target = root / os.path.realpath(mount.target)[1:]
    if Path(mount.source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    syscalls.mount(mount.source, str(target), flags=syscalls.MS_BIND | syscalls.MS_REC)
    if mount.read_only:
        syscalls.remount_read_only(str(target))


def _present(paths: Sequence[str]) -> list[str]:
    """Without what other programs of the machine have removed since the kubelet started, such as temporary folders."""
    return [path for path in paths if os.path.lexists(path)]


def enter(layout: Layout, scratch: Path, mounts: Sequence[VolumeMount], *, read_only: bool) -> None:
    """In a forked child: build the container's root below `scratch` and make it this process's root.

    `scratch` must not lie on the machine's root file system (an overlay's layers may not contain each other).
    """
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    root = scratch / "root"
    root.mkdir(parents=True)
    syscalls.mount(str(root), str(root), flags=syscalls.MS_BIND)
    _make_room(mounts, scratch)
    overlays = _present(layout.overlays)
    for path in overlays:
        _overlay(path, root, scratch)
    for path in _present(layout.links):
        link = root / path[1:]
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(path).readlink())
    for path in _present(layout.passed_through):
        _pass_through(path, root)
    _system_folders(root)
    for mount in sorted(mounts, key=lambda item: item.target.count("/")):
        _bind(mount, root)
    if read_only:
        for path in (*overlays, "/"):
            syscalls.remount_read_only(str(root / path[1:]))
    syscalls.pivot_root(str(root))
