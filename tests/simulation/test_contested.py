"""Would catch weights of an adopted route that are fought over, or a contest that ends by itself, or never."""

import pytest

from tests.simulation.cases.story import at, gate, promoted, says, taken_back, weight
from tests.simulation.cases.theirs import Adopted
from tests.simulation.shop import rule, shop
from tests.simulation.test_adopted import holding, serving


def test_another_writer_is_named_and_not_written_against() -> None:
    world = holding()
    world.git_applies(rule(1, 0))
    world.rests(300)
    assert world.our_weights == [(60, 40)]
    assert world.plan is not None
    assert world.plan.situation.standing == "Failed"
    assert world.plan.situation.reason == "RouteContested"
    said = (
        "kubectl-client-side-apply wrote the weights fraud-blue 1, fraud-green 0 into the rule model of HTTPRoute shop"
    )
    assert world.plan.situation.message.startswith(said)


def test_the_rollout_goes_on_when_the_weights_are_put_back() -> None:
    world = holding()
    world.git_applies(rule(1, 1))
    world.reaches(says("RouteContested"))
    world.git_applies(rule(60, 40))
    world.reaches(at("sign-off"))
    world.order("advance")
    world.reaches(promoted)
    assert world.our_weights == [(60, 40), (0, 100)]


def test_by_order_the_weights_are_written_once_more_and_no_third_time() -> None:
    world = holding()
    world.git_applies(rule(1, 0))
    world.rests(5)
    world.order("retry", "t1")
    world.reaches(at("sign-off"))
    assert [(one.verb, one.effect) for one in world.status.handled] == [("retry", "Obeyed")]
    world.git_applies(rule(1, 0), by="argocd-controller")
    world.rests(60)
    assert world.our_weights == [(60, 40), (60, 40)]
    world.order("retry", "t2")
    world.reaches(at("sign-off"))
    assert world.our_weights == [(60, 40)] * 3


def test_another_rollout_that_writes_into_the_route_frees_no_contest_and_makes_none() -> None:
    world = holding()
    world.another_rollout_writes()
    world.rests(20)
    assert world.plan is not None
    assert world.plan.situation.reason == "WaitingForPeople"
    world.git_applies(rule(1, 0))
    world.reaches(says("RouteContested"))
    world.another_rollout_writes()
    world.rests(60)
    assert world.our_weights == [(60, 40)], "the contest was freed"
    assert world.plan.situation.reason == "RouteContested"
    assert "when Rollout other wrote its own, over Crossfade's fraud-blue 60" in world.plan.situation.message
    world.order("retry")
    world.reaches(at("sign-off"))
    assert world.our_weights == [(60, 40), (60, 40)]


def test_another_rollout_that_writes_at_once_does_not_hide_that_our_weights_were_stored() -> None:
    def interrupts(world: Adopted) -> None:
        if world.our_weights and world.writer is None:
            world.another_rollout_writes()

    world = serving()
    world.checks.append(interrupts)  # type: ignore[arg-type]
    world.asks("v2", weight(40), gate())
    world.reaches(at("sign-off"))
    world.git_applies(rule(1, 0))
    world.reaches(says("RouteContested")).rests(60)
    assert world.our_weights == [(60, 40)]


def test_another_spec_may_write_again() -> None:
    world = holding()
    world.git_applies(rule(1, 1))
    world.rests(5)
    world.asks("v3", weight(20))
    world.reaches(promoted).rests(30)
    assert world.our_weights == [(60, 40), (100, 0), (80, 20), (0, 100)]


def test_what_git_applies_together_with_the_next_version_is_no_contest() -> None:
    world = serving()
    world.asks("v2", weight(10))
    world.reaches(promoted).rests(30)
    world.asks("v3", weight(10))
    world.git_applies(rule(1, 0))
    world.reaches(promoted).rests(30)
    assert world.our_weights == [(90, 10), (0, 100), (90, 10), (0, 100)]


@pytest.mark.parametrize("weights", [(1, 0), (1, 1), (0, 1)])
def test_a_rollback_works_in_a_contest_and_what_others_write_then_reaches_stable(
    weights: tuple[int, int],
) -> None:
    world = holding()
    world.git_applies(rule(*weights))
    world.rests(5)
    world.order("abort")
    world.reaches(taken_back, within=1.0)
    assert world.share("v2") == 0
    for _ in range(5):
        world.git_applies(rule(0, 1))
        world.rests(1)
        assert world.share("v2") == 0
    world.rests(60)
    assert world.our_weights[1:] in ([], [(100, 0)]), "one write a decision"
    assert set(world.slots.values()) == {world.revision("v1")}
    assert world.failed_by_route == 0
    assert [one.arm[0] for one in world.revisions.values()] == ["v1"]


