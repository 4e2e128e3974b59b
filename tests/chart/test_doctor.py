"""Would catch a doctor that misses what is wrong in a real cluster, names no cure, or finds faults where none are."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from testbed.handle import ClusterHandle
from tests.chart.conftest import Release
from tests.support import objects
from tests.support.claims import claimed

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
_DOCS = Path(__file__).parents[2] / "docs" / "doctor.md"
HERE = "crossfade-faults"
OBJECTIVE = {"absolute": {"max": "0.02"}}
_SOURCES = "modelsources.crossfade.dev"
_FIELD = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/lastChecked"


def doctor(bed: ClusterHandle, *words: str, kubeconfig: Path | None = None) -> tuple[int, list[tuple[str, Object]]]:
    """The exit status, and all findings with the names of their checks, as an administrator is told them."""
    command = [sys.executable, "-m", "crossfade", "doctor", "--output", "json", *words]
    with bed.popen(
        ["env", f"KUBECONFIG={kubeconfig or bed.kubeconfig}", *command], stdout=subprocess.PIPE, text=True
    ) as process:
        said, _ = process.communicate()
    told = json.loads(said)
    assert told["status"] == process.returncode
    return process.returncode, [(check["name"], finding) for check in told["checks"] for finding in check["findings"]]


def not_well(found: list[tuple[str, Object]]) -> list[tuple[str, Object]]:
    return [(name, finding) for name, finding in found if finding["level"] != "ok"]


def test_where_all_is_well_it_finds_nothing_and_needs_no_right_to_write(
    bed: ClusterHandle, release: Release, tmp_path: Path
) -> None:
    """By an account that has the role of the documentation, and nothing else."""
    role = yaml.safe_load(_DOCS.read_text().partition("```yaml\n")[2].partition("```")[0])
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "vera", "namespace": release.namespace},
    }
    bound = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "crossfade-doctor"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": "vera", "namespace": release.namespace}],
    }
    apply(bed, role, account, bound)
    kubeconfig = bed.service_account_kubeconfig(release.namespace, "vera", tmp_path / "kubeconfig")
    try:
        status, found = doctor(bed, "--namespace", release.namespace, kubeconfig=kubeconfig)
    finally:
        bed.kubectl("delete", "clusterrole,clusterrolebinding", "crossfade-doctor")
    assert (status, not_well(found)) == (0, [])
    created = {rule["resources"][0] for rule in role["rules"] if {*rule["verbs"]} - {"get", "list"}}
    assert created == {"subjectaccessreviews"}


def test_a_prometheus_to_which_the_api_server_does_not_lead_is_not_taken_for_gone(
    bed: ClusterHandle, release: Release
) -> None:
    """A Service of addresses outside of the cluster: pods reach it, and the API server says that nobody is there."""
    parts = urlsplit(bed.prometheus)
    metadata, port = {"name": "prometheus", "namespace": release.namespace}, {"name": "http", "port": parts.port}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [port]}}
    behind = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**metadata, "labels": {"kubernetes.io/service-name": "prometheus"}},
        "addressType": "IPv4",
        "ports": [port],
        "endpoints": [{"addresses": [parts.hostname]}],
    }
    apply(bed, service, behind)
    address = f"http://prometheus.{release.namespace}.svc:{parts.port}"
    status, told = doctor(bed, "--namespace", release.namespace, "--prometheus", address)
    found = not_well(told)
    assert (status, [(name, finding["level"]) for name, finding in found]) == (
        2,
        [("prometheus", "unseen"), ("scrapes", "unseen")],
    )
    assert "the API server leads to pods alone" in found[0][1]["seen"]


def apply(bed: ClusterHandle, *manifests: Object) -> None:
    bed.kubectl("apply", "--server-side", "-f", "-", input="\n---\n".join(map(json.dumps, manifests)))


def second_operator() -> Object:
    """It serves one namespace, never starts, and is told of a Prometheus that is not there."""
    labels = {"app.kubernetes.io/name": "crossfade", "app.kubernetes.io/version": "0.0.9"}
    env = {
        "CROSSFADE_NAMESPACES": HERE,
        "CROSSFADE_LEASE": f"{HERE}/second",
        "CROSSFADE_PROMETHEUS_ADDRESS": "http://prometheus.nowhere.svc:9090",
    }
    container = {"name": "operator", "image": "second", "env": [{"name": k, "value": v} for k, v in env.items()]}
    pod = {"nodeSelector": {"nowhere": "true"}, "containers": [container]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    metadata = {"name": "second", "namespace": HERE, "labels": labels}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def of_gateway_api(kind: str, name: str, spec: Object, **where: str) -> Object:
    metadata = {"name": name, **where}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def in_here(manifest: Object) -> Object:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": HERE}}


def rollout(name: str, parent: str, **changes: Any) -> Object:
    front = {"gatewayAPI": {"parentRefs": [{"name": parent}], "hostnames": [f"{name}.faults"]}}
    return in_here(objects.rollout(name, "nothing", f"{name}.faults", traffic=front, **changes))


def faulty() -> list[Object]:
    """A namespace that lets no pod of its Rollouts in, and in it one thing of each kind that is wrong."""
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    closed = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "crossfade"}}, "policyTypes": ["Egress"]}
    own = {"name": "errors", "template": "my-own", "objective": OBJECTIVE}
    scaled = {key: value for key, value in objects.serving().items() if key != "replicas"}
    left = {"app.kubernetes.io/managed-by": "crossfade", "crossfade.dev/rollout": "gone"}
    enforced = {"pod-security.kubernetes.io/enforce": "restricted"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HERE, "labels": enforced}},
        of_gateway_api("GatewayClass", "faulty", {"controllerName": "example.com/gone"}),
        of_gateway_api("Gateway", "lost", {"gatewayClassName": "faulty", "listeners": [listener]}, namespace=HERE),
        second_operator(),
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "closed", "namespace": HERE},
            "spec": closed,
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "gone-1", "namespace": HERE, "labels": left},
            "spec": {"ports": [{"port": 80}]},
        },
        in_here(objects.secret("mlflow", {"pasword": "hunter-two"})),
        in_here(objects.model_registry("mlflow", mlflow={"address": "https://mlflow.example"})),
        *registries(),
        in_here(objects.model_version("outside", "1.0.0", {"uri": {"uri": "file:///etc/passwd"}})),
        in_here(objects.model_version("lost", "1.0.0", {"volume": {"claimName": "lost"}})),
        *claimed(HERE, "lonely", Path("/nowhere"), "ReadWriteOncePod"),
        in_here(objects.model_version("lonely", "1.0.0", {"volume": {"claimName": "lonely"}})),
        rollout("nowhere", "gone", serving={**scaled, "autoscaling": {"max": 3}}),
        rollout("unheard", "lost", serving={}, analysis={"metrics": [own]}),
    ]


def registries() -> list[Object]:
    """Of one the Secret is missing and the certificate authority, of the other that is under another key."""
    bare = in_here(objects.model_registry("unknown", oci={"address": "https://oci.example"}))
    strange = in_here(objects.model_registry("strange", huggingFace={"address": "https://hub.example"}))
    del strange["spec"]["credentials"]
    strange["spec"]["tls"] = {"caConfigMapRef": {"name": "own", "key": "root.pem"}}
    bare["spec"]["tls"] = {"caConfigMapRef": {"name": "company"}}
    own = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}, "data": {"ca.crt": "-----BEGIN"}}
    return [bare, strange, in_here(own)]


@contextmanager
def planted(bed: ClusterHandle) -> Iterator[None]:
    """All of it, and a kind that lacks a field; afterwards the cluster is as it was."""
    definition = json.loads(bed.kubectl("get", "crd", _SOURCES, "--output=json"))
    field = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    removed = json.dumps([{"op": "remove", "path": _FIELD}])
    restored = json.dumps([{"op": "add", "path": _FIELD, "value": field["lastChecked"]}])
    try:
        bed.kubectl("patch", "crd", _SOURCES, "--type=json", f"--patch={removed}")
        namespace, *rest = faulty()
        apply(bed, namespace)
        apply(bed, *rest)
        waited = ("--namespace", HERE, "--for=condition=Stalled", "--timeout=180s")
        bed.kubectl("wait", "modelversion/outside", *waited)
        bed.kubectl("wait", "pvc/lonely", "--namespace", HERE, "--for=jsonpath={.status.phase}=Bound", "--timeout=180s")
        yield
    finally:
        bed.kubectl("patch", "crd", _SOURCES, "--type=json", f"--patch={restored}")
        bed.kubectl("delete", "gatewayclass", "faulty", "--ignore-not-found")
        bed.kubectl("delete", "rollouts,modelversions", "--all", "--namespace", HERE, "--timeout=180s")
        bed.kubectl("delete", "namespace", HERE, "--wait=false")
        bed.kubectl("delete", "persistentvolume", f"{HERE}-lonely", "--ignore-not-found", "--wait=false")


PLANTED = (
    ("kinds", f"the kind {_SOURCES} is older than this program: it lacks status.lastChecked", "kubectl apply --server"),
    ("operator", f"Deployment {HERE}/second has 0 of 1 pods ready", f"kubectl --namespace {HERE} describe pods"),
    (
        "operator",
        f"and Deployment {HERE}/second serve the same namespaces",
        "delete deployment second",
    ),
    ("release", f"Deployment {HERE}/second is of release 0.0.9, and this program of", "use the program of 0.0.9"),
    ("leader", f"Lease {HERE}/second of Deployment {HERE}/second does not exist", "logs --selector"),
    ("rights", f"system:serviceaccount:{HERE}:default may not", "templates/rights.yaml"),
    ("gateway-classes", "GatewayClass faulty is not accepted", "the controller example.com/gone"),
    (
        "gateways",
        f"Gateway {HERE}/lost is not accepted: Waiting for controller",
        f"kubectl --namespace {HERE} describe gateway lost",
    ),
    (
        "routes",
        f"Rollout {HERE}/nowhere: `spec.traffic.gatewayAPI.parentRefs[0]` names Gateway",
        "name another Gateway",
    ),
    ("prometheus", "Prometheus at http://prometheus.nowhere.svc:9090: there is nobody", "`prometheus.address`"),
    ("metrics", "names the template 'my-own', which does not exist", "correct `spec.analysis.metrics[errors]`"),
    ("pods", f"the namespace {HERE} enforces Pod Security's level restricted", "containers[].securityContext"),
    ("network", f"NetworkPolicy {HERE}/closed forbids the operator", f"add a NetworkPolicy to the namespace {HERE}"),
    ("autoscaling", f"nobody serves metrics.k8s.io, by which Rollout {HERE}/nowhere", "install metrics-server"),
    ("registries", f"Secret {HERE}/mlflow, which ModelRegistry mlflow names, must have the keys", "edit secret mlflow"),
    ("registries", f"Secret {HERE}/unknown, which ModelRegistry unknown names, does not exist", "create secret"),
    ("registries", f"ConfigMap {HERE}/company, which `spec.tls.caConfigMapRef` of", "--from-file=ca.crt=FILE"),
    ("registries", "must have the key `root.pem`, and has ca.crt", "edit configmap own: give it `root.pem`"),
    ("volumes", f"PersistentVolumeClaim {HERE}/lost of ModelVersion lost does not exist", "volume.yaml has one"),
    ("volumes", f"{HERE}/lonely of ModelVersion lonely is `ReadWriteOncePod`, for a single pod", "`ReadOnlyMany`"),
    ("standing", f"ModelVersion {HERE}/outside: SourceRefused", "docs/troubleshooting.md, SourceRefused"),
    ("leftovers", "service/gone-1 of a Rollout gone that does not exist", f"kubectl --namespace {HERE} delete service"),
)


def is_of(fault: tuple[str, str, str], name: str, finding: Object) -> bool:
    """Whether the finding is of this fault, and has its cure."""
    check, seen, cure = fault
    return name == check and seen in finding["seen"] and cure in finding["cure"]


@pytest.mark.usefixtures("release")
def test_each_of_twenty_two_faults_is_found_with_its_cure_and_nothing_else(bed: ClusterHandle) -> None:
    with planted(bed):
        status, told = doctor(bed, "--namespace", HERE)
    found = not_well(told)
    assert status == 1
    assert [one for one in PLANTED if not any(is_of(one, name, finding) for name, finding in found)] == [], found
    assert [one for one in found if not any(is_of(fault, *one) for fault in PLANTED)] == []
    assert "hunter-two" not in json.dumps(found)
