"""The image's environment, made once by the Dockerfile's own steps."""

import subprocess
from pathlib import Path

import pytest

from tests.support.dockerfile import build


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that the builder makes, of nothing but what it copies."""
    folder, app = (tmp_path_factory.mktemp(name) / name for name in ("src", "app"))
    try:
        build(folder, app)
    except subprocess.CalledProcessError as failure:
        pytest.fail(f"`{failure.cmd[-1]}` failed: {failure.stderr}")
    return app
