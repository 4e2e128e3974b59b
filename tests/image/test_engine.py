"""Would catch an image that no engine builds, a second build that differs, a container that needs what it has not."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.buildah import Buildah, BuildahError
from tests.support.dockerfile import instructions

pytestmark = pytest.mark.slow

_PACKED = 60 * 2**20
_IMITATION = """FROM scratch
ADD base.tar /
RUN rm -f /usr/lib/python3*/EXTERNALLY-MANAGED && ln -s /usr/bin/python3 /usr/local/bin/python
"""
"""What the published base has that Debian's own Python, of the same distribution and minor version, has not."""
_WITHOUT_SHELL = """
mount --bind "$0" "$0"
rm -f "$0"/bin/sh "$0"/bin/dash "$0"/bin/bash
mount -o remount,ro,bind "$0"
exec chroot --userspec=65532:65532 "$0" /usr/bin/env -i PATH=/opt/crossfade/bin HOME=/nonexistent "$@"
"""
"""In mounts of its own: the container's files are read-only and have no shell, and the user is nobody."""


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Buildah:
    if not shutil.which("buildah"):
        pytest.skip("buildah is not here; install it (Debian: apt-get install buildah)")
    return Buildah(tmp_path_factory.mktemp("buildah"))


@pytest.fixture(scope="module")
def base(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Dockerfile's own base, or, where no registry can be asked, one put together from Debian's packages."""
    name = dict(words.split("=", 1) for kind, words in instructions() if kind == "ARG" and "=" in words)["BASE"]
    try:
        buildah.run("pull", "--quiet", f"--signature-policy={buildah.policy}", name)
    except BuildahError as refusal:
        if not shutil.which("mmdebstrap"):
            pytest.skip(f"{name} cannot be had, and mmdebstrap, which could imitate it, is not here: {refusal}")
        folder = tmp_path_factory.mktemp("base")
        packages = "--include=python3,python3-pip,python3-venv,ca-certificates"
        subprocess.run(["mmdebstrap", "--variant=minbase", packages, "trixie", folder / "base.tar"], check=True)
        (folder / "Dockerfile").write_text(_IMITATION)
        name = "localhost/base"
        buildah.build(folder, name, name)
    return name


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
