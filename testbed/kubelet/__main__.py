"""`python -m testbed.kubelet`: run a node's pods as processes. Needs root in own network, mount and PID namespaces."""

import argparse
import asyncio
import signal
from pathlib import Path

import aiohttp

from testbed.kubelet import rootfs, syscalls
from testbed.kubelet.agent import Agent
from testbed.kubelet.api import Api
from testbed.kubelet.node import Node
from testbed.kubelet.sandbox import Network

_RESOLVER = "search NAMESPACE.svc.cluster.local svc.cluster.local cluster.local\nnameserver {host}\noptions ndots:5\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="testbed.kubelet", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="who the node is to the API server")
    parser.add_argument("--node", required=True, help="name of the node to register")
    parser.add_argument("--bridge", required=True, help="existing bridge that pods are connected to")
    parser.add_argument("--cidr", required=True, help="range of pod addresses; its first 256 stay free")
    parser.add_argument("--dir", type=Path, required=True, help="folder for logs and volumes")
    parser.add_argument("--images", type=Path, required=True, help="JSON file: image name to command")
    parser.add_argument("--api-host", required=True, help="the node's own address on the bridge, also the API server's")
    parser.add_argument("--api-port", type=int, required=True, help="port of the API server")
    parser.add_argument("--backoff-base", type=float, default=10.0, help="first pause before a restart, seconds")
    return parser.parse_args()


def _private_scratch(folder: Path) -> Path:
    """A file system that only this process and its children see: it is gone with them, and lets overlays lie on it."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    syscalls.mount("tmpfs", str(scratch), "tmpfs", data="mode=755")
    return scratch


async def _run(options: argparse.Namespace) -> None:
    scratch = _private_scratch(options.dir)
    layout = rootfs.discover(scratch)
    network = Network(options.bridge, options.cidr, options.api_host)
    network.prepare_bridge()
    api = Api(options.kubeconfig)
    connector = aiohttp.TCPConnector(ssl=False, force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector) as probes:
        node = Node(
            name=options.node,
            api=api,
            network=network,
            layout=layout,
            pods=options.dir / "pods",
            scratch=scratch,
            images=options.images,
            back_off_base=options.backoff_base,
            probes=probes,
            environment={
                "KUBERNETES_SERVICE_HOST": options.api_host,
                "KUBERNETES_SERVICE_PORT": str(options.api_port),
                "KUBERNETES_SERVICE_PORT_HTTPS": str(options.api_port),
            },
            resolver=_RESOLVER.format(host=options.api_host),
        )
        try:
            await Agent(node).run()
        finally:
            await api.close()


async def _main(options: argparse.Namespace) -> None:
    work = asyncio.create_task(_run(options))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    await asyncio.wait((work,))
    if not work.cancelled():
        work.result()


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))
