"""Would catch a chart that the API server refuses, or whose operator does not come up, answer or leave as it should."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.render import INSTALL
from testbed.bed import Bed
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle
from tests.chart.conftest import Release
from tests.chart.rendering import CHART
from tests.support.objects import rollout

pytestmark = pytest.mark.cluster


def can(bed: ClusterHandle, user: str, *request: str) -> bool:
    """Whether the API server would let the user do it."""
    command = ["kubectl", "auth", "can-i", *request, f"--as={user}"]
    with bed.popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        answer, _ = process.communicate()
    return str(answer).strip() == "yes"


def deployed(bed: ClusterHandle, release: Release) -> dict[str, object]:
    """The status of the operator's Deployment."""
    answer = bed.kubectl("get", "deployment", release.name, "--namespace", release.namespace, "--output=json")
    return dict(json.loads(answer)["status"])


@pytest.mark.anywhere
@pytest.mark.parametrize("values", [[], ['namespaces=["default"]'], ['mlflow.address="http://mlflow.mlops:5000"']])
def test_the_api_server_takes_every_object(bed: ClusterHandle, helm_program: Path, values: list[str]) -> None:
    """Strictly: an unknown field is an error."""
    settings = [f"--set-json={value}" for value in values]
    rendered = bed.run([str(helm_program), "template", "trial", str(CHART), "--namespace=default", *settings])
    told = bed.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
        input=rendered,
    )
    assert len(told.splitlines()) == len([found for found in yaml.safe_load_all(rendered) if found])


