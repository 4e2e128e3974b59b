"""Would catch a Dockerfile that cannot build, an image that is too large, or one that lacks a part."""

import json
import os
import subprocess
from collections.abc import Iterator
from importlib.metadata import PathDistribution, distributions
from pathlib import Path

import pytest

from testbed.binaries.environments import python_env
from tests.support.dockerfile import APP, PROGRAMS, ROOT, stage, weight

_MEBIBYTE = 2**20
_UNPACKED, _PACKED = 150 * _MEBIBYTE, 60 * _MEBIBYTE
"""The most bytes above the base."""
_EVERY_MODULE = """
import pkgutil, crossfade
for found in pkgutil.walk_packages(crossfade.__path__, "crossfade.", onerror=lambda name: None):
    try:
        found.name.endswith("__main__") or __import__(found.name)
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
"""
_SECOND_CLIENT = """
import sys, crossfade.adapters.kube, crossfade.adapters.prometheus, crossfade.adapters.sources, crossfade.watch.operator
print(*sorted({"oauthlib", "requests", "urllib3", "websocket"} & sys.modules.keys()))
"""


def in_the_image(app: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command as in a pod: with nothing of this machine's environment."""
    environment = {"PATH": f"{app / 'bin'}:/usr/bin:/bin", "HOME": "/nonexistent", "COLUMNS": "200"}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def packages(app: Path) -> Iterator[PathDistribution]:
    """What is installed in it."""
    for found in distributions(path=[str(next(app.glob("lib/python3*/site-packages")))]):
        assert isinstance(found, PathDistribution)
        yield found


def test_the_dockerfile_is_clean() -> None:
    subprocess.run([str(PROGRAMS / "hadolint"), "--failure-threshold", "style", str(ROOT / "Dockerfile")], check=True)


def test_the_image_runs_as_nobody_and_runs_the_operator_by_default() -> None:
    """Without a shell: the words are a list. Without anything but what the builder made of the lock."""
    found = stage(1)
    runtime = dict(found)
    assert runtime["USER"] == "65532:65532"
    assert (runtime["ENTRYPOINT"], runtime["CMD"]) == ('["crossfade"]', '["run"]')
    assert runtime["ENV"].startswith(f"PATH={APP}/bin:$PATH ")
    assert [words for name, words in found if name == "COPY"] == [f"--from=builder {APP} {APP}"]
    assert not [words for name, words in found if name in {"RUN", "ADD"}]


def test_the_image_says_what_it_is() -> None:
    """With the labels that registries show and that tools of the supply chain read."""
    labels = dict(stage(1))["LABEL"]
    names = ("title", "description", "licenses", "source", "documentation", "base.name", "version", "revision")
    assert [name for name in names if f"org.opencontainers.image.{name}=" not in labels] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("--help",), "load"), (("load", "--help"), "--digest"), (("run", "--help"), "--prometheus-address")],
)
def test_every_command_is_in_the_image(app: Path, arguments: tuple[str, ...], told: str) -> None:
    answer = in_the_image(app, "crossfade", *arguments)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert told in answer.stdout


def test_the_operator_starts_with_nothing_but_the_lock(app: Path) -> None:
    """Everything is imported; then it says what it lacks, which is a cluster."""
    answer = in_the_image(app, "crossfade", "run", "--prometheus-address", "http://prometheus.monitoring:9090")
    assert answer.returncode == 1
    assert "there is no way to reach a cluster" in answer.stderr


def test_no_part_of_ours_needs_what_is_left_out(app: Path) -> None:
    """But for numpy, which `crossfade simulate` asks for by name."""
    answer = in_the_image(app, "python", "-c", _EVERY_MODULE)
    assert answer.returncode == 0, answer.stderr


def test_the_operator_loads_no_client_that_it_does_not_use(app: Path) -> None:
    """The Kubernetes client's other half and what that needs would be a tenth of its memory when it is idle."""
    answer = in_the_image(app, "python", "-c", _SECOND_CLIENT)
    assert (answer.stdout, answer.stderr) == ("\n", "")


def test_the_image_is_small(app: Path) -> None:
    unpacked, packed = weight(app)
    assert unpacked <= _UNPACKED
    assert packed <= _PACKED


def test_what_a_package_says_it_has_is_there(app: Path) -> None:
    """Scanners that look for known holes go by these lists."""
    missing = [str(file) for found in packages(app) for file in found.files or () if not file.locate().exists()]
    assert missing == []


def test_the_bill_of_materials_names_every_package(app: Path) -> None:
    bill = json.loads((app / "sbom.cdx.json").read_text())
    listed = [(part["name"], part["version"]) for part in (bill["metadata"]["component"], *bill["components"])]
    assert sorted(listed) == sorted((found.metadata["Name"], found.version) for found in packages(app))
    assert [part["name"] for part in bill["components"] if "licenses" not in part] == []


@pytest.mark.slow
def test_the_bill_of_materials_is_cyclonedx(app: Path) -> None:
    """To the letter of its schema, as its own project's validator reads it; which prints what is wrong, or None."""
    check = (
        "from cyclonedx.validation.json import JsonStrictValidator as V; from cyclonedx.schema import SchemaVersion\n"
    )
    check += "import sys; print(V(SchemaVersion.V1_6).validate_str(sys.stdin.read()))"
    words = [str(python_env("audits") / "bin" / "python"), "-c", check]
    bill = (app / "sbom.cdx.json").read_text()
    assert subprocess.run(words, input=bill, capture_output=True, text=True, check=True).stdout == "None\n"


def test_bytecode_is_there_and_rests_on_no_time_stamp(app: Path) -> None:
    """Nothing can write it later, and a copy of a file has another time."""
    (site,) = app.glob("lib/python3*/site-packages")
    for source in site.rglob("*.py"):
        (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")
        assert compiled.read_bytes()[4:8] == bytes([1, 0, 0, 0]), f"{compiled} is looked over at each start"
    times = {os.lstat(file).st_mtime for file in (app, *app.rglob("*"))}
    assert times == {0.0}


def test_what_was_made_shares_no_file_with_other_environments(app: Path) -> None:
    """Its times are set and parts are taken out of it: of a linked file of a cache that would change everybody's."""
    shared = [file for file in app.rglob("*") if file.is_file() and os.lstat(file).st_nlink > 1]
    assert shared == []
