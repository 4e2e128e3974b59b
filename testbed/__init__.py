"""A real Kubernetes control plane, gateway and Prometheus in one network namespace, up in seconds."""
