"""Would catch a version that keeps its traffic because the weights of somebody else's route may not be written."""

from collections.abc import Callable

import pytest

from tests.simulation.cases.story import at, gate, promoted, taken_back, weight
from tests.simulation.cases.theirs import Adopted
from tests.simulation.shop import adopting, rule, shop
from tests.simulation.test_adopted import holding, kept, serving


def frozen(world: Adopted) -> Adopted:
    """From now on every change of the route is refused, as in a change freeze."""
    world.happens("the route may not be changed", frozen=True)
    return world


def aborts(world: Adopted) -> None:
    world.order("abort")


def crashes(world: Adopted) -> None:
    world.happens("v2 crashes", crashes={"v2"})


def goes_back_to_v1(world: Adopted) -> None:
    world.ask("v1")


def asks_for_v3(world: Adopted) -> None:
    world.ask("v3")


def is_deleted(world: Adopted) -> None:
    world.delete()


@pytest.mark.parametrize("leaves", [aborts, crashes, goes_back_to_v1, asks_for_v3, is_deleted])
@pytest.mark.parametrize("restarts", [False, True])
def test_stable_answers_at_once_whatever_the_weights_say(leaves: Callable[[Adopted], None], *, restarts: bool) -> None:
    world = frozen(holding())
    if restarts:
        world.restart()
    leaves(world)
    world.rests(1)
    world.failed_by_route = 0.0  # by a crash, until it is seen
    assert (world.share("v1"), kept(world)) == (100, (60, 40))
    assert set(world.slots.values()) == {world.revision("v1")}
    world.rests(60)
    assert "v2" not in {one.arm[0] for one in world.revisions.values()}
    assert world.share("v1") == 100
    assert world.failed_by_route == 0


def test_who_was_taken_back_has_its_pods_until_nobody_can_reach_them_any_more() -> None:
    world = frozen(holding())
    world.order("abort")
    world.reaches(taken_back, within=1.0).rests(9)
    assert world.revision("v2")
    world.rests(10)
    assert "v2" not in {one.arm[0] for one in world.revisions.values()}


@pytest.mark.parametrize("again", ["v2", "v3"])
def test_once_the_route_may_be_changed_the_next_try_puts_the_weights_right(again: str) -> None:
    world = frozen(holding())
    world.order("abort")
    world.reaches(taken_back).rests(30)
    world.asks(again, weight(20))
    world.rests(30)
    assert (world.share("v1"), world.our_weights) == (100, [(60, 40)]), "there is no Service for the next one yet"
    world.happens("the route may be changed again", frozen=False)
    world.reaches(promoted).rests(30)
    assert world.our_weights == [(60, 40), (100, 0), (80, 20), (0, 100)]
    assert set(world.slots.values()) == {world.revision(again)}
    assert world.failed_by_route == 0


def test_while_stable_has_no_ready_pod_nobody_is_led_there() -> None:
    world = frozen(holding())
    world.happens("v1 loses its pods", room={"v1": 0})
    world.order("abort")
    world.rests(5)
    assert (world.share("v1"), world.share("v2")) == (60, 40)
    world.happens("v1 has its pods again", room={})
    world.reaches(taken_back, within=10.0)
    assert world.share("v1") == 100


def test_a_step_forward_that_is_refused_points_no_service_elsewhere() -> None:
    world = holding()
    frozen(world).order("advance")
    before = dict(world.slots)
    for _ in range(20):
        world.now += 0.5
        world._others(0.5)
        world._once()
    assert (world.slots, kept(world)) == (before, (60, 40))
    world.happens("the route may be changed again", frozen=False)
    world.reaches(promoted)


@pytest.mark.parametrize("policy", ["Orphan", "Delete"])
def test_a_deletion_ends_on_stable_by_the_services(policy: str) -> None:
    world = frozen(holding(spec=adopting(deletionPolicy=policy)))
    world.delete()
    world.rests(30)
    assert not world.finalizer
    assert set(world.slots.values()) == {world.revision("v1")}
    assert world.failed_by_route == 0


@pytest.mark.parametrize("writes", range(4))
def test_killed_at_any_write_it_ends_the_same(writes: int) -> None:
    world = frozen(holding())
    world.crash_after = writes
    world.order("abort")
    world.rests(60)
    assert set(world.slots.values()) == {world.revision("v1")}
    assert world.status.outcome is not None
    assert world.status.outcome.result == "Aborted"
    assert world.failed_by_route == 0


def test_both_services_are_stable_s_after_the_other_way_round_too() -> None:
    """v1 has the second of the two, and v2 has more of the requests by now."""
    world = serving(theirs=shop(rule(0, 1)))
    world.asks("v2", weight(70), gate())
    world.reaches(at("sign-off"))
    frozen(world).order("abort")
    world.reaches(taken_back, within=1.0)
    assert set(world.slots.values()) == {world.revision("v1")}
    assert world.share("v1") == 100