@pytest.mark.slow
@pytest.mark.parametrize("way", [[], ["--server-side", "--force-conflicts"]])
def test_the_api_server_takes_the_plain_manifests(bed: ClusterHandle, way: list[str]) -> None:
    """Client-side, too, where what is applied must fit an annotation. The namespace is there: a dry run makes none."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "crossfade-system"}}
    bed.kubectl("apply", "-f", "-", input=json.dumps(namespace))
    for path in (INSTALL, CHART.parents[1] / "crds"):
        told = bed.kubectl("apply", *way, "--dry-run=server", "--validate=strict", "-f", str(path))
        assert "customresourcedefinition.apiextensions.k8s.io/rollouts.crossfade.dev" in told


def test_the_operator_is_ready_when_helm_says_so(bed: ClusterHandle, release: Release) -> None:
    status = deployed(bed, release)
    assert (status["readyReplicas"], status["observedGeneration"]) == (2, 1)


def test_its_metrics_are_scraped(bed: ClusterHandle, release: Release) -> None:
    """By the pod's annotations, as Prometheus' own example configuration has it."""
    pods = json.loads(bed.kubectl("get", "pods", "--namespace", release.namespace, "--output=json"))["items"]
    assert len(pods) == 2
    for address in (pod["status"]["podIP"] for pod in pods):
        answer = bed.run(["curl", "--silent", "--show-error", "--fail", f"http://{address}:8080/metrics"])
        assert "crossfade_leading " in answer
    annotations = pods[0]["metadata"]["annotations"]
    assert [annotations[f"prometheus.io/{name}"] for name in ("scrape", "port", "path")] == ["true", "8080", "/metrics"]


def test_helm_test_says_that_it_answers(bed: Bed, release: Release) -> None:
    """The bed has no DNS: its hosts file, of which pods have a copy, stands for that."""
    here = f"--namespace={release.namespace}"
    address = bed.kubectl("get", "service", release.name, here, "--output=jsonpath={.spec.clusterIP}")
    with (bed.dir / "hosts").open("a") as hosts:
        hosts.write(f"{address}\t{release.name}\n")
    assert "Succeeded" in bed.helm("test", release.name, here, "--timeout", "180s")


@pytest.mark.slow
@pytest.mark.usefixtures("release")
def test_an_order_that_is_none_is_refused_when_it_is_given(bed: ClusterHandle) -> None:
    """By the API server, where a typo would else do nothing."""
    made = rollout("ordered", "none", "ordered.test")
    made["metadata"]["annotations"] = {"crossfade.dev/abort": "1"}
    bed.kubectl("apply", "-f", "-", input=json.dumps(made))
    annotate = ("annotate", "rollout/ordered", "--overwrite")
    try:
        with pytest.raises(TestbedError, match=r"must not have crossfade\.dev/abrot, which is no order: orders are"):
            bed.kubectl(*annotate, "crossfade.dev/abrot=1")
        for annotation in ("crossfade.dev/abort-by=ann", "crossfade.dev/skip-stage=2", "example.com/note=1"):
            bed.kubectl(*annotate, annotation)
    finally:
        bed.kubectl("delete", "rollout/ordered", "--wait=false")


def test_the_service_leads_to_the_operator(bed: ClusterHandle, release: Release) -> None:
    """To both pods, as soon as the control plane has written down that they are ready, which is after helm saw it."""
    slices = ["endpointslices", "-n", release.namespace, "-l", f"kubernetes.io/service-name={release.name}"]
    for pod in range(2):
        bed.kubectl("wait", *slices, f"--for=jsonpath={{.endpoints[{pod}].conditions.ready}}=true", "--timeout=180s")
    (found,) = json.loads(bed.kubectl("get", *slices, "--output=json"))["items"]
    assert len(found["endpoints"]) == 2
    assert [(port["name"], port["port"]) for port in found["ports"]] == [("metrics", 8080)]


@pytest.mark.parametrize(
    ("allowed", "request_"),
    [
        (True, ("patch", "rollouts.crossfade.dev/anything", "--subresource=status")),
        (True, ("create", "httproutes.gateway.networking.k8s.io")),
        (True, ("watch", "metrictemplates.crossfade.dev")),
        (False, ("patch", "metrictemplates.crossfade.dev")),
        (True, ("create", "modelversions.crossfade.dev")),
        (False, ("patch", "modelversions.crossfade.dev")),
        (True, ("patch", "modelsources.crossfade.dev/anything", "--subresource=status")),
        (False, ("patch", "modelsources.crossfade.dev")),
        (False, ("delete", "rollouts.crossfade.dev")),
        (True, ("watch", "modelregistries.crossfade.dev")),
        (False, ("patch", "modelregistries.crossfade.dev")),
        (True, ("patch", "modelregistries.crossfade.dev/anything", "--subresource=status")),
        (True, ("get", "secrets")),
        (False, ("list", "secrets")),
        (False, ("watch", "secrets")),
        (False, ("list", "configmaps")),
        (False, ("update", "leases.coordination.k8s.io/crossfade")),
        (False, ("create", "pods", "--subresource=exec")),
        (True, ("get", "gatewayclasses.gateway.networking.k8s.io")),
        (False, ("list", "gateways.gateway.networking.k8s.io")),
        (False, ("deletecollection", "httproutes.gateway.networking.k8s.io")),
    ],
)
def test_it_may_do_this_and_not_that(
    bed: ClusterHandle, release: Release, allowed: bool, request_: tuple[str, ...]
) -> None:
    assert can(bed, release.user, *request_, "--namespace=default") is allowed


def test_whoever_may_view_or_edit_a_namespace_may_do_so_with_our_kinds(bed: ClusterHandle, release: Release) -> None:
    for role, user in (("view", "vera"), ("edit", "edna")):
        bed.kubectl("create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}", "-n", release.namespace)
    here = f"--namespace={release.namespace}"
    assert can(bed, "vera", "list", "rollouts.crossfade.dev", here)
    assert not can(bed, "vera", "patch", "rollouts.crossfade.dev", here)
    assert can(bed, "edna", "patch", "rollouts.crossfade.dev", here)
    assert can(bed, "edna", "create", "modelversions.crossfade.dev", here)
    assert can(bed, "edna", "create", "metrictemplates.crossfade.dev", here)
    assert can(bed, "edna", "create", "modelsources.crossfade.dev", here)
    assert not can(bed, "vera", "create", "metrictemplates.crossfade.dev", here)
    assert not can(bed, "edna", "patch", "rollouts.crossfade.dev", "--subresource=status", here)
    assert not can(bed, "edna", "patch", "rollouts.crossfade.dev", "--namespace=default")


def test_an_upgrade_replaces_the_operator(bed: ClusterHandle, release: Release) -> None:
    place = ["--namespace", release.namespace, "--reuse-values", "--wait", "--timeout", "180s"]
    bed.helm("upgrade", release.name, str(CHART), *place, "--set=resources.requests.cpu=50m")
    status = deployed(bed, release)
    assert (status["readyReplicas"], status["observedGeneration"]) == (2, 2)


@pytest.mark.slow
@pytest.mark.usefixtures("release")  # which has the CRDs
def test_an_operator_from_before_the_lease_is_ended_before_the_upgrade(bed: ClusterHandle) -> None:
    """A rolling update would run it beside the new one, and ask nobody."""
    namespace, deployment = "--namespace=crossfade-earlier", "deployment/crossfade"
    bed.kubectl("create", "namespace", "crossfade-earlier")
    try:
        place = [namespace, "--set=crds.enabled=false,replicas=1", f"--set=prometheus.address={bed.prometheus}"]
        bed.helm("install", "crossfade", str(CHART), *place, "--wait", "--timeout", "180s")
        bed.kubectl("set", "env", deployment, namespace, "CROSSFADE_LEASE-")
        with pytest.raises(TestbedError, match="from before the Lease") as refused:
            bed.helm("upgrade", "crossfade", str(CHART), *place)
        advice = str(refused.value).partition("`kubectl ")[2].partition("`")[0]
        bed.kubectl(*advice.split())
        assert bed.kubectl("get", "pods", namespace, "--output=name") == ""
        bed.helm("upgrade", "crossfade", str(CHART), *place)
        bed.helm("uninstall", "crossfade", namespace)
    finally:
        bed.kubectl("delete", "namespace", "crossfade-earlier", "--wait=false")


def test_limited_to_one_namespace_it_starts_without_rights_elsewhere(bed: ClusterHandle, release: Release) -> None:
    """GitOps property 15."""
    bed.kubectl("create", "namespace", "crossfade-limited")
    try:
        place = [
            "--namespace",
            "crossfade-limited",
            "--set=crds.enabled=false",
            f"--set=prometheus.address={bed.prometheus}",
        ]
        limits = ["--set-json", 'namespaces=["crossfade-limited"]', "--wait", "--timeout", "180s"]
        bed.helm("install", "limited", str(CHART), *place, *limits)
        account = Release("crossfade-limited", "limited-crossfade")
        assert can(bed, account.user, "list", "pods", "--namespace=crossfade-limited")
        assert not can(bed, account.user, "list", "pods", "--namespace=default")
        bed.helm("uninstall", "limited", "--namespace", "crossfade-limited", "--wait", "--timeout", "180s")
    finally:
        bed.kubectl("delete", "namespace", "crossfade-limited", "--wait=false")


@pytest.mark.slow
@pytest.mark.usefixtures("release")  # which has the CRDs
def test_helm_3_installs_upgrades_and_rolls_back(bed: ClusterHandle, helm_3_program: Path) -> None:
    namespace = "crossfade-three"
    bed.kubectl("create", "namespace", namespace)

    def helm(*arguments: str) -> None:
        bed.run([str(helm_3_program), *arguments, f"--namespace={namespace}", "--wait", "--timeout=180s"])

    def replicas() -> int:
        found = json.loads(bed.kubectl("get", "deployment/crossfade", f"--namespace={namespace}", "--output=json"))
        return int(found["status"]["readyReplicas"])

    values = [f"--set=crds.enabled=false,prometheus.address={bed.prometheus}", f'--set-json=namespaces=["{namespace}"]']
    try:
        helm("install", "crossfade", str(CHART), *values)
        assert replicas() == 2
        helm("upgrade", "crossfade", str(CHART), *values, "--set=replicas=1")
        assert replicas() == 1
        helm("rollback", "crossfade", "1")
        assert replicas() == 2
        helm("uninstall", "crossfade")
    finally:
        bed.kubectl("delete", "namespace", namespace, "--wait=false")


def test_a_wrong_address_ends_the_install_before_anything_is_made(bed: ClusterHandle) -> None:
    with pytest.raises(TestbedError, match="/prometheus/address"):
        bed.helm(
            "install", "wrong", str(CHART), "--namespace=crossfade-wrong", "--set=prometheus.address=prometheus:9090"
        )
    assert bed.kubectl("get", "namespace", "crossfade-wrong", "--ignore-not-found") == ""
