"""The Dockerfile's own steps, carried out without a container engine: nothing is installed but below a folder."""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
APP = "/opt/crossfade"
"""Where the image has its environment."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""This machine's name of a processor -> a container engine's."""
Instruction = tuple[str, str]
"""Its name and its arguments."""


def instructions() -> list[Instruction]:
    """The Dockerfile's instructions in order; continued lines are joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines if line]


def stage(number: int) -> list[Instruction]:
    """Those of one stage, without its FROM."""
    found = instructions()
    starts = [index for index, (name, _) in enumerate(found) if name == "FROM"] + [len(found)]
    return found[starts[number] + 1 : starts[number + 1]]


def image_python() -> str:
    """A Python of the image's own minor version where this machine has one, else the one that runs this."""
    (minor,) = re.findall(r"python:(3\.\d+)", (ROOT / "Dockerfile").read_text())
    found = subprocess.run(
        [str(PROGRAMS / "uv"), "python", "find", "--no-python-downloads", "--system", minor],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or sys.executable


def build(folder: Path, app: Path, architecture: str | None = None) -> None:
    """Do all that the builder does, of nothing but what it copies, in `folder`; the result is `app` in APP's place.

    Raises subprocess.CalledProcessError with what the step said.
    """
    arguments = {"TARGETARCH": architecture or ARCHITECTURES[os.uname().machine]}
    for name, words in stage(0):
        if name == "ARG" and "=" in words:
            arguments |= dict([words.split("=", 1)])
        elif name == "COPY":
            _copy(words, folder)
        elif name == "RUN":
            _run(words, folder, app, arguments)


def weight(app: Path) -> tuple[int, int]:
    """Bytes that the image has above its base: as files, and packed as a registry keeps them."""
    files = [file for file in app.rglob("*") if file.is_file() and not file.is_symlink()]
    packed = subprocess.run(["tar", "-C", str(app), "-czf", "-", "."], capture_output=True, check=True).stdout
    return sum(file.stat().st_size for file in files), len(packed)


def _in_context(path: str) -> bool:
    """Whether .dockerignore, whose last match counts, lets a top-level name into the build."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    verdicts = [rule.startswith("!") for rule in rules if fnmatch(path.partition("/")[0], rule.removeprefix("!"))]
    return not verdicts or verdicts[-1]


def _copy(arguments: str, target: Path) -> None:
    *sources, destination = arguments.split()
    for source in sources:
        assert _in_context(source), f".dockerignore keeps {source} from the Dockerfile"
        found, into = ROOT / source, target / destination
        if found.is_dir():
            shutil.copytree(found, into, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (into if destination.endswith("/") else into.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(found, into)


def _run(command: str, folder: Path, app: Path, arguments: dict[str, str]) -> None:
    plain = re.sub(r"--mount=\S+", "", command).replace(APP, str(app))  # copied, as what is shared must not be changed
    environment = os.environ | {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "PIP_DRY_RUN": "1",  # this environment has the locked uv already
        "UV_PYTHON": image_python(),
    }
    environment.pop("PYTHONPATH", None)  # the sources here are not the image's
    subprocess.run(
        ["sh", "-c", plain], cwd=folder, env=environment | arguments, check=True, capture_output=True, text=True
    )