def test_a_service_that_is_to_be_emptied_is_not_fought_for() -> None:
    world = serving(theirs=shop(rule(1, 1)))
    world.asks("v2", weight(10))
    world.reaches(lambda one: one.our_weights == [(100, 0)])
    world.rests(2)
    world.git_applies(rule(1, 1))
    world.rests(120)
    assert world.our_weights == [(100, 0)]
    assert world.plan is not None
    assert world.plan.situation.reason == "RouteContested"
    world.order("retry")
    world.reaches(promoted)


def test_nothing_that_others_write_at_rest_is_anybodys_business() -> None:
    world = serving()
    world.asks("v2", weight(10))
    world.reaches(promoted).rests(30)
    for weights in ((1, 0), (1, 1), (0, 1)):
        world.git_applies(rule(*weights))
        world.rests(20)
        assert world.plan is not None
        assert world.plan.situation.reason == "Promoted"
    assert world.our_weights == [(90, 10), (0, 100)]
    assert world.failed_by_route == 0


@pytest.mark.parametrize("weights", [(1, 0), (1, 1), (0, 1), (60, 40)])
def test_what_git_wrote_at_rest_is_no_contest_for_the_same_version_tried_again(weights: tuple[int, int]) -> None:
    """Git applies its own weights every few minutes, and long after an abort somebody says `retry`."""
    world = holding()
    world.order("abort")
    world.reaches(taken_back).rests(40)
    world.git_applies(rule(*weights))
    world.rests(20)
    world.order("retry", "t1")
    world.reaches(at("sign-off"))
    assert world.share("v2") == 40
    assert world.failed_by_route == 0


def test_at_rest_a_contest_ends_by_the_services_as_soon_as_stable_can_answer() -> None:
    """Not even by order is anything taken from who answers while stable cannot."""
    world = holding()
    world.happens("the gateway is gone", gateway_up=False)
    world.asks("v1", weight(40))
    world.reaches(lambda one: one.our_weights[-1] == (100, 0))
    world.happens("v1 loses its pods", room={"v1": 0})
    world.git_applies(rule(0, 1))
    world.reaches(says("NotServing"))
    world.order("retry", "t1")
    world.rests(30)
    assert world.our_weights == [(60, 40), (100, 0)]
    world.happens("v1 has its pods again", room={}, gateway_up=True)
    world.reaches(promoted).rests(30)
    assert set(world.slots.values()) == {world.revision("v1")}
    assert world.our_weights == [(60, 40), (100, 0)]
    assert "retry" in {one.verb for one in world.status.handled}


def test_a_promotion_that_git_undoes_at_once_keeps_the_old_pods_for_as_long_as_they_are_reached() -> None:
    """The Service of the old version is the new one's as soon as it may be, and then Git's weights mean nothing."""
    world = serving()
    world.asks("v2", weight(10))
    world.reaches(promoted)
    world.git_applies(rule(1, 0))
    world.rests(60)
    assert world.share("v2") == 1
    assert world.failed_by_route == 0
    assert [one.arm[0] for one in world.revisions.values()] == ["v2"]


def test_deleting_in_a_contest_leaves_all_to_stable_by_the_services() -> None:
    world = holding()
    world.git_applies(rule(1, 1))
    world.rests(5)
    world.delete()
    world.rests(60)
    assert world.our_weights == [(60, 40)]
    assert set(world.slots.values()) == {world.revision("v1")}
    assert not world.finalizer


@pytest.mark.parametrize("writes", range(3))
def test_killed_while_weights_are_written_once_more_the_order_is_kept(writes: int) -> None:
    world = holding()
    world.git_applies(rule(1, 0))
    world.reaches(says("RouteContested"))
    world.crash_after = writes
    world.order("retry")
    world.rests(20)
    assert world.our_weights == [(60, 40), (60, 40)]
    assert [(one.verb, one.effect) for one in world.status.handled] == [("retry", "Obeyed")]
