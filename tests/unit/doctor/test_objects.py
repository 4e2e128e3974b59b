"""Would catch users' objects that stand still, or were left behind, and of which nothing is said."""

import re
from pathlib import Path

from crossfade.doctor.finding import Level
from crossfade.model.moments import stamp

from tests.unit.doctor.cluster import NOW, FakeCluster, child, labelled, operator, rollout, the, told

_DOCS = Path(__file__).parents[3] / "docs"


def stalled(reason: str, message: str) -> FakeCluster:
    cluster = FakeCluster()
    one = rollout()
    one["status"]["conditions"] = [{"type": "Stalled", "status": "True", "reason": reason, "message": message}]
    cluster.objects["rollouts"] = [one]
    return cluster


def test_what_stands_still_is_a_fault_with_its_own_sentence_and_the_page() -> None:
    found = the(stalled("NotAdmitted", "its listener takes no HTTPRoute"), "standing")
    assert found.seen == "Rollout ml/fraud: NotAdmitted: its listener takes no HTTPRoute"
    assert found.cure == "docs/troubleshooting.md, NotAdmitted; kubectl --namespace ml describe rollout fraud"


def test_a_version_that_was_taken_back_is_a_warning_for_that_is_what_crossfade_is_for() -> None:
    assert the(stalled("RolledBack", "worse"), "standing", Level.WARNING).seen.endswith("RolledBack: worse")


def waiting(reason: str, seconds: float) -> FakeCluster:
    cluster = FakeCluster()
    since = stamp(NOW - seconds)
    told = {"type": "Ready", "status": "Unknown", "reason": reason, "message": "no answer", "lastTransitionTime": since}
    cluster.objects["rollouts"][0]["status"]["conditions"] = [told]
    return cluster


def test_what_waits_for_long_is_told_with_the_operators_own_sentence() -> None:
    found = the(waiting("MetricsUnavailable", 1800), "standing", Level.WARNING)
    assert found.seen == "Rollout ml/fraud is not ready for 30 minutes: MetricsUnavailable: no answer"
    assert found.cure.startswith("docs/troubleshooting.md, MetricsUnavailable")


def test_what_waits_since_lately_or_on_purpose_is_let_be() -> None:
    assert told(waiting("MetricsUnavailable", 60), "standing")[0].level is Level.OK
    assert told(waiting("WaitingForPeople", 9000), "standing")[0].level is Level.OK


def test_what_a_pipeline_took_for_done_and_waits_for_long_is_told_too() -> None:
    """With `readyWhen: Accepted` it is `Ready` meanwhile."""
    cluster = waiting("MetricsUnavailable", 1800)
    status = cluster.objects["rollouts"][0]["status"]
    status["conditions"][0]["status"] = "True"
    status["candidate"], status["began"] = {"modelVersion": "fraud-2"}, stamp(NOW - 3600)
    seen = "Rollout ml/fraud has been under way for 60 minutes, and waits now: MetricsUnavailable: no answer"
    assert the(cluster, "standing", Level.WARNING).seen == seen
    status["conditions"][0]["reason"] = "Analysing"
    assert told(cluster, "standing")[0].level is Level.OK


def test_an_object_that_no_operator_looks_at_is_a_fault() -> None:
    cluster = FakeCluster()
    cluster.objects["rollouts"][0]["status"] = {"observedGeneration": -1}
    found = the(cluster, "standing")
    assert "no operator has looked at it" in found.seen
    assert "`namespaces` of the chart" in found.cure
    cluster.objects["rollouts"][0]["metadata"]["creationTimestamp"] = stamp(NOW - 5)
    assert told(cluster, "standing")[0].level is Level.OK


def test_an_object_in_a_namespace_that_no_operator_serves_is_a_fault() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"] = [operator(CROSSFADE_NAMESPACES="risk")]
    cluster.objects["modelregistries"] = []
    assert the(cluster, "standing").seen == "Rollout ml/fraud is in a namespace that no operator serves"


def test_a_deletion_that_does_not_end_is_a_fault() -> None:
    cluster = FakeCluster()
    cluster.objects["rollouts"][0]["metadata"]["deletionTimestamp"] = stamp(NOW - 1200)
    assert the(cluster, "standing").cure.endswith('"finalizers":null}}\' ends it, and its model goes on serving')
    cluster.objects["rollouts"][0]["spec"]["deletionPolicy"] = "Delete"
    assert the(cluster, "standing").cure.endswith("ends it, and its model serves no more")
    cluster.objects["modelregistries"][0]["metadata"]["deletionTimestamp"] = stamp(NOW - 1200)
    cluster.objects["rollouts"] = []
    assert the(cluster, "standing").cure.endswith("ends it")


def test_what_is_left_of_a_rollout_is_a_warning_with_the_command_that_removes_it() -> None:
    cluster = FakeCluster()
    cluster.objects["services"].append(child("risk-1", "risk"))
    cluster.objects["httproutes"] = [child("risk", "risk")]
    found = the(cluster, "leftovers", Level.WARNING)
    assert "httproute/risk, service/risk-1 of a Rollout risk that does not exist" in found.seen
    assert found.cure.endswith(
        "kubectl --namespace ml delete service,httproute --selector"
        " crossfade.dev/rollout=risk,app.kubernetes.io/managed-by=crossfade"
    )


def test_no_page_has_a_route_deleted_that_was_only_adopted() -> None:
    """It has the label of the Rollout, and is its owner's."""
    for page in ("installing.md", "decisions/0002-deleting-leaves-the-model-serving.md"):
        text = " ".join((_DOCS / page).read_text().split())
        (command,) = re.findall(r"`(kubectl delete deploy[^`]* -l [^`]*)`", text)
        assert "app.kubernetes.io/managed-by=crossfade" in command


def test_what_others_have_labelled_is_none_of_ours() -> None:
    cluster = FakeCluster()
    cluster.objects["services"].append({"metadata": labelled("x", "ml", **{"crossfade.dev/rollout": "gone"})})
    assert told(cluster, "leftovers")[0].level is Level.OK


def test_a_rollout_whose_spec_cannot_be_read_is_not_passed_over() -> None:
    cluster = FakeCluster()
    cluster.objects["rollouts"][0]["spec"]["strategy"] = {"stages": [{"name": "tenth", "weight": "a tenth"}]}
    assert "Rollout ml/fraud has a `spec` that this program cannot read" in the(cluster, "standing", Level.UNSEEN).seen
