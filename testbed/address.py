"""Where a bed's servers are on the bed's own network, and the names its clients know them by."""

BRIDGE = "cf0"
HOST = "10.77.0.1"
ENVOY_HOST = "10.77.0.2"
ENVOY_GATEWAY_HOST = "10.77.0.3"
PREFIX_LENGTH = 16
POD_NETWORK = "10.77.0.0/16"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"

API_PORT = 6443
GATEWAY_PORT = 80
GATEWAY_METRICS_PORT = 9101
PROMETHEUS_PORT = 9090
MLFLOW_PORT = 5000
OCI_PORT = 5050

API = f"https://{HOST}:{API_PORT}"
GATEWAY = f"http://{HOST}"
ENVOY = f"http://{ENVOY_HOST}"
PROMETHEUS = f"http://{HOST}:{PROMETHEUS_PORT}"
OCI = f"{HOST}:{OCI_PORT}"
"""A registry of images that a test starts there, as references name it; nodes pull from it over plain http."""
MLFLOW = f"http://{HOST}:{MLFLOW_PORT}"
ETCD = "http://127.0.0.1:2379"

ENVOY_GATEWAY_NAME = "envoy-gateway.envoy-gateway-system.svc.cluster.local."
"""By which Envoy looks for Envoy Gateway; with its last dot, for names are compared letter by letter."""

SERVICES = (
    *("kubernetes.default", "prometheus.monitoring", "mlflow.mlops", "hub.mlops", "git.models"),
    *("azure.models", "blobs.models", "files.models", "gcs.models", "registry.models", "s3.models"),
    *("sagemaker.models", "vertex.models", "wandb.models"),
)


def hosts_file() -> str:
    """The text of a bed's /etc/hosts: every well-known Service by its short, .svc and full name."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    lines.append(f"{ENVOY_GATEWAY_HOST} {ENVOY_GATEWAY_NAME}")
    lines += [f"{HOST} {service}.svc {service}.svc.cluster.local {service}" for service in SERVICES]
    return "\n".join(lines) + "\n"
