"""The images that a real node runs: the operator's, by its Dockerfile, and one of the programmable model server."""

import shutil
import time
from pathlib import Path

from crossfade.version import VERSION

from testbed.progress import Progress
from tests.support.base_image import base_image
from tests.support.buildah import Buildah
from tests.support.dockerfile import ROOT

OPERATOR = f"ghcr.io/crossfade-dev/crossfade:{VERSION}"
"""By the name that the chart gives it."""
SERVER = "testbed.crossfade.dev/v2server:1"
_SERVER = """\
ARG BASE
FROM ${BASE}
COPY testbed /opt/testbed/testbed
ENV PYTHONPATH=/opt/testbed
ENTRYPOINT ["python", "-m", "testbed.servers.v2"]
"""
"""All that the server needs of others is in the operator's image."""


def build(folder: Path, progress: Progress) -> list[Path]:
    """Both as archives, in the empty `folder`. Raises BuildahError, and TestbedError where nothing can be built."""
    for part in ("buildah", "base", "server"):
        (folder / part).mkdir()
    buildah, began = Buildah(folder / "buildah"), time.monotonic()
    progress(f"images: building {OPERATOR} and {SERVER}, which takes some minutes")
    buildah.build(ROOT, OPERATOR, base_image(buildah, folder / "base"), VERSION=VERSION)
    context = folder / "server"
    (context / "Dockerfile").write_text(_SERVER)
    shutil.copytree(
        ROOT / "testbed" / "servers", context / "testbed" / "servers", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "testbed" / "__init__.py", context / "testbed")
    buildah.build(context, SERVER, OPERATOR)
    archives = [buildah.archive(name).rename(folder / f"{place}.tar") for place, name in enumerate((OPERATOR, SERVER))]
    for part in ("buildah", "base", "server"):
        shutil.rmtree(folder / part)
    progress(f"images: built after {time.monotonic() - began:.0f} s")
    return archives
