"""What the programs of a real node are told, as files in the bed's folder."""

import json
from pathlib import Path

from testbed import address
from testbed.binaries.debian_root import DebianRoot
from testbed.layout import Layout
from testbed.node import cgroups

SOCKET = "/run/containerd/containerd.sock"
SANDBOX = "testbed.crossfade.dev/sandbox:1"
"""The image of the container that holds a pod's network."""
_POD_ADDRESSES = ("10.77.1.0", "10.77.255.254")
"""Of the bed's network; the addresses below are its servers'."""

_CONTAINERD = """\
version = 3
root = "{root}"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [
  "io.containerd.nri.v1.nri",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{socket}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{sandbox}"
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "{registries}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
  enable_cdi = false
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "{runc}"
  SystemdCgroup = false
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{plugins}"]
  conf_dir = "{networks}"
"""


def write_containerd(layout: Layout, root: DebianRoot) -> Path:
    """containerd's own file, the network that it gives to pods, the bed's, as the stand-in's pods have it, and how the
    registry of a test is reached."""
    networks = layout.node / "networks"
    networks.mkdir()
    (networks / "bed.conflist").write_text(json.dumps(_network(layout)))
    registry = layout.node / "registries" / address.OCI
    registry.mkdir(parents=True)
    (registry / "hosts.toml").write_text(f'server = "http://{address.OCI}"\n')
    path = layout.node / "containerd.toml"
    path.write_text(
        _CONTAINERD.format(
            root=layout.node / "containerd",
            socket=SOCKET,
            sandbox=SANDBOX,
            registries=registry.parent,
            runc=root.program("runc"),
            plugins=root.folder / "usr" / "lib" / "cni",
            networks=networks,
        )
    )
    return path


def _network(layout: Layout) -> dict[str, object]:
    first, last = _POD_ADDRESSES
    reach = {"subnet": address.POD_NETWORK, "rangeStart": first, "rangeEnd": last, "gateway": address.HOST}
    ipam = {
        "type": "host-local",
        "dataDir": str(layout.node / "addresses"),
        "ranges": [[reach]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": address.BRIDGE, "hairpinMode": True, "ipam": ipam}
    return {"cniVersion": "1.0.0", "name": "bed", "plugins": [bridge]}


def write_kubelet(layout: Layout) -> Path:
    """Nothing is evicted or collected, however full the machine is: pods end when a test ends them.

    A name is looked up nowhere: there is no DNS of the cluster.
    """
    resolver = layout.node / "resolv.conf"
    resolver.write_text("# nobody\n")
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.name_of(layout.folder)}",
        "enforceNodeAllocatable": [],
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "maxOpenFiles": 20000,
        "evictionHard": dict.fromkeys(
            ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available"), "0%"
        ),
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "resolvConf": str(resolver),
        "volumePluginDir": str(layout.node / "volume-plugins"),
    }
    return _json(layout.node / "kubelet.json", config)


def write_kube_proxy(layout: Layout, node: str) -> Path:
    """Rules of nftables that follow within a tenth of a second. All that goes to a Service comes from the node, so that
    answers between two pods of the one bridge find back through it."""
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(layout.kubeconfig_of("kubelet"))},
        "clusterCIDR": address.POD_NETWORK,
        "nodePortAddresses": ["primary"],
        "hostnameOverride": node,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "nftables": {"minSyncPeriod": "100ms", "syncPeriod": "30s", "masqueradeAll": True},
        "oomScoreAdj": 0,
    }
    return _json(layout.node / "kube-proxy.json", config)


def _json(path: Path, content: dict[str, object]) -> Path:
    """JSON is YAML."""
    path.write_text(json.dumps(content, indent=1))
    return path
