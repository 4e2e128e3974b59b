"""Would catch a replica that takes over and looks at nothing, or trusts what it remembered from an earlier term."""

from crossfade.model.ledger import Ledger
from crossfade.watch.queue import Key

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop


async def test_a_term_begins_with_a_look_at_everything_and_with_nothing_remembered() -> None:
    cluster = FakeCluster()
    for kind in ("Rollout", "ModelVersion"):
        cluster.create({"apiVersion": "crossfade.dev/v1alpha1", "kind": kind, "metadata": _PLACE, "spec": {}})
    loop = Loop(cluster, FakeClock())
    while (taken := loop.queue.take()) is not None:
        loop.queue.done(taken[0])
    loop.queue.add(Key("Rollout", "ml", "fraud"), delay=300.0)
    loop.world.remember("uid", Ledger())
    loop.world.look_anew()
    taken = [loop.queue.take(), loop.queue.take(), loop.queue.take()]
    assert {one[0].kind for one in taken if one is not None} == {"Rollout", "ModelVersion"}
    assert loop.world.ledgers == {}


_PLACE = {"namespace": "ml", "name": "fraud"}
