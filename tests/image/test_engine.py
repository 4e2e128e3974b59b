"""Would catch an image that no engine builds, a second build that differs, a container that needs what it has not."""

import subprocess
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.unshare import may_administer
from tests.support.base_image import base_image
from tests.support.buildah import Buildah, program

pytestmark = pytest.mark.slow

_PACKED = 60 * 2**20
_WITHOUT_SHELL = """
mount --bind "$0" "$0"
rm -f "$0"/bin/sh "$0"/bin/dash "$0"/bin/bash
mount -o remount,ro,bind "$0"
exec chroot --userspec=65532:65532 "$0" /usr/bin/env -i PATH=/opt/crossfade/bin HOME=/nonexistent "$@"
"""
"""In mounts of its own: the container's files are read-only and have no shell, and the user is nobody."""


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Buildah:
    if not may_administer():
        pytest.skip("an image is built and mounted here as root alone")
    try:
        program("buildah")
    except TestbedError as failure:
        pytest.skip(str(failure))
    return Buildah(tmp_path_factory.mktemp("buildah"))


@pytest.fixture(scope="module")
def base(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> str:
    try:
        return base_image(buildah, tmp_path_factory.mktemp("base"))
    except TestbedError as failure:
        pytest.skip(str(failure))


@pytest.fixture(scope="module")
def image(buildah: Buildah, base: str) -> str:
    """The image, built once."""
    return buildah.build(Path(), "localhost/crossfade", base, VERSION="0.0.0-test")


def test_two_builds_are_one_image(buildah: Buildah, base: str, image: str) -> None:
    again = buildah.build(Path(), "localhost/crossfade-again", base, VERSION="0.0.0-test")
    assert buildah.manifest(again)[0] == buildah.manifest(image)[0]


def test_it_adds_one_small_layer_to_its_base(buildah: Buildah, base: str, image: str) -> None:
    below = buildah.run("inspect", "--type=image", "--format={{len .OCIv1.RootFS.DiffIDs}}", base)
    layers = buildah.manifest(image)[1]["layers"]
    assert len(layers) == int(below) + 1
    assert layers[-1]["size"] <= _PACKED


def test_it_needs_no_shell_no_root_and_no_disk_to_write_on(buildah: Buildah, image: str) -> None:
    """It starts, imports everything, and says what it lacks, which is a cluster."""
    container = buildah.run("from", "--pull-never", image)
    root = buildah.run("mount", container)
    words = ["crossfade", "run", "--prometheus-address", "http://prometheus.monitoring:9090"]
    started = ["unshare", "--mount", "sh", "-ceu", _WITHOUT_SHELL, root, *words]
    answer = subprocess.run(started, capture_output=True, text=True, check=False)
    assert answer.returncode == 1, answer.stderr
    assert "there is no way to reach a cluster" in answer.stderr
