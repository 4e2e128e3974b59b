"""bed.json: by what a bed is found again by other processes."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from testbed import address, places
from testbed.binaries import Kubernetes
from testbed.layout import Layout
from testbed.locking import exclusive
from testbed.node import cgroups
from testbed.process import kill, start_time


@dataclass(frozen=True, slots=True)
class Record:
    """One bed. `pid` and `started` (clock ticks since boot) are its first process's, seen from outside;
    `keeper` is the parent of that process, 0 when it is out of sight. `packages` is the folder of what a real node
    runs, None for a stand-in. `kubernetes` is a value of Kubernetes."""

    name: str
    dir: str
    pid: int
    started: int
    kubeconfig: str
    audit: str
    mlflow: str | None
    packages: str | None = None
    envoy: str | None = None
    kubernetes: str = Kubernetes.NEWEST
    api: str = address.API
    gateway: str = address.GATEWAY
    prometheus: str = address.PROMETHEUS
    keeper: int = 0
    ready: bool = False

    def write(self) -> None:
        """Write it into the bed's folder, in the place of an older one at once."""
        path = Layout(Path(self.dir)).record
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self), indent=1) + "\n")
        fresh.replace(path)


def folder_of(name: str) -> Path:
    """The folder of the bed `name`."""
    return places.beds() / name


def lock_of(folder: Path) -> Path:
    """The lock that whoever starts or clears the bed in `folder` holds."""
    return folder.with_name(f".{folder.name}.lock")


def read(folder: Path) -> Record | None:
    """The bed that lives in `folder`: starting or ready, its first process is there. Else None.

    Another checkout's bed may say more of itself than is known here.
    """
    try:
        told = json.loads(Layout(folder).record.read_text())
    except FileNotFoundError:
        return None
    record = Record(**{field.name: told[field.name] for field in fields(Record) if field.name in told})
    return record if start_time(record.pid) == record.started else None


def every() -> Iterator[Record]:
    """All beds of this user that live."""
    for folder in places.bed_folders():
        if record := read(folder):
            yield record


def halt(folder: Path) -> None:
    """End what lives in `folder`, if anything does, and leave the files."""
    if record := read(folder):
        kill(record.pid, record.started, record.keeper)


def stop(folder: Path) -> None:
    """The same, and remove the control groups that it had; the caller holds its lock."""
    halt(folder)
    cgroups.remove(cgroups.name_of(folder))


def clear(folder: Path) -> None:
    """The same, and remove the files."""
    stop(folder)
    if folder.exists():
        shutil.rmtree(folder)


def end(folder: Path) -> None:
    """The same for callers without the lock: a start that is under way is ended first."""
    halt(folder)
    with exclusive(lock_of(folder)):
        clear(folder)
    with suppress(OSError):  # other beds are in it
        folder.parent.rmdir()


def remove_stale() -> None:
    """Remove what beds left whose first process was killed."""
    for folder in places.bed_folders():
        try:
            with exclusive(lock_of(folder), wait=False):
                if read(folder) is None:
                    clear(folder)
        except (BlockingIOError, FileNotFoundError):
            continue  # somebody starts or ends it at this moment, or just has
