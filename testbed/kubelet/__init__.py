"""A stand-in for the kubelet: runs pods as processes with an IP of their own, without a container engine."""
