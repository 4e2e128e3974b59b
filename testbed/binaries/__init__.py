"""The programs a bed runs: found, or fetched once, verified and cached."""

from testbed.binaries.catalogue import TOOLS, Tool
from testbed.binaries.locate import Programs, locate

__all__ = ["TOOLS", "Programs", "Tool", "locate"]
