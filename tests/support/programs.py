"""Programs that a machine may lack: nobody publishes them, and to compile them takes Go and a quarter of an hour."""

import pytest

from testbed.binaries.catalogue import Tool
from testbed.binaries.locate import located


def compiled(tool: Tool) -> str:
    """The tool's program. Where it is not to be had the test is skipped; the session said at its start why."""
    found = located(tool)
    if found is None:
        pytest.skip(f"{tool.name} {tool.version} is not in the cache, and could not be compiled here")
    return found[tool.name][0]
