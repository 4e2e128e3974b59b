"""Would catch: weights written against another writer, a Service moved under its requests, a rollback that is lost."""

from copy import deepcopy
from typing import Any

import pytest

from tests.simulation.cases.story import at, gate, promoted, says, taken_back, weight
from tests.simulation.cases.theirs import Adopted
from tests.simulation.cases.ways_back import KEEPING
from tests.simulation.invariants import watched
from tests.simulation.shop import BLUE, GREEN, adopting, rule, shop
from tests.simulation.shuffle import AdoptedShuffled

OTHER = {"name": "other", "backendRefs": [{"name": "shop-window", "port": 80, "weight": 1}], "matches": [{}]}


def serving(**knobs: Any) -> Adopted:
    """v1 serves, whatever the weights are; what failed before there was any pod is forgotten."""
    world = Adopted(**knobs)
    watched(world)
    world.reaches(promoted)
    world.rests(15)
    world.failed_by_route = 0.0
    return world


def holding(*weights: int, **knobs: Any) -> Adopted:
    """The same with v2 at forty percent, until somebody says otherwise."""
    world = serving(**{"theirs": shop(rule(*(weights or (1, 0)))), **knobs})
    world.asks("v2", weight(40), gate())
    world.reaches(at("sign-off"))
    return world


def kept(world: Adopted) -> tuple[int, ...]:
    """The weights that are stored."""
    assert world.theirs is not None
    return tuple(one["weight"] for one in world.theirs["rules"][-1]["backendRefs"])


def test_a_promotion_moves_two_weights_and_both_services_are_the_new_versions_in_the_end() -> None:
    world = serving()
    before = deepcopy(world.theirs)
    world.asks("v2", weight(10), weight(50))
    world.reaches(promoted).rests(30)
    assert world.our_weights == [(90, 10), (50, 50), (0, 100)]
    assert set(world.slots.values()) == {world.revision("v2")}
    assert world.failed_by_route == 0
    assert world.theirs is not None
    assert {**world.theirs, "rules": []} == {**(before or {}), "rules": []}


def test_the_next_rollout_goes_the_other_way() -> None:
    world = serving()
    for version in ("v2", "v3"):
        world.asks(version, weight(10))
        world.reaches(promoted).rests(30)
    assert world.our_weights == [(90, 10), (0, 100), (10, 90), (100, 0)]


@pytest.mark.parametrize("weights", [(1, 0), (0, 1), (1, 1), (70, 30)])
def test_the_first_version_serves_whatever_git_says_and_nothing_is_written(weights: tuple[int, int]) -> None:
    world = serving(theirs=shop(rule(*weights)))
    assert world.our_weights == []
    assert world.plan is not None
    assert world.plan.situation.reason == "Promoted"


def test_weights_of_nothing_are_none_that_anybody_is_served_by() -> None:
    world = serving(theirs=shop(rule(0, 0)))
    assert world.our_weights == [(100, 0)]


def test_a_service_is_emptied_for_a_while_before_it_is_the_candidates() -> None:
    world = serving(theirs=shop(rule(1, 1)))
    world.asks("v2", weight(10))
    world.reaches(lambda one: one.our_weights == [(100, 0)])
    emptied = world.now
    world.reaches(lambda one: one.slots[GREEN] == one.revision("v2"))
    assert world.now - emptied >= 10
    world.reaches(promoted).rests(30)
    assert world.our_weights == [(100, 0), (90, 10), (0, 100)]


def test_a_service_that_cannot_be_the_candidates_for_want_of_a_gateway_is_a_standstill_after_a_while() -> None:
    world = serving()
    world.happens("the gateway takes no new route", gateway_up=False)
    world.git_applies(rule(1, 0), OTHER)
    world.asks("v2", weight(10))
    world.reaches(says("WaitingForGateway")).rests(90)
    world.reaches(says("NotAcknowledged"), within=40.0).rests(30)
    world.happens("the gateway takes routes again", gateway_up=True)
    world.reaches(promoted).rests(30)
    assert world.failed_by_route == 0


def test_a_rollback_gives_all_to_stable_and_then_the_service_too() -> None:
    world = serving(error_rate={"v2": 0.5})
    world.asks("v2", weight(10))
    world.reaches(taken_back)
    assert world.our_weights == [(90, 10), (100, 0)]
    world.rests(30)
    assert set(world.slots.values()) == {world.revision("v1")}
    assert world.failed_by_route == 0


def test_a_then_b_then_c() -> None:
    world = holding()
    world.asks("v3", weight(20))
    world.reaches(promoted).rests(30)
    assert world.our_weights == [(60, 40), (100, 0), (80, 20), (0, 100)]
    assert world.failed_by_route == 0


