"""Would catch a model on a claim that pods cannot mount, and of which nothing is said."""

from typing import Any

import pytest
from crossfade.doctor.finding import Level
from crossfade.model.moments import stamp
from crossfade.ports import Object

from tests.unit.doctor.cluster import NOW, FakeCluster, labelled, rollout, the, told


def version(name: str, claim: str = "models") -> Object:
    source = {"volume": {"claimName": claim, "path": name}}
    return {"metadata": labelled(name, "ml"), "spec": {"modelName": "fraud", "version": "1.0.0", "source": source}}


def claim(*modes: str, phase: str = "Bound", **changes: Any) -> Object:
    spec = {"accessModes": list(modes or ("ReadWriteMany",)), **changes}
    return {"metadata": labelled("models", "ml"), "spec": spec, "status": {"phase": phase}}


def cluster_of(*claims: Object, versions: tuple[str, ...] = ("fraud-1",), **changes: Any) -> FakeCluster:
    cluster = FakeCluster()
    cluster.objects["persistentvolumeclaims"] = list(claims)
    cluster.objects["modelversions"] = [version(name) for name in versions]
    cluster.objects["rollouts"] = [rollout(**changes)]
    return cluster


def test_a_claim_that_many_nodes_mount_is_well() -> None:
    for mode in ("ReadOnlyMany", "ReadWriteMany"):
        (found,) = told(cluster_of(claim(mode)), "volumes")
        assert (found.level, found.seen) == (Level.OK, "pods can mount 1 claim with models")


def test_where_no_model_is_on_a_volume_claims_are_none_of_ours() -> None:
    (found,) = told(cluster_of(claim(phase="Lost"), versions=()), "volumes")
    assert found.level is Level.OK


def test_a_claim_that_is_missing_is_one_fault_with_all_its_versions() -> None:
    found = the(cluster_of(versions=("fraud-1", "fraud-2")), "volumes")
    assert found.seen == "PersistentVolumeClaim ml/models of ModelVersions fraud-1, fraud-2 does not exist"
    assert "make it, as examples/registries/volume.yaml has one" in found.cure
    assert "kubectl --namespace ml get persistentvolumeclaims" in found.cure


def test_a_claim_of_another_namespace_is_not_taken_for_it() -> None:
    elsewhere = claim()
    elsewhere["metadata"]["namespace"] = "risk"
    assert the(cluster_of(elsewhere), "volumes").seen.endswith("does not exist")


@pytest.mark.parametrize(
    ("raw", "level", "seen"),
    [
        (claim(phase="Lost"), Level.FAULT, "has lost its PersistentVolume"),
        (claim(phase="Pending"), Level.WARNING, "is bound to no volume yet"),
        (claim(volumeMode="Block"), Level.FAULT, "is a device of blocks, which has no files"),
    ],
)
def test_a_claim_that_no_pod_can_mount_as_files_is_told(raw: Object, level: Level, seen: str) -> None:
    assert the(cluster_of(raw), "volumes", level).seen.endswith(seen)


def test_a_claim_on_its_way_out_is_a_fault() -> None:
    raw = claim()
    raw["metadata"]["deletionTimestamp"] = stamp(NOW - 60)
    assert "is being deleted since" in the(cluster_of(raw), "volumes").seen


def test_a_claim_of_one_node_is_a_warning_where_a_rollout_serves_from_it() -> None:
    found = the(cluster_of(claim("ReadWriteOnce")), "volumes", Level.WARNING)
    assert found.seen.endswith("is `ReadWriteOnce`, for pods of a single node")
    assert found.why == "pods of Rollout ml/fraud that find no room there wait"
    assert told(cluster_of(claim("ReadWriteOnce"), name="risk"), "volumes")[0].level is Level.OK


def test_what_the_volume_can_do_counts_and_not_what_was_asked_of_it() -> None:
    raw = claim("ReadWriteOnce")
    raw["status"]["accessModes"] = ["ReadWriteOnce", "ReadWriteMany"]
    assert told(cluster_of(raw), "volumes")[0].level is Level.OK


@pytest.mark.parametrize(
    ("replicas", "versions", "level"),
    [
        (1, ("fraud-1",), Level.WARNING),
        (2, ("fraud-1",), Level.FAULT),
        (1, ("fraud-1", "fraud-2"), Level.FAULT),
    ],
)
def test_a_claim_of_one_pod_is_a_fault_where_a_rollout_wants_two(
    replicas: int, versions: tuple[str, ...], level: Level
) -> None:
    cluster = cluster_of(claim("ReadWriteOncePod"), versions=versions, serving={"replicas": replicas})
    found = the(cluster, "volumes", level)
    assert found.seen.endswith("is `ReadWriteOncePod`, for a single pod")
    assert "ReadOnlyMany" in found.cure


def test_a_rollout_that_still_has_pods_of_the_version_counts() -> None:
    cluster = cluster_of(claim("ReadWriteOnce"))
    cluster.objects["rollouts"][0]["spec"]["modelVersion"] = "elsewhere-2"
    assert "Rollout ml/fraud" in the(cluster, "volumes", Level.WARNING).why


def test_a_rollout_of_another_namespace_has_nothing_on_the_claim() -> None:
    cluster = cluster_of(claim("ReadWriteOnce"))
    cluster.objects["rollouts"] = [rollout(namespace="risk")]
    assert told(cluster, "volumes")[0].level is Level.OK
