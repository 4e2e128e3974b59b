"""What lies where in a bed's folder, and what its first process is told to start."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths inside one bed's folder."""

    folder: Path

    @property
    def record(self) -> Path:
        """bed.json, by which other processes find the bed."""
        return self.folder / "bed.json"

    @property
    def plan(self) -> Path:
        """What the first process starts."""
        return self.folder / "plan.json"

    @property
    def hosts(self) -> Path:
        """The bed's /etc/hosts."""
        return self.folder / "hosts"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.folder / "pki"

    @property
    def logs(self) -> Path:
        """One log file for each daemon."""
        return self.folder / "logs"

    @property
    def first_log(self) -> Path:
        """What the bed's first process says."""
        return self.folder / "first.log"

    @property
    def programs(self) -> Path:
        """kubectl and helm, for PATH inside the bed."""
        return self.folder / "bin"

    @property
    def shims(self) -> Path:
        """The same, for PATH outside: each enters the bed first."""
        return self.folder / "shims"

    @property
    def kubeconfig(self) -> Path:
        """Full rights, as user `admin`."""
        return self.folder / "kubeconfig"

    @property
    def audit(self) -> Path:
        """The API server's audit log: one JSON object a line for each write request."""
        return self.folder / "audit.log"

    @property
    def images(self) -> Path:
        """What each image means on this bed's node."""
        return self.folder / "images.json"

    @property
    def node(self) -> Path:
        """All that a real node has, its containers included; other nodes have none of it."""
        return self.folder / "node"

    @property
    def control(self) -> Path:
        """The socket on which the first process takes orders."""
        return self.folder / "control.sock"

    def kubeconfig_of(self, user: str) -> Path:
        """Full rights, as the daemon `user`, so that the audit log tells them apart."""
        return self.pki / f"{user}.kubeconfig"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the first process of a bed starts: program name -> its first words, and choices.

    `packages` is the folder of Debian's packages that a real node runs; None for the stand-in.
    """

    programs: Mapping[str, tuple[str, ...]]
    mlflow: str | None
    scrape_seconds: float
    packages: str | None = None

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read what `write` wrote."""
        content = json.loads(path.read_text())
        programs = {name: tuple(words) for name, words in content["programs"].items()}
        return cls(**content | {"programs": programs})
