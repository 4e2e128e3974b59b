"""Would catch a tier with a real node that ends in a trace where it should be skipped, or that hides a broken image."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.places import REPOSITORY

pytestmark = pytest.mark.slow

_PLANTED = """
from testbed.node import needs
from tests.support import node_images
from tests.support.buildah import BuildahError


def build(*_):
    raise BuildahError("no space left for layers")


needs.fetch = lambda *_: None
node_images.build = build
"""


def session(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Of pytest, over one file of the tier."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "slow", *words]
    environment = os.environ | {"PYTHONPATH": f"{folder}:{REPOSITORY}"}
    return subprocess.run(
        [*command, "tests/node/test_install.py"],
        cwd=REPOSITORY, env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip


def test_with_the_oldest_kubernetes_it_is_skipped_with_the_reason(tmp_path: Path) -> None:
    ended = session(tmp_path, "--kubernetes=oldest")
    assert ended.returncode == 0, ended.stdout
    assert "3 skipped" in ended.stdout
    assert "a kubelet may not be newer than its API server" in ended.stdout


def test_elsewhere_than_on_a_testbed_it_is_skipped_and_no_image_is_built(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(_PLANTED)
    ended = session(tmp_path, "-p", "planted", "--cluster=current")
    assert (ended.returncode, "3 skipped" in ended.stdout) == (0, True), ended.stdout
    assert "not with --cluster=current" in ended.stdout


def test_an_image_that_cannot_be_built_is_a_failure_in_the_builder_s_words(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(_PLANTED)
    ended = session(tmp_path, "-p", "planted")
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED, ended.stdout
    assert "no space left for layers" in ended.stdout
    assert "INTERNALERROR" not in ended.stdout + ended.stderr


def test_a_version_is_not_chosen_for_a_cluster_that_is_there(tmp_path: Path) -> None:
    ended = session(tmp_path, "--kubernetes=oldest", "--cluster=current")
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--kubernetes chooses the testbed's control plane" in ended.stderr
