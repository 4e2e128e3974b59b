"""Programs that a machine may lack: nobody publishes them, and to compile them takes Go and a quarter of an hour; or
they run on Node.js."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from testbed.binaries.catalogue import Tool
from testbed.binaries.locate import located
from testbed.binaries.node import node_env
from testbed.errors import TestbedError


def compiled(tool: Tool) -> str:
    """The tool's program. Where it is not to be had the test is skipped; the session said at its start why."""
    found = located(tool)
    if found is None:
        pytest.skip(f"{tool.name} {tool.version} is not in the cache, and could not be compiled here")
    return found[tool.name][0]


def azurite() -> Path:
    """The program of Azure's storage. Without Node.js the test is skipped, but in CI, whose machines have it, it
    fails."""
    try:
        return node_env("azurite") / "node_modules" / ".bin" / "azurite-blob"
    except TestbedError as failure:
        _lacking(str(failure))


def _lacking(why: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
