"""Would catch an operator that does not run, lead, or have its rights, and is taken for one that does."""

from pathlib import Path
from typing import Any

import yaml
from crossfade.doctor.finding import Level
from crossfade.doctor.rights import EVERYWHERE, SERVED

from tests.unit.doctor.cluster import USER, FakeCluster, conditions, labelled, lease, operator, the, told

_CHART = Path(__file__).parents[3] / "charts" / "crossfade" / "templates" / "rights.yaml"


def test_without_an_operator_the_command_that_installs_it_is_named() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"] = []
    assert the(cluster, "operator").cure.startswith("helm install crossfade charts/crossfade")


def test_pods_that_do_not_start_are_told_with_the_kubelets_words() -> None:
    cluster = FakeCluster()
    waiting = {"reason": "ImagePullBackOff", "message": "not found"}
    pod = {"metadata": {**labelled("crossfade-1", "crossfade-system"), "ownerReferences": [{"name": "crossfade-1"}]}}
    pod["status"] = {"containerStatuses": [{"ready": False, "state": {"waiting": waiting}}]}
    cluster.objects["operatorpods"] = [pod]
    cluster.objects["operators"][0]["status"] = conditions(Available="False")
    found = the(cluster, "operator")
    assert found.seen == "Deployment crossfade-system/crossfade has 0 of 2 pods ready: ImagePullBackOff: not found"
    assert found.cure.startswith("kubectl --namespace crossfade-system describe pods")


def test_one_pod_of_two_is_a_warning_and_none_asked_for_a_fault() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"][0]["status"]["readyReplicas"] = 1
    assert "1 of 2" in the(cluster, "operator", Level.WARNING).seen
    cluster.objects["operators"][0]["spec"]["replicas"] = 0
    cluster.objects["operators"][0]["status"]["readyReplicas"] = 0
    assert "scale deployment crossfade --replicas=2" in the(cluster, "operator").cure


def test_two_operators_of_the_same_namespaces_are_a_fault() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"].append(operator("other", "elsewhere"))
    found = the(cluster, "operator")
    assert "serve the same namespaces" in found.seen
    assert "helm --namespace elsewhere uninstall other" in found.cure


def test_two_operators_of_different_namespaces_are_none() -> None:
    cluster = FakeCluster()
    one, other = operator(CROSSFADE_NAMESPACES="ml"), operator("b", "elsewhere", CROSSFADE_NAMESPACES="risk")
    cluster.objects["operators"] = [one, other]
    assert {found.level for found in told(cluster, "operator")} == {Level.OK}


def test_a_chart_that_runs_another_release_and_another_loader_is_named() -> None:
    cluster = FakeCluster()
    old = operator(CROSSFADE_LOADER_IMAGE="crossfade:0.0.8")
    old["metadata"]["labels"]["app.kubernetes.io/version"] = "0.0.9"
    cluster.objects["operators"] = [old]
    program, chart, loader = told(cluster, "release")
    assert "is of release 0.0.9, and this program of 0.1.0" in program.seen
    assert "made by the chart for release 0.0.9 and runs ghcr.io/crossfade-dev/crossfade:0.1.0" in chart.seen
    assert "image.tag" in chart.cure
    assert "loader of crossfade:0.0.8" in loader.seen


def test_a_lease_that_is_missing_old_or_of_nobody_is_a_fault() -> None:
    cluster = FakeCluster()
    cluster.objects["leases"] = []
    assert "does not exist" in the(cluster, "leader").seen
    cluster.objects["leases"] = [lease(age=120)]
    assert "was renewed 120 s ago" in the(cluster, "leader").seen
    cluster.objects["leases"][0]["spec"]["holderIdentity"] = ""
    assert "held by nobody" in the(cluster, "leader").seen


def test_two_replicas_without_a_lease_are_a_fault_and_one_is_none() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"] = [operator(CROSSFADE_LEASE="")]
    assert "2 replicas and no `CROSSFADE_LEASE`" in the(cluster, "leader").seen
    cluster.objects["operators"][0]["spec"]["replicas"] = 1
    assert told(cluster, "leader")[0].level is Level.OK


def test_a_right_that_is_missing_is_named_with_whose_it_is() -> None:
    cluster = FakeCluster()
    cluster.denied = {("patch", "services")}
    found = the(cluster, "rights")
    assert found.seen == f"{USER} may not patch services, in all namespaces"
    assert "templates/rights.yaml" in found.cure


def test_rights_are_asked_for_in_the_namespaces_that_are_served() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"] = [operator(CROSSFADE_NAMESPACES="ml")]
    cluster.denied = {("create", "httproutes"), ("get", "secrets")}
    assert the(cluster, "rights").seen.endswith(
        "may not create httproutes.gateway.networking.k8s.io, get secrets mlflow, in the namespace ml"
    )


def test_secrets_of_namespaces_that_it_does_not_serve_are_none_of_its_rights() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"] = [operator(CROSSFADE_NAMESPACES="risk")]
    cluster.denied = {("get", "secrets")}
    assert told(cluster, "rights")[0].level is Level.OK


def test_who_may_not_ask_is_told_so() -> None:
    cluster = FakeCluster()
    cluster.no_reviews = True
    assert "subjectaccessreviews" in the(cluster, "rights", Level.UNSEEN).cure


def test_the_rights_are_those_of_the_chart() -> None:
    """But for Secrets, which are asked for one by one."""
    text = _CHART.read_text()
    granted = {right for block in ("rules", "gatewayRules") for right in _rules(text, block) if right[1] != "secrets"}
    assert granted == {(right.group, right.resource, right.verb) for right in (*SERVED, *EVERYWHERE)}


def _rules(text: str, block: str) -> set[tuple[str, str, str]]:
    body = (
        text.partition(f'define "crossfade.{block}" }}}}')[2]
        .partition("{{- end }}\n{{- /*")[0]
        .partition("{{- define")[0]
    )
    plain = "\n".join(line for line in body.splitlines() if "{{" not in line and line.strip() != "rules:")
    rules: list[dict[str, Any]] = yaml.safe_load(plain)
    return {(g, r, v) for rule in rules for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]}


def test_a_lease_of_a_clock_that_is_ahead_is_fresh() -> None:
    cluster = FakeCluster()
    cluster.objects["leases"] = [lease(age=-20)]
    assert told(cluster, "leader")[0].level is Level.OK


def test_two_operators_without_a_lease_are_not_taken_for_one() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"] = [operator(CROSSFADE_LEASE=""), operator("other", CROSSFADE_LEASE="")]
    assert "share no Lease" in the(cluster, "operator").seen


def test_who_installed_without_helm_is_not_sent_to_helm() -> None:
    cluster = FakeCluster()
    plain = operator("other", "elsewhere")
    del plain["metadata"]["labels"]["helm.sh/chart"]
    cluster.objects["operators"].append(plain)
    assert "kubectl --namespace elsewhere delete deployment other" in the(cluster, "operator").cure
    cluster.objects["operators"] = [plain]
    cluster.denied = {("patch", "services")}
    assert the(cluster, "rights").cure.startswith("kubectl apply --server-side -f deploy/install.yaml")


def test_a_lease_in_the_namespace_of_the_pods_is_found_there() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"] = [operator(CROSSFADE_LEASE="$(CROSSFADE_LEASE_NAMESPACE)/crossfade")]
    assert "by Lease crossfade-system/crossfade" in told(cluster, "leader")[0].seen
