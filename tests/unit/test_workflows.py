"""Would catch a workflow that GitHub refuses, that may do more than it must, or runs what somebody can exchange."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.binaries.environments import python_env
from tests.support.dockerfile import ROOT, instructions

_WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
_ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
_WRITES = {
    ("release", "image"): {"packages", "id-token", "attestations"},
    ("release", "chart"): {"packages", "id-token"},
    ("release", "release"): {"contents"},
}
"""All that may be written, and by which job."""


def steps(workflow: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All steps of all its jobs."""
    for job in workflow["jobs"].values():
        yield from job.get("steps", [])


def workflow(name: str) -> dict[str, Any]:
    """One of them by its name, which is its file's."""
    return dict(yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yaml").read_text()))


@pytest.mark.parametrize("path", _WORKFLOWS, ids=lambda path: path.stem)
def test_what_runs_is_named_by_its_commit(path: Path) -> None:
    """With the release beside it, for those who read it."""
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    moving = [name for name, told in used if not name.startswith("./") and not re.match(r".*@[0-9a-f]{40}$", name)]
    silent = [name for name, told in used if not name.startswith("./") and not re.match(r" # v\d+\.\d+\.\d+$", told)]
    assert (moving, silent) == ([], [])


def test_an_action_is_the_same_wherever_it_is_used() -> None:
    used = {name for path in _WORKFLOWS for name in re.findall(r"uses: ([^.\s]\S+)", path.read_text())}
    assert len({name.partition("@")[0] for name in used}) == len(used)


@pytest.mark.parametrize("path", _WORKFLOWS, ids=lambda path: path.stem)
def test_a_job_may_do_what_it_must_and_no_more(path: Path) -> None:
    found = workflow(path.stem)
    assert found["permissions"] == {}
    for name, job in found["jobs"].items():
        writes = {right for right, level in job["permissions"].items() if level == "write"}
        assert writes == _WRITES.get((path.stem, name), set())


def test_a_release_is_tested_first_and_of_one_version() -> None:
    jobs = workflow("release")["jobs"]
    assert jobs["test"]["uses"] == "./.github/workflows/test.yaml"
    assert jobs["image"]["needs"] == ["test", "notes"]
    assert [jobs[name]["needs"] for name in ("chart", "release")] == [["image"], ["chart"]]


def test_every_night_what_make_test_leaves_out_is_run() -> None:
    night = workflow("nightly")
    assert night[True]["schedule"], "YAML 1.1 reads the word `on` as true"
    assert any(step.get("run", "").endswith("make test-long") for step in steps(night))


@pytest.mark.parametrize("name", ["test", "nightly"])
def test_what_runs_as_root_knows_that_it_runs_in_ci(name: str) -> None:
    """Where programs that a test needs must be there: sudo passes on no variable that it is not given."""
    rooted = [step["run"] for step in steps(workflow(name)) if step.get("run", "").startswith("sudo")]
    assert rooted
    assert [run for run in rooted if " make " in run and '"CI=$CI"' not in run] == []


def test_a_release_gives_the_build_every_argument_that_it_takes() -> None:
    """But for those that the builder gives by itself."""
    (build,) = (step for step in steps(workflow("release")) if step.get("id") == "build")
    given = {line.partition("=")[0] for line in build["with"]["build-args"].splitlines()}
    taken = {words.partition("=")[0] for name, words in instructions() if name == "ARG"}
    assert given == taken - {"TARGETARCH"}
    assert build["with"]["platforms"] == "linux/amd64,linux/arm64"


@pytest.mark.slow
def test_actionlint_finds_nothing() -> None:
    if not shutil.which("go"):
        pytest.skip("actionlint is built from its Go module, and there is no Go here; install it")
    told = subprocess.run(
        ["go", "run", _ACTIONLINT, *_WORKFLOWS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (0, ""), told.stderr


@pytest.mark.slow
def test_zizmor_finds_nothing() -> None:
    """What an attacker could make of them; without asking GitHub, which knows whose the commits are."""
    program = python_env("audits") / "bin" / "zizmor"
    told = subprocess.run([program, "--offline", "--quiet", *_WORKFLOWS], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
