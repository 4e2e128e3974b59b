"""Would catch an image or a chart that a real kubelet, containerd or kube-proxy does not run as the stand-ins do."""

import json
from collections.abc import Callable

import pytest

from testbed.bed import Bed
from tests.node.conftest import NAMESPACE
from tests.support.node_images import OPERATOR
from tests.support.recorder import Object

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

_WHO = """
import json, os, ssl, urllib.request
folder, host = "/var/run/secrets/kubernetes.io/serviceaccount/", os.environ["KUBERNETES_SERVICE_HOST"]
request = urllib.request.Request(
    f"https://{host}:443/apis/authentication.k8s.io/v1/selfsubjectreviews",
    json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).encode(),
    {"Authorization": "Bearer " + open(folder + "token").read(), "Content-Type": "application/json"},
)
context = ssl.create_default_context(cafile=folder + "ca.crt")
answer = json.load(urllib.request.urlopen(request, context=context))
try:
    open("/opt/crossfade/written", "w")
    refused = None
except OSError as failure:
    refused = failure.errno
status = dict(line.split(":", 1) for line in open("/proc/1/status").read().splitlines())
print(json.dumps({
    "ids": [os.getuid(), os.getgid()],
    "host": host,
    "user": answer["status"]["userInfo"]["username"],
    "refused": refused,
    "status": {key: value.split()[0] for key, value in status.items() if value.strip()},
}))
"""
"""Asked of the pod's own Python: who it is to the kernel and to the API server, and what it may do."""


def pods(node: Bed) -> list[Object]:
    """The operator's."""
    answer = node.kubectl("get", "pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=crossfade", "-o", "json")
    return list(json.loads(answer)["items"])


def test_with_default_values_both_replicas_are_ready_of_the_dockerfile_s_image(node: Bed, release: str) -> None:
    found = pods(node)
    assert len(found) == 2
    for pod in found:
        (container,) = pod["status"]["containerStatuses"]
        assert (container["image"], container["ready"], container["restartCount"]) == (OPERATOR, True, 0)
        assert container["containerID"].startswith("containerd://")
    runtime = node.kubectl("get", "node", "bed", "-o", "jsonpath={.status.nodeInfo.containerRuntimeVersion}")
    assert runtime.startswith("containerd://2.")


def test_a_pod_is_nobody_with_its_own_account_and_can_write_nothing(
    node: Bed, release: str, record_property: Callable[[str, object], None]
) -> None:
    """By what the kernel and the API server say of the process that runs, not by what its manifest asks for. The API
    server is reached at its Service's address, which is kube-proxy's work."""
    for pod in pods(node):
        name = pod["metadata"]["name"]
        told = json.loads(node.kubectl("exec", "-n", NAMESPACE, name, "--", "python", "-c", _WHO))
        assert told["ids"] == [65532, 65532]
        assert told["host"] == "10.96.0.1"
        assert told["user"] == f"system:serviceaccount:{NAMESPACE}:crossfade"
        assert told["refused"] == 30, "it could write to its own image"
        status = told["status"]
        assert (status["Uid"], status["NoNewPrivs"], status["Seccomp"]) == ("65532", "1", "2")
        assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0000000000000000"}
        record_property(f"{name} RSS KiB", status["VmRSS"])


def test_each_pod_answers_with_its_metrics(node: Bed, release: str) -> None:
    for address in (pod["status"]["podIP"] for pod in pods(node)):
        answer = node.run(["curl", "--silent", "--show-error", "--fail", f"http://{address}:8080/metrics"])
        assert "\ncrossfade_leading " in answer
