"""The programs a bed runs: found, or fetched once, verified and cached."""

from testbed.binaries.catalogue import ENVOY_GATEWAY, TOOLS, Kubernetes, Tool, tools_for
from testbed.binaries.locate import Programs, locate, located

__all__ = ["ENVOY_GATEWAY", "TOOLS", "Kubernetes", "Programs", "Tool", "locate", "located", "tools_for"]
