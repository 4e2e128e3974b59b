"""Would catch a pod that cannot answer put behind the Service while a warm one waits, or pods exchanged for nothing."""

from dataclasses import replace

import pytest
from crossfade.decide.entry import PodsBehindService, members
from crossfade.decide.plan import Apply, Label
from crossfade.decide.shapes import Split, alone
from crossfade.model.snapshot import Snapshot
from crossfade.model.workload import PodFacts

from tests.simulation.specs import spec
from tests.simulation.world import World, promoted


def pod(name: str, *, ready: bool = True, serves: bool = False, leaving: bool = False) -> PodFacts:
    return PodFacts(name, ready, 0, serves=serves, leaving=leaving)


@pytest.fixture(scope="module")
def world() -> Snapshot:
    """v1 serves alone behind the Service, with four pods."""
    served = World(spec=spec("v1", traffic={"replicas": {}}, serving={"replicas": 4})).run(30, until=promoted)
    return served.snapshot()


def seen(world: Snapshot, *pods: PodFacts) -> Snapshot:
    """The same with these pods of v1."""
    ((name, found),) = world.revisions.items()
    ready = sum(one.ready for one in pods)
    return replace(world, revisions={name: replace(found, pods=pods, replicas=len(pods), ready=ready)})


def moves(world: Snapshot, wanted: int, *pods: PodFacts) -> tuple[list[str], list[str]]:
    """Names of the pods that come in and go out when so many of v1 are to serve."""
    come, go = members(seen(world, *pods), dict.fromkeys(world.revisions, wanted))
    assert all(one.serves for one in come)
    assert not any(one.serves for one in go)
    return [one.name for one in come], [one.name for one in go]


def test_a_warm_pod_takes_the_place_of_one_that_cannot_answer(world: Snapshot) -> None:
    lost, warm = pod("a", ready=False, serves=True), pod("c")
    assert moves(world, 2, lost, pod("b", serves=True), warm) == (["c"], ["a"])


def test_without_a_warm_one_it_keeps_its_place(world: Snapshot) -> None:
    assert moves(world, 2, pod("a", ready=False, serves=True), pod("b", serves=True)) == ([], [])


def test_when_it_is_back_nobody_is_exchanged(world: Snapshot) -> None:
    assert moves(world, 2, pod("a"), pod("b", serves=True), pod("c", serves=True)) == ([], [])


def test_a_pod_on_its_way_out_is_replaced_and_left_alone(world: Snapshot) -> None:
    assert moves(world, 1, pod("a", ready=False, serves=True, leaving=True), pod("b")) == (["b"], [])


def test_a_revision_that_is_not_to_serve_loses_all(world: Snapshot) -> None:
    assert moves(world, 0, pod("a", serves=True), pod("b")) == ([], ["a"])


def test_taking_back_is_one_write(world: Snapshot) -> None:
    (stable,) = world.revisions
    split = Split({stable: 3, "fraud-b": 1})
    *_, write = PodsBehindService().writes(world, split)
    assert isinstance(write, Apply)
    live = replace(world.route, spec=write.body["spec"], weights=split.weights) if world.route else None
    (back,) = PodsBehindService().writes(replace(world, route=live), alone(stable))
    assert isinstance(back, Apply)
    assert back.body["spec"]["selector"] == {"crossfade.dev/revision": stable}
    assert not back.body["metadata"].get("annotations")


def test_all_labels_are_set_before_both_arms_are_selected(world: Snapshot) -> None:
    (stable,) = world.revisions
    *labels, write = PodsBehindService().writes(world, Split({stable: 3, "fraud-b": 1}))
    assert [isinstance(one, Label) and one.serves for one in labels] == [True] * 3
    assert isinstance(write, Apply)
    assert write.body["spec"]["selector"] == {"crossfade.dev/serves": "fraud"}


def test_what_says_so_already_is_not_written(world: Snapshot) -> None:
    (stable,) = world.revisions
    assert PodsBehindService().writes(world, alone(stable)) == ()
