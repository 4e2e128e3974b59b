"""What all pods of the node share: the connection to the API server, folders, network and settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from testbed.kubelet.api import Api
from testbed.kubelet.rootfs import Layout
from testbed.kubelet.sandbox import Network


@dataclass(frozen=True)
class Node:
    """The surroundings of a pod. `scratch` is a file system of the kubelet's own, for writable layers."""

    name: str
    api: Api
    network: Network
    layout: Layout
    pods: Path
    scratch: Path
    images: Path
    back_off_base: float
    """First pause before a restart, seconds; doubles up to 30 times this."""
    probes: aiohttp.ClientSession
    environment: Mapping[str, str]
    """Variables that every container gets: where the API server is."""
    resolver: str
    """Content of every pod's /etc/resolv.conf."""
