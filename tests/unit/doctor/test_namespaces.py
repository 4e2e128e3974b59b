"""Would catch namespaces in which no pod of ours can start or be reached, and that are taken for good ones."""

from typing import Any

import pytest
from crossfade.doctor.finding import Level

from tests.unit.doctor.cluster import FakeCluster, child, labelled, rollout, the, told

_ENFORCE = "pod-security.kubernetes.io/enforce"


def custom(**context: Any) -> dict[str, Any]:
    container = {"name": "model", "image": "server", "ports": [{"name": "http", "containerPort": 8080}]}
    return {"runtime": "custom", "template": {"spec": {"containers": [{**container, "securityContext": context}]}}}


def enforcing(level: str, serving: dict[str, Any]) -> FakeCluster:
    cluster = FakeCluster()
    cluster.objects["namespaces"] = [{"metadata": labelled("ml", **{_ENFORCE: level})}]
    cluster.objects["rollouts"] = [rollout(serving=serving)]
    return cluster


def test_a_pod_that_a_restricted_namespace_refuses_is_told_with_what_it_lacks() -> None:
    found = the(enforcing("restricted", custom(runAsNonRoot=True)), "pods")
    assert "the namespace ml enforces Pod Security's level restricted, and pods of Rollout ml/fraud have" in found.seen
    assert "no `allowPrivilegeEscalation: false` in model" in found.seen
    assert "runAsNonRoot" not in found.seen
    assert "spec.serving.template.spec.containers[].securityContext" in found.cure


@pytest.mark.parametrize("level", ["restricted", "baseline", "privileged"])
def test_pods_of_the_runtime_that_comes_with_crossfade_are_let_in_everywhere(level: str) -> None:
    assert told(enforcing(level, {}), "pods")[0].level is Level.OK


def test_privileged_pods_are_refused_by_baseline_and_others_let_in() -> None:
    assert "`privileged: true` in model" in the(enforcing("baseline", custom(privileged=True)), "pods").seen
    assert told(enforcing("baseline", custom()), "pods")[0].level is Level.OK
    assert told(enforcing("privileged", custom(privileged=True)), "pods")[0].level is Level.OK


def test_pods_that_were_refused_are_told_in_the_api_servers_words() -> None:
    cluster, full = FakeCluster(), {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: gpus"}
    cluster.objects["deployments"] = [{**child("fraud-5d8f", "fraud"), "status": {"conditions": [full]}}]
    found = the(cluster, "pods")
    assert found.seen == "pods of Deployment ml/fraud-5d8f are refused: exceeded quota: gpus"
    assert "describe replicasets --selector crossfade.dev/revision=fraud-5d8f" in found.cure


def policy(namespace: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": labelled("deny", namespace), "spec": {"podSelector": {}, **spec}}


def test_a_policy_that_lets_nothing_out_of_the_operator_is_a_warning() -> None:
    cluster = FakeCluster()
    cluster.objects["networkpolicies"] = [policy("crossfade-system", policyTypes=["Egress"])]
    found = the(cluster, "network", Level.WARNING)
    assert "NetworkPolicy crossfade-system/deny forbids the operator" in found.seen


def test_a_policy_that_closes_a_namespace_names_who_cannot_reach_whom() -> None:
    cluster = FakeCluster()
    cluster.objects["networkpolicies"] = [policy("ml", policyTypes=["Ingress"])]
    assert "of the gateway to the models" in the(cluster, "network", Level.WARNING).seen


def test_a_policy_that_another_one_opens_or_that_selects_others_is_none() -> None:
    cluster = FakeCluster()
    opening = policy("ml", policyTypes=["Ingress"], ingress=[{}])
    others = {**policy("ml", policyTypes=["Egress"]), "spec": {"podSelector": {"matchLabels": {"app": "other"}}}}
    cluster.objects["networkpolicies"] = [policy("ml", policyTypes=["Ingress"]), opening, others]
    assert [one.level for one in told(cluster, "network")] == [Level.OK]


def test_an_autoscaler_without_its_numbers_is_a_fault_that_says_who_gives_them() -> None:
    cluster = FakeCluster()
    cluster.groups = ["apps"]
    cluster.objects["rollouts"] = [rollout(serving={"autoscaling": {"max": 5}})]
    found = the(cluster, "autoscaling")
    assert found.seen == "nobody serves metrics.k8s.io, by which Rollout ml/fraud scales"
    assert "metrics-server" in found.cure
    cluster.objects["rollouts"] = [rollout(serving={"autoscaling": {"max": 5, "metrics": [{"type": "Pods"}]}})]
    assert "custom.metrics.k8s.io" in the(cluster, "autoscaling").seen


def test_nobody_needs_numbers_who_has_no_autoscaler() -> None:
    cluster = FakeCluster()
    cluster.groups = []
    assert told(cluster, "autoscaling")[0].level is Level.OK


def test_a_namespace_that_does_not_exist_is_a_fault_and_not_an_empty_one_in_which_all_is_well() -> None:
    found = [one for check in ("pods", "routes") for one in told(FakeCluster(), check, "fruad")]
    assert [one.seen for one in found if one.level is Level.FAULT] == ["the namespace fruad does not exist"]
    assert not any("would be taken" in one.seen for one in found)
    assert {one.level for one in told(FakeCluster(), "pods", "ml")} == {Level.OK}
