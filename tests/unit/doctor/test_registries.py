"""Would catch a registry that nobody is let in to, and of which nothing is said, or more than the names of its keys."""

from crossfade.doctor.finding import Level
from crossfade.ports import Object

from tests.unit.doctor.cluster import FakeCluster, labelled, the, told


def test_a_secret_that_is_missing_is_a_fault_with_the_command_that_makes_it() -> None:
    cluster = FakeCluster()
    cluster.objects["secrets"] = []
    found = the(cluster, "registries")
    assert found.seen == "Secret ml/mlflow, which ModelRegistry mlflow names, does not exist"
    assert found.cure == "kubectl --namespace ml create secret generic mlflow --from-literal=token=…"


def test_a_secret_with_other_keys_is_told_by_their_names_alone() -> None:
    cluster = FakeCluster()
    cluster.objects["secrets"][0]["data"] = {"username": "dmVyYQ==", "pasword": "aHVudGVyMg=="}
    found = the(cluster, "registries")
    assert "must have the keys `token`, or `username` and `password`, and has pasword, username" in found.seen
    assert "aHVudGVyMg" not in repr(found)


def test_secrets_that_may_not_be_read_are_not_taken_for_good_ones() -> None:
    cluster = FakeCluster()
    cluster.refused = {"secrets"}
    assert "be somebody who may get Secrets in ml" in the(cluster, "registries", Level.UNSEEN).cure


def test_a_registry_that_lets_nobody_in_is_told_in_its_own_words() -> None:
    cluster = FakeCluster()
    cluster.objects["modelregistries"][0]["status"]["conditions"] = [
        {"type": "Ready", "status": "Unknown", "reason": "WaitingForRegistry", "message": "it refused us with 401"}
    ]
    assert "ModelRegistry ml/mlflow is not ready: it refused us with 401" in the(cluster, "registries").seen


def test_a_key_with_nothing_in_it_is_none() -> None:
    """As `--from-literal=token=$TOKEN` makes it where the variable is not set."""
    cluster = FakeCluster()
    cluster.objects["secrets"][0]["data"] = {"token": ""}
    assert the(cluster, "registries").seen.endswith(
        "must have the keys `token`, or `username` and `password`, and has token with nothing in it"
    )


def trusting(*authorities: Object, **ref: str) -> FakeCluster:
    cluster = FakeCluster()
    cluster.objects["modelregistries"][0]["spec"]["tls"] = {"caConfigMapRef": {"name": "company", **ref}}
    cluster.objects["configmaps"] = list(authorities)
    return cluster


def authority(**data: str) -> Object:
    return {"metadata": labelled("company", "ml"), "data": data}


def test_a_certificate_authority_that_is_missing_is_a_fault_with_the_command_that_makes_it() -> None:
    found = the(trusting(key="root.pem"), "registries")
    assert found.seen == (
        "ConfigMap ml/company, which `spec.tls.caConfigMapRef` of ModelRegistry mlflow names, does not exist"
    )
    assert found.cure.startswith("kubectl --namespace ml create configmap company --from-file=root.pem=FILE")


def test_a_certificate_authority_under_another_key_is_told_with_both_ways_out() -> None:
    found = the(trusting(authority(**{"tls.crt": "-----BEGIN", "ca.crt": ""})), "registries")
    assert found.seen.endswith("must have the key `ca.crt`, and has ca.crt with nothing in it, tls.crt")
    assert "edit configmap company: give it `ca.crt`" in found.cure
    assert "have `spec.tls.caConfigMapRef.key` name another" in found.cure
    assert "BEGIN" not in repr(found)


def test_a_certificate_authority_that_is_there_is_well() -> None:
    assert told(trusting(authority(**{"ca.crt": "-----BEGIN"})), "registries")[0].level is Level.OK


def test_a_certificate_authority_that_may_not_be_read_is_not_taken_for_a_good_one() -> None:
    cluster = trusting(authority(**{"ca.crt": "-----BEGIN"}))
    cluster.refused = {"configmaps"}
    assert "be somebody who may get ConfigMaps in ml" in the(cluster, "registries", Level.UNSEEN).cure


def test_a_registry_without_credentials_and_one_without_its_authority_are_two_findings() -> None:
    cluster = trusting()
    cluster.objects["secrets"] = []
    assert [one.seen.partition(",")[0] for one in told(cluster, "registries")] == [
        "Secret ml/mlflow",
        "ConfigMap ml/company",
    ]
