"""The Dockerfile's own base, or, where no registry can be asked, one put together from Debian's packages."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from testbed import places
from testbed.errors import TestbedError
from testbed.locking import once
from tests.support.buildah import Buildah, BuildahError, program
from tests.support.dockerfile import instructions

_SUITE = "trixie"
_PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
_IMITATION = """FROM scratch
ADD base.tar /
RUN rm -f /usr/lib/python3*/EXTERNALLY-MANAGED && ln -s /usr/bin/python3 /usr/local/bin/python
"""
"""What the published base has that Debian's own Python, of the same distribution and minor version, has not."""


def base_image(buildah: Buildah, folder: Path) -> str:
    """Its name in buildah's store; the imitation is built in the empty `folder`. Raises TestbedError when there is none
    to be had."""
    name = dict(words.split("=", 1) for kind, words in instructions() if kind == "ARG" and "=" in words)["BASE"]
    try:
        buildah.run("pull", "--quiet", f"--signature-policy={buildah.policy}", name)
    except BuildahError as refusal:
        try:
            shutil.copy(_of_debian(), folder / "base.tar")
        except TestbedError as failure:
            raise TestbedError(f"{name} cannot be had ({refusal}), and not be imitated: {failure}") from failure
        (folder / "Dockerfile").write_text(_IMITATION)
        name = "localhost/base"
        buildah.build(folder, name, name)
    return name


def _of_debian() -> Path:
    """The imitation's files, made once in half a minute."""
    identity = hashlib.sha256(_PACKAGES.encode()).hexdigest()[:16]
    kept = places.cache() / "images" / f"{_SUITE}-{identity}.tar"
    return once(kept, lambda: _make(kept))


def _make(kept: Path) -> None:
    work = kept.with_suffix(".new.tar")
    words = [program("mmdebstrap"), "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(work)]
    made = subprocess.run(words, check=False, capture_output=True, text=True)
    if made.returncode:
        raise TestbedError(f"mmdebstrap makes no base: {made.stderr.strip()[-600:]}")
    work.rename(kept)
