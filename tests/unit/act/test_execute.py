"""Would catch actions sent out of order, or sent on after one was refused."""

import pytest
from crossfade.act.execute import ActionError, execute
from crossfade.decide.plan import Apply, Delete, Scale, Target

from tests.unit.fakes.cluster import FakeCluster

BODY = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "ml"}, "spec": {}}


async def test_actions_are_sent_in_order_and_what_they_return_is_absorbed() -> None:
    cluster, seen = FakeCluster(), list[dict[str, object]]()
    actions = (Apply(Target.DEPLOYMENT, BODY, "why"), Scale("d", 3, "why"), Delete(Target.SERVICE, "d", "why"))
    await execute(cluster, "ml", actions, seen.append)
    assert cluster.writes == [("apply", "Deployment", "d"), ("scale", "Deployment", "d"), ("delete", "Service", "d")]
    assert seen[1]["spec"] == {"replicas": 3}
    assert len(seen) == 2


async def test_nothing_is_sent_after_a_refusal_and_the_sentence_says_what_and_why() -> None:
    cluster = FakeCluster()
    cluster.refuse = lambda verb, kind, name: verb == "scale"
    actions = (Scale("d", 3, "three are asked for"), Delete(Target.SERVICE, "d", "why"))
    with pytest.raises(ActionError, match=r"Deployment d could not be written \(three are asked for\): .*refused"):
        await execute(cluster, "ml", actions, lambda raw: None)
    assert cluster.writes == []
