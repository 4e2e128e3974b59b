"""Models in Git repositories, as people put them there: with the command lines of Git, DVC and GTO themselves."""

import base64
import json
import os
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crossfade.api.v1alpha1.modelversion import GitSource, RegistryRef, Source
from crossfade.model.access import Access, Secrets
from crossfade.observe.verify import fetch, measure
from crossfade.ports import Reference

from testbed.binaries.environments import python_env
from tests.contract.registry_contract import opened
from tests.support.faults import Proxy
from tests.support.folders import on_disk
from tests.support.git_repositories import CALM, Repositories

READER = ("reader", "canary-of-the-reader")
OUTSIDER = ("outsider", "canary-of-the-outsider")
STRANGER = ("stranger", "canary-of-the-stranger")
MODEL = "models/fraud"
WEIGHTS, CONFIG = f"{MODEL}/model.bin", f"{MODEL}/config.json"
_STEPS = Path(__file__).with_name("dvc_steps.py")
_QUIET = {"DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}

Step = list[str]


def by_password(who: tuple[str, str], address: str, **options: str) -> Access:
    """The way in to a repository as this user."""
    secrets = Secrets({"username": who[0], "password": who[1]})
    return Access("git", address, tuple(sorted(options.items())), secrets)


def anybody(address: str, **options: str) -> Access:
    """The way in as nobody."""
    return Access("git", address, tuple(sorted(options.items())))


def source(path: str, revision: str = "main") -> Source:
    """What lies at a path."""
    return Source(git=GitSource(path=path, revision=revision), registry_ref=RegistryRef(name="models"))


def artifact(name: str, **which: str) -> Source:
    """What GTO says, by its version or its stage."""
    asked = GitSource.model_validate({"artifact": name, **which})
    return Source(git=asked, registry_ref=RegistryRef(name="models"))


def write(path: str, content: bytes) -> Step:
    """Write a file."""
    return ["write", path, base64.b64encode(content).decode()]


def steps_in(folder: Path, *steps: Step) -> list[str]:
    """Do these in the folder; returns what each prints."""
    environment = os.environ | CALM | _QUIET | {"HOME": str(folder.parent)}
    told = json.dumps({"folder": str(folder), "steps": steps})
    command = [python_env("dvc") / "bin" / "python", _STEPS]
    done = subprocess.run(
        command, input=told, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@dataclass
class GitBench:
    """Repositories that are served, and a proxy in front of what DVC keeps, by which DVC's configurations name it."""

    served: Repositories
    kept: Proxy
    folder: Path

    def create(self, *, filters: bool = True) -> str:
        """A repository with DVC in it, cloned below `folder`; returns its name."""
        name = self.bare(filters=filters)
        self.clone(name).mkdir(parents=True)
        self.do(
            name,
            ["git", "init", "--quiet", "--initial-branch=main"],
            ["git", "remote", "add", "origin", str(self.served.folder / name)],
            ["dvc", "init", "--quiet"],
            ["dvc", "remote", "add", "--default", "store", f"{self.kept.url}/kept/{name}"],
            ["dvc", "remote", "modify", "store", "method", "PUT"],
            ["dvc", "remote", "modify", "--local", "store", "url", f"{self.served.url}/kept/{name}"],
        )
        return name

    def bare(self, *options: str, filters: bool = True) -> str:
        """A repository with nothing in it, which nobody has a copy of; returns its name."""
        name = f"team/models-{uuid.uuid4().hex[:8]}.git"
        self.served.create(name, *options, filters=filters)
        return name

    def clone(self, name: str) -> Path:
        """The folder with its working copy."""
        return self.folder / name

    def do(self, name: str, *steps: Step) -> str:
        """Steps in the working copy; returns what the last one prints."""
        return steps_in(self.clone(name), *steps)[-1]

    def push(self, name: str, *tracked: tuple[str, bytes], branch: str = "main", **plain: bytes) -> str:
        """Track these files with DVC, those of `plain` with Git, and push both; returns the commit."""
        written = [write(path, content) for path, content in [*tracked, *plain.items()]]
        adds = [["dvc", "add", "--quiet", path] for path, _ in tracked]
        return self.do(name, *written, *adds, *pushing(branch), ["git", "rev-parse", "HEAD"]).strip()


def pushing(branch: str = "main") -> list[Step]:
    """Commit all that is there and push it, by DVC and by Git."""
    return [
        ["git", "add", "--all"],
        ["git", "commit", "--quiet", "--message", "change"],
        ["dvc", "push", "--quiet"],
        ["git", "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}", "--tags"],
    ]


async def loaded(access: Access, reference: Reference, folder: Path) -> dict[str, bytes]:
    """The files that a pod would get."""
    async with opened(access) as found:
        measured = await measure(found.artifacts, reference.immutable_uri)
        await fetch(found.artifacts, reference.immutable_uri, measured.digest, folder)
    return on_disk(folder)


def reader(git: GitBench, name: str, **options: str) -> Access:
    return by_password(READER, f"{git.served.url}/{name}", **options)


def getting(git: GitBench, name: str, folder: Path, command: str, *arguments: str) -> Step:
    """The step by which DVC's own client gets a model, as the folder."""
    url = git.served.url.replace("://", f"://{READER[0]}:{READER[1]}@")
    folder.parent.mkdir(parents=True, exist_ok=True)
    return ["dvc", *command.split(), f"{url}/{name}", *arguments, "--quiet", "--out", str(folder)]


class Registered:
    """A repository with three commits of one model, all of Git's files, that GTO knows by these names."""

    def __init__(self, git: GitBench, names: Sequence[str] = ("fraud",), **more: bytes) -> None:
        self.git = git
        self.name = git.bare()
        about = "{path: models/fraud, type: model, labels: [risk], description: finds fraud}"
        artifacts = "".join(f"{name}: {about}\n" for name in names).encode()
        self.commits = [
            git.served.commit(self.name, {WEIGHTS: bytes([number]) * 64, "artifacts.yaml": artifacts, **more})
            for number in range(3)
        ]

    def tag(self, name: str, commit: int, at: int) -> None:
        """An annotated tag of that moment in Unix seconds."""
        message = f"{name} at {at}"
        self.git.served.git(self.name, "tag", "--annotate", "--message", message, name, self.commits[commit], at=at)

    def do(self, *steps: Step) -> list[str]:
        """Steps in a copy of its own; returns what each prints."""
        folder = self.git.clone(f"{self.name}-{uuid.uuid4().hex[:8]}")
        folder.mkdir(parents=True)
        clone = ["git", "clone", "--quiet", str(self.git.served.folder / self.name), "."]
        return steps_in(folder, clone, *steps)[1:]

    def stages_by_gto(self, *names: str) -> list[dict[str, str]]:
        """By GTO itself the commit that each stage means, of each artifact."""
        shown = self.do(*(["gto", "show", name, "--json"] for name in names))
        return [
            {stage["stage"]: version["commit_hexsha"] for version in json.loads(text) for stage in version["stages"]}
            for text in shown
        ]
