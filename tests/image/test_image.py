"""Would catch a Dockerfile that cannot build: a file left out, a lock that lacks a package, a wheel without a part."""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PROGRAMS = Path(sys.executable).parent
_APP = "/opt/crossfade"
"""Where the image has its environment."""


def _instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, each with its arguments; continued lines are joined."""
    text = re.sub(r"^#.*\n", "", (_ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines if line]


def _stage(number: int) -> list[tuple[str, str]]:
    found = _instructions()
    starts = [index for index, (name, _) in enumerate(found) if name == "FROM"] + [len(found)]
    return found[starts[number] + 1 : starts[number + 1]]


def _in_context(path: str) -> bool:
    """Whether .dockerignore, whose last match counts, lets a top-level name into the build."""
    rules = [line for line in (_ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    verdicts = [rule.startswith("!") for rule in rules if fnmatch(path.partition("/")[0], rule.removeprefix("!"))]
    return not verdicts or verdicts[-1]


def _copy(arguments: str, target: Path) -> None:
    *sources, destination = arguments.split()
    for source in sources:
        assert _in_context(source), f".dockerignore keeps {source} from the Dockerfile"
        found, into = _ROOT / source, target / destination
        if found.is_dir():
            shutil.copytree(found, into, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (into if destination.endswith("/") else into.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(found, into)


def _run(command: str, folder: Path, app: Path) -> None:
    """One RUN of the builder, outside a container: nothing is installed but below `app`."""
    plain = re.sub(r"--mount=\S+|--link-mode copy|--compile-bytecode", "", command).replace(_APP, str(app))
    environment = os.environ | {
        "PATH": f"{_PROGRAMS}:{os.environ['PATH']}",
        "PIP_DRY_RUN": "1",  # this environment has the locked uv already
        "UV_PYTHON": sys.executable,
    }
    subprocess.run(["sh", "-c", plain], cwd=folder, env=environment, check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that the builder makes, of nothing but what it copies."""
    folder, app = (tmp_path_factory.mktemp(name) / name for name in ("src", "app"))
    for name, arguments in _stage(0):
        if name == "COPY":
            _copy(arguments, folder)
        elif name == "RUN":
            try:
                _run(arguments, folder, app)
            except subprocess.CalledProcessError as failure:
                pytest.fail(f"`{arguments}` failed: {failure.stderr}")
    return app


def test_the_dockerfile_is_clean() -> None:
    subprocess.run([str(_PROGRAMS / "hadolint"), "--failure-threshold", "style", str(_ROOT / "Dockerfile")], check=True)


def test_the_image_runs_as_nobody_and_runs_the_operator_by_default() -> None:
    runtime = dict(_stage(1))
    assert runtime["USER"] == "65532:65532"
    assert (runtime["ENTRYPOINT"], runtime["CMD"]) == ('["crossfade"]', '["run"]')
    assert runtime["COPY"] == f"--from=builder {_APP} {_APP}"
    assert runtime["ENV"].startswith(f"PATH={_APP}/bin:$PATH ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("--help",), "load"), (("load", "--help"), "--digest"), (("run", "--help"), "--prometheus-address")],
)
def test_every_command_is_in_the_image(app: Path, arguments: tuple[str, ...], told: str) -> None:
    environment = {"PATH": f"{app / 'bin'}:/usr/bin:/bin", "COLUMNS": "200"}
    answer = subprocess.run(["crossfade", *arguments], env=environment, capture_output=True, text=True, check=True)
    assert told in answer.stdout


def test_the_operator_starts_with_nothing_but_the_lock(app: Path) -> None:
    """Everything is imported; then it says what it lacks, which is a cluster."""
    command = ["crossfade", "run", "--prometheus-address", "http://prometheus.monitoring:9090"]
    environment = {"PATH": f"{app / 'bin'}:/usr/bin:/bin", "HOME": "/nonexistent"}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "there is no way to reach a cluster" in answer.stderr
