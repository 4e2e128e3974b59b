"""containerd, the kubelet and kube-proxy of a real node, which has the stand-in's name."""

from testbed import address
from testbed.binaries.debian_root import DebianRoot
from testbed.daemons.daemon import Daemon
from testbed.daemons.node import NODE
from testbed.layout import Layout, Plan
from testbed.node import config


def containerd(root: DebianRoot, layout: Layout) -> Daemon:
    """containerd, with runc and the network plugins out of the same packages."""
    words = (root.program("containerd"), "--config", str(config.write_containerd(layout, root)))
    return Daemon("containerd", words, root.environment())


def kubelet(plan: Plan, layout: Layout) -> Daemon:
    """The kubelet, at the address of the bed's servers."""
    flags = {
        "config": config.write_kubelet(layout),
        "kubeconfig": layout.kubeconfig_of("kubelet"),
        "root-dir": layout.node / "kubelet",
        "cert-dir": layout.pki / "kubelet",
        "hostname-override": NODE,
        "node-ip": address.HOST,
    }
    return Daemon("kubelet", (*plan.programs["kubelet"], *(f"--{name}={value}" for name, value in flags.items())))


def kube_proxy(plan: Plan, root: DebianRoot, layout: Layout) -> Daemon:
    """kube-proxy, which writes its rules with the packages' nft."""
    words = (*plan.programs["kube-proxy"], f"--config={config.write_kube_proxy(layout, NODE)}")
    return Daemon("kube-proxy", words, root.environment())