THIRD = rule(1, 0)
THIRD["backendRefs"].append({"name": "third", "port": 80, "weight": 1})
OTHER_KIND = rule(1, 0)
OTHER_KIND["backendRefs"][1] |= {"kind": "Backend", "group": "acme.dev"}
WRONG_PORT = rule(1, 0)
WRONG_PORT["backendRefs"][0] |= {"port": 8080}
ONE = rule(1, 0)
del ONE["backendRefs"][1]
COPIES = rule(1, 0, filters=[{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": GREEN}}}])
FAULTS = {
    "no rule of the name": ((OTHER,), "must have one rule with `name: model`; the names of its rules are other"),
    "two rules of the name": ((rule(1, 0), rule(1, 0)), "must have one rule with `name: model`"),
    "a third backend": ((THIRD,), "and no others; it has fraud-blue:80, fraud-green:80, third:80"),
    "one backend": ((ONE,), "it has fraud-blue:80"),
    "another kind": ((OTHER_KIND,), "it has fraud-blue:80, acme.dev/Backend/fraud-green:80"),
    "another port": ((WRONG_PORT,), "it has fraud-blue:8080, fraud-green:80"),
    "a Service of ours elsewhere": (
        (rule(1, 0), {**OTHER, "backendRefs": [{"name": GREEN, "port": 80}]}),
        "`spec.rules[1]` of HTTPRoute shop must not name the Service fraud-green: only the backends of its rule",
    ),
    "a copy to a Service of ours": (
        (COPIES,),
        "`spec.rules[0]` of HTTPRoute shop must not name the Service fraud-green",
    ),
}


def test_a_route_that_no_gateway_serves_is_named() -> None:
    world = Adopted(theirs={**shop(rule(1, 0)), "parentRefs": []})
    watched(world)
    world.reaches(says("RouteInvalid"))
    assert world.plan is not None
    assert world.plan.situation.message == "HTTPRoute shop must have `parentRefs`: without any, no Gateway serves it"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rule_that_is_not_as_it_must_be_is_named_and_heals(fault: str) -> None:
    rules, sentence = FAULTS[fault]
    world = serving()
    world.git_applies(*rules)
    world.reaches(says("RouteInvalid"))
    assert world.plan is not None
    assert sentence in world.plan.situation.message
    world.asks("v2", weight(10))
    world.rests(60)
    assert world.our_weights == []
    assert (world.plan.situation.reason, world.plan.proven) == ("RouteInvalid", None)
    world.git_applies(rule(1, 0))
    world.reaches(promoted)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_first_version_is_not_said_to_serve_by_a_rule_that_is_not_as_it_must_be(fault: str) -> None:
    rules, sentence = FAULTS[fault]
    world = Adopted(theirs=shop(*rules))
    watched(world)
    world.rests(60)
    assert world.plan is not None
    assert (world.plan.situation.standing, world.plan.situation.reason) == ("Failed", "RouteInvalid")
    assert sentence in world.plan.situation.message
    assert world.status.stable is None
    assert None not in world.slots.values(), "what the rule is to name must be there first"
    world.git_applies(rule(1, 0))
    world.reaches(promoted)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rollback_works_when_the_rule_is_not_as_it_must_be(fault: str) -> None:
    world = holding()
    world.git_applies(*FAULTS[fault][0])
    world.rests(5)
    world.order("abort")
    world.reaches(taken_back, within=1.0)
    assert world.our_weights == [(60, 40)]
    assert world.revision("v2") not in world.slots.values() or world.share("v2") == 0


def test_a_route_that_is_not_there_is_waited_for() -> None:
    world = Adopted(theirs=None)
    watched(world)
    world.reaches(says("RouteInvalid"))
    assert world.plan is not None
    assert world.plan.situation.standing == "InProgress"
    assert world.plan.situation.message == (
        "HTTPRoute shop is not there, or has not the label `crossfade.dev/rollout`, by which its owner lets it be moved"
    )
    world.git_applies(rule(1, 1))
    world.reaches(promoted)


def test_a_route_that_is_deleted_and_comes_back_in_the_middle() -> None:
    world = holding()
    world.loses_its_route()
    world.reaches(says("RouteInvalid")).rests(30)
    world.git_applies(rule(1, 0))
    world.reaches(says("RouteContested"))
    world.order("retry")
    world.reaches(at("sign-off"))
    assert world.our_weights == [(60, 40), (60, 40)]


@pytest.mark.parametrize("policy", ["Orphan", "Delete"])
def test_deleting_leaves_the_route_with_all_to_stable(policy: str) -> None:
    world = holding(spec=adopting(deletionPolicy=policy))
    world.delete()
    world.rests(30)
    assert kept(world) == (100, 0)
    assert set(world.slots.values()) == {world.revision("v1")}
    assert not world.finalizer
    assert world.failed_by_route == 0


@pytest.mark.parametrize("slot", [BLUE, GREEN])
def test_a_service_that_is_deleted_is_made_again_for_whom_it_was(slot: str) -> None:
    world = holding()
    before = dict(world.slots)
    world.happens(f"{slot} is deleted", slots={**world.slots, slot: None})
    world._served_anew()
    world.rests(5)
    assert world.slots == before


@pytest.mark.parametrize("slot", [BLUE, GREEN])
@pytest.mark.parametrize("knobs", [{}, {"room": {"v1": 1}}, {"room": {"v1": 1}, "prometheus_up": False}], ids=str)
def test_a_service_that_is_deleted_takes_no_weight_away(slot: str, knobs: dict[str, Any]) -> None:
    world = holding()
    world.happens("the world is so", **knobs)
    world.rests(8)
    before = dict(world.slots)
    world.happens(f"{slot} is deleted", slots={**world.slots, slot: None})
    world._served_anew()
    world.rests(60)
    assert world.our_weights == [(60, 40)], world.transcript()
    assert world.slots == before


def test_an_edit_beside_a_service_that_is_deleted_takes_nothing_away_first() -> None:
    world = holding()
    world.happens(f"{GREEN} is deleted", slots={**world.slots, GREEN: None})
    world._served_anew()
    world.asks("v2", weight(30), gate())
    world.rests(30)
    assert world.our_weights == [(60, 40), (70, 30)], world.transcript()


@pytest.mark.parametrize("git", [(1, 0), (1, 1)])
@pytest.mark.parametrize("up", [True, False], ids=["", "no gateway follows"])
def test_the_way_back_from_a_version_without_a_pod_waits_for_no_service_to_be_emptied(
    git: tuple[int, int], up: bool
) -> None:
    world = serving(theirs=shop(rule(*git)))
    world.asks("v2", weight(20), **{**KEEPING, "keepPrevious": "1h"})
    world.reaches(promoted).rests(40)
    world.git_applies(rule(*git))
    world.rests(20)
    world.happens("no pod of v2 is ready", room={"v2": 0}, gateway_up=up)
    world.rests(1)
    world.ask("v1")
    world.reaches(lambda one: one.share("v2") == 0 and one.share("v1") > 0, within=2.0)


@pytest.mark.matrix
@pytest.mark.parametrize("writes", range(14))
def test_killed_between_any_two_writes_it_ends_the_same(writes: int) -> None:
    world = serving()
    world.crash_after = writes
    world.asks("v2", weight(10))
    world.reaches(promoted).rests(30)
    assert world.our_weights[-1] == (0, 100)
    assert set(world.slots.values()) == {world.revision("v2")}
    assert world.failed_by_route == 0


@pytest.mark.matrix
@pytest.mark.parametrize("writes", range(6))
def test_killed_while_it_is_taken_back_it_ends_the_same(writes: int) -> None:
    world = holding()
    world.crash_after = writes
    world.order("abort")
    world.rests(60)
    assert world.our_weights == [(60, 40), (100, 0)]
    assert set(world.slots.values()) == {world.revision("v1")}
    assert world.failed_by_route == 0


@pytest.mark.matrix
@pytest.mark.parametrize("seed", range(20))
def test_in_any_order_it_ends_the_same(seed: int) -> None:
    world = AdoptedShuffled(seed=seed, theirs=shop(rule(1, 1)))
    watched(world)
    world.reaches(promoted).rests(15)
    world.asks("v2", weight(40), gate())
    world.reaches(at("sign-off"))
    world.asks("v3", weight(20))
    world.reaches(promoted).rests(40)
    assert world.share("v3") == 100
    assert set(world.slots.values()) == {world.revision("v3")}


def test_weights_by_which_nobody_gets_anything_are_put_right_after_a_rollout_too() -> None:
    world = serving()
    world.asks("v2", weight(10))
    world.reaches(promoted).rests(30)
    world.git_applies(rule(0, 0))
    world.rests(5)
    assert any(kept(world))


@pytest.mark.parametrize("theirs", [rule(0, 1), rule(60, 40, name="renamed")])
def test_deleted_while_nobody_can_answer_the_pods_that_the_route_names_stay(theirs: dict[str, Any]) -> None:
    world = holding()
    world.git_applies(theirs)
    world.rests(5)
    world.happens("nobody is ready any more", room={"v1": 0, "v2": 0})
    world.delete()
    world.rests(90)
    assert not world.finalizer
    named = {world.slots[slot] for slot, weight in zip((BLUE, GREEN), kept(world), strict=True) if weight}
    assert named <= world.revisions.keys()
