"""A kind cluster with all that a bed has, on machines that have a Docker engine: what is made in it lies in kind/."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.binaries.catalogue import ENVOY_GATEWAY
from testbed.errors import TestbedError
from testbed.handle import CurrentCluster
from testbed.places import REPOSITORY
from testbed.progress import Progress

FOLDER = REPOSITORY / "kind"
IMAGE = "crossfade:kind"
ADDRESSES = {
    "CROSSFADE_GATEWAY_URL": "http://127.0.0.1:18080",
    "CROSSFADE_PROMETHEUS_URL": "http://127.0.0.1:19090",
    "CROSSFADE_MLFLOW_URL": "http://127.0.0.1:15000",
}
"""Where kind/cluster.yaml has the ports of this machine."""
CHART = REPOSITORY / "charts" / "crossfade"
_ENVOY_CHART = "oci://docker.io/envoyproxy/gateway-helm"
_MODEL_SERVER = "docker.io/seldonio/mlserver:1.7.1"
"""Larger than all else together: pulled beforehand, so that no version waits for it."""
_HELM = "--create-namespace --wait --timeout=5m"
_LAST_WORDS = 600
_ELSE = "or take the testbed, which needs none of them (`make demo`, --cluster=testbed)"
_PROOFS = {
    "docker": (("docker", "info"), "install Docker, or start its engine"),
    "kind": (("kind", "version"), "install kind 0.25 or later (https://kind.sigs.k8s.io)"),
    "helm": (("helm", "version"), "install Helm 3.17 or later"),
    "kubectl": (("kubectl", "version", "--client"), "install kubectl"),
}
"""By each program: what shows that it works, and what to do where it does not."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command on the way to the cluster, and what it does."""

    does: str
    argv: tuple[str, ...]


def _step(does: str, command: str, *more: str) -> Step:
    return Step(does, (*command.split(), *more))


def steps(name: str) -> tuple[Step, ...]:
    """All commands in their order. The second writes the file that $KUBECONFIG names."""
    chart = f"helm install envoy-gateway {_ENVOY_CHART} --version=v{ENVOY_GATEWAY.version}"
    ours = f"helm install crossfade --namespace=crossfade-system {_HELM}"
    wait = "kubectl wait --timeout=5m"
    return (
        _step("build the image", f"docker build --tag={IMAGE}", str(REPOSITORY)),
        _step("make the cluster", f"kind create cluster --name={name} --config", str(FOLDER / "cluster.yaml")),
        _step("put the image on its node", f"kind load docker-image {IMAGE} --name={name}"),
        _step("install Envoy Gateway", f"{chart} --namespace=envoy-gateway-system {_HELM}"),
        _step("make the namespaces", "kubectl apply --filename", str(FOLDER / "namespaces.yaml")),
        _step("start gateway, Prometheus and MLflow", "kubectl apply --filename", str(FOLDER / "manifests")),
        _step("wait for the gateway", f"{wait} --namespace=gateways --for=condition=Programmed gateway/public"),
        _step("wait for Prometheus", f"{wait} --namespace=monitoring --for=condition=Available deployment/prometheus"),
        _step("wait for MLflow", f"{wait} --namespace=mlops --for=condition=Available deployment/mlflow"),
        _step("put MLServer's image on the node", f"docker exec {name}-control-plane crictl pull {_MODEL_SERVER}"),
        _step("install Crossfade", ours, f"--values={FOLDER / 'values.yaml'}", str(CHART)),
    )


def up(name: str, kubeconfig: Path, progress: Progress) -> CurrentCluster:
    """Make the cluster, which takes some minutes, and write its credentials to `kubeconfig`. Raises TestbedError, which
    says how to be rid of what is there by then."""
    require()
    for step in steps(name):
        progress(step.does)
        try:
            _run(step.argv, kubeconfig)
        except TestbedError as failure:
            rid = f"`kind delete cluster --name={name}` ends what is there of it"
            raise TestbedError(f"{failure}; {rid}") from None
    return CurrentCluster(kubeconfig, ADDRESSES)


@contextmanager
def kind_cluster(progress: Progress) -> Iterator[CurrentCluster]:
    """A kind cluster for the body, deleted afterwards. Raises TestbedError."""
    name = f"crossfade-{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        try:
            yield up(name, kubeconfig, progress)
        finally:
            if shutil.which("kind"):
                subprocess.run(("kind", "delete", "cluster", f"--name={name}"), check=False, capture_output=True)


def require() -> None:
    """Raises TestbedError with what is missing, and what to do about it."""
    for program, (proof, cure) in _PROOFS.items():
        if shutil.which(program) is None:
            raise TestbedError(f"a kind cluster needs the program {program}, which is not on PATH: {cure}; {_ELSE}")
        shown = subprocess.run(proof, check=False, capture_output=True, text=True)
        if shown.returncode:
            said = (shown.stderr.strip() or shown.stdout.strip() or "nothing").splitlines()[-1]
            raise TestbedError(
                f"a kind cluster needs {program}, and `{' '.join(proof)}` says '{said}': {cure}; {_ELSE}"
            )


def _run(argv: tuple[str, ...], kubeconfig: Path) -> None:
    """With no other cluster in its environment: Helm has variables that lead past every kubeconfig."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HELM_KUBE")}
    environment = kept | {"KUBECONFIG": str(kubeconfig)}
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        said = done.stderr.strip()[-_LAST_WORDS:]
        raise TestbedError(f"`{' '.join(argv)}` ended with status {done.returncode}: {said}")
