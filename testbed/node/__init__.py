"""A real node for a bed: the kubelet, kube-proxy, containerd and runc in the place of their stand-ins."""
