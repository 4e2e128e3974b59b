"""The stand-in kubelet, whose containers are processes, and the stand-in kube-proxy."""

import sys

from testbed import address, places
from testbed.daemons.daemon import Daemon
from testbed.layout import Layout

NODE = "bed"


def available() -> bool:
    """Whether the stand-in kubelet is part of this checkout."""
    return (places.REPOSITORY / "testbed" / "kubelet" / "__main__.py").is_file()


def service_proxy(layout: Layout) -> Daemon:
    """What serves the addresses of Services."""
    words = (sys.executable, "-m", "testbed.services", "--kubeconfig", str(layout.kubeconfig_of("kubelet")))
    return Daemon("kube-proxy", words, {"PYTHONPATH": str(places.REPOSITORY)})


def kubelet(layout: Layout) -> Daemon:
    """The node `bed`, whose pods hang on the bed's bridge."""
    flags = {
        "kubeconfig": layout.kubeconfig_of("kubelet"),
        "node": NODE,
        "bridge": address.BRIDGE,
        "cidr": address.POD_NETWORK,
        "dir": layout.folder / "kubelet",
        "images": layout.images,
        "api-host": address.HOST,
        "api-port": address.API_PORT,
    }
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    return Daemon("kubelet", (sys.executable, "-m", "testbed.kubelet", *words), {"PYTHONPATH": str(places.REPOSITORY)})
