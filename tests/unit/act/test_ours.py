"""Would catch a Service of ours that nobody may write any more, and one of others that is taken over."""

from typing import Any

import pytest
from crossfade.act.execute import ActionError, execute
from crossfade.api import meta
from crossfade.decide.plan import Apply, Target
from crossfade.decide.workloads import ports
from crossfade.ports import Object

from tests.unit.fakes.cluster import FakeCluster

SELECTOR: Object = {"f:spec": {"f:selector": {}}}
WROTE = {"manager": "crossfade", "operation": "Apply", "fieldsV1": SELECTOR}
OWNER = {"kind": "Rollout", "name": "demo", "uid": "u-1", "controller": True}
OF_DEMO = {meta.LABEL_REVISION: "demo-0123456789"}


def service(selector: Object, **metadata: Any) -> Object:
    """A Service of the name that the Rollout `demo` has for the one that clients call."""
    named = {"name": "demo", "namespace": "ml", **metadata}
    return {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": {"selector": selector, "ports": ports()}}


def wanted(*owners: Object) -> Apply:
    labels = {meta.LABEL_ROLLOUT: "demo"}
    body = service(OF_DEMO, labels=labels, **({"ownerReferences": list(owners)} if owners else {}))
    return Apply(Target.SERVICE, body, "the Service must lead to demo-0123456789 100%")


@pytest.mark.parametrize(
    ("found", "write"),
    [
        (service(OF_DEMO, managedFields=[WROTE]), wanted()),
        (service({meta.LABEL_SERVES: "demo"}, managedFields=[WROTE]), wanted()),
        (service(OF_DEMO, labels={"team": "risk"}, managedFields=[WROTE]), wanted(OWNER)),
        (service({"app": "edited"}, ownerReferences=[OWNER]), wanted(OWNER)),
    ],
    ids=["one version", "both versions", "other labels", "by its owner"],
)
async def test_a_service_of_ours_that_lost_its_label_is_written_again(found: Object, write: Apply) -> None:
    cluster, seen = FakeCluster(), list[Object]()
    cluster.create(found)
    await execute(cluster, "ml", [write], lambda *_: None, seen.append, lambda _: None)
    assert cluster.writes == [("apply", "Service", "demo")]
    assert seen[0]["metadata"]["labels"] == {meta.LABEL_ROLLOUT: "demo"}


@pytest.mark.parametrize(
    "found",
    [
        service({"app": "theirs"}),
        service({"app": "theirs"}, managedFields=[WROTE]),
        service(OF_DEMO, managedFields=[{**WROTE, "manager": "helm"}]),
        service(OF_DEMO, managedFields=[{**WROTE, "fieldsV1": {"f:spec": {"f:ports": {}}}}]),
        service({meta.LABEL_REVISION: "demo-x-0123456789"}, managedFields=[WROTE]),
        service(OF_DEMO, managedFields=[WROTE], ownerReferences=[{**OWNER, "uid": "u-2"}]),
        service(OF_DEMO, managedFields=[WROTE], labels={meta.LABEL_ROLLOUT: "another"}),
    ],
    ids=[
        "other pods",
        "other pods, as we write",
        "our pods, as others write",
        "a selector that others wrote",
        "pods of another Rollout",
        "another owner",
        "the label of another Rollout",
    ],
)
async def test_a_service_of_others_is_left_as_it_is(found: Object) -> None:
    cluster = FakeCluster()
    cluster.create(found)
    with pytest.raises(ActionError, match="there is a Service of this name already; it is not this Rollout's"):
        await execute(cluster, "ml", [wanted(OWNER)], lambda *_: None, lambda raw: None, lambda _: None)
    assert cluster.writes == []
