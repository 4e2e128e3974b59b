"""A second gateway for a bed that wants one: Envoy, run by Envoy Gateway."""

import json

from testbed import envoy_objects, gateway_api
from testbed.binaries import ENVOY_GATEWAY, locate
from testbed.binaries.environments import python_env
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle
from testbed.progress import Progress

_SECONDS = 240


def fetch(progress: Progress) -> None:
    """See that its programs are here. From inside a bed's network nothing can be fetched. Raises TestbedError."""
    locate(ENVOY_GATEWAY, progress)
    python_env("envoy", progress)


def install(cluster: ClusterHandle, progress: Progress) -> None:
    """Create what is missing, and return when Envoy serves its Gateway. Raises TestbedError."""
    _apply(cluster, envoy_objects.definitions())
    _wait(cluster, "Established", f"crd/{envoy_objects.PROXIES}")
    _apply(cluster, envoy_objects.objects())
    progress("Envoy Gateway installed")
    _wait(cluster, "Programmed", f"gateway/{envoy_objects.GATEWAY}", "--namespace", gateway_api.NAMESPACE)
    progress("Envoy serves its Gateway")


def _apply(cluster: ClusterHandle, objects: list[envoy_objects.Object]) -> None:
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=manifest)


def _wait(cluster: ClusterHandle, condition: str, *what: str) -> None:
    try:
        cluster.kubectl("wait", f"--for=condition={condition}", f"--timeout={_SECONDS}s", *what)
    except TestbedError as failure:
        said = cluster.kubectl("get", *what, "--output", "jsonpath={.status.conditions[*].message}")
        raise TestbedError(f"{failure}; its conditions say: {said}") from failure
