"""Catches a cohort that meets a rule which its gateway has just heard of, or has just lost, and a rule left behind."""

from typing import Any

import pytest
from crossfade.model.moments import moment

from tests.simulation.gateway import Gateway
from tests.simulation.routes import cohorts, is_spare, of_users
from tests.simulation.test_drift import others_write, told
from tests.simulation.test_rehearsals import COHORT, TEN, asked
from tests.simulation.test_stages import asking, at, revision, taken_back, transcript
from tests.simulation.world import World, beside, promoted, spec, weights

pytestmark = pytest.mark.matrix

OTHER = {"name": "ops", "match": {"headers": [{"name": "x-team", "value": "ops"}]}}
PREVIEW = {**COHORT, "gate": "Manual"}


TWO = [{"matches": [{"path": {"type": "PathPrefix", "value": path}}]} for path in ("/a", "/b")]
ONE = TWO[:1]


def behind(rules: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields of a spec that give these rules to the users."""
    parents = [{"name": "public", "namespace": "gateways"}]
    return {"traffic": {"gatewayAPI": {"parentRefs": parents, "rules": rules}}}


def ruled(rules: list[dict[str, Any]], *stages: dict[str, Any], **knobs: Any) -> World:
    """A rollout with these rules for the users."""
    return asking(*stages, spec=spec("v1", **behind(rules)), gateway=Gateway(), cohort_rate=20.0, **knobs)


def spares(world: World) -> int:
    """Rules that nobody meets."""
    return sum(is_spare(rule) for rule in (world.route or {})["spec"]["rules"])


def test_a_cohorts_rule_is_there_for_nobody_before_it_is_there_for_the_cohort() -> None:
    world = asked(COHORT, TEN)
    world.run(60, until=lambda one: spares(one) > 0)
    since = world.now
    (rule,) = [rule for rule in (world.route or {})["spec"]["rules"] if is_spare(rule)]
    assert [one["name"] for one in rule["backendRefs"]] == [revision(world, "v1")], "nothing of v2 in it yet"
    world.run(60, until=lambda one: bool(cohorts(one.route)))
    assert world.now - since >= 3, transcript(world)
    assert "its rule is brought in behind a header that only we know" in transcript(world)
    assert world.gateway.route is None, "the rehearsal is over by then"


def test_it_leaves_its_place_behind_until_the_next_weight_is_written() -> None:
    world = asked(COHORT, TEN, {"name": "half", "weight": 50})
    world.run(90, until=at("ten", proven=False))
    assert (spares(world), cohorts(world.route)) == (1, [])
    world.run(90, until=at("half", proven=False))
    assert spares(world) == 0
    world.run(90, until=promoted)
    assert promoted(world), transcript(world)


def test_it_stays_when_the_next_weight_comes_at_once() -> None:
    world = asked(COHORT, TEN, {"name": "half", "weight": 50})
    world.run(90, until=at("ten", proven=False))
    since = world.now
    world.order("skip-stage")
    world.run(10, until=at("half", proven=False))
    assert world.now - since < 3
    assert spares(world) == 1
    world.run(90, until=promoted)
    assert promoted(world), transcript(world)


def test_one_cohort_after_another_keeps_the_place() -> None:
    world = asked(COHORT, OTHER, TEN)
    written = []
    world.checks.append(lambda one: written.append(len((one.route or {})["spec"]["rules"])))
    world.run(200, until=at("ops"))
    first = written.index(2)
    assert set(written[first:]) == {2}, transcript(world)


def test_a_rollback_is_one_write_and_takes_the_rule_away_later() -> None:
    world = asked(PREVIEW, TEN)
    world.run(90, until=at("team"))
    world.error_rate["v2"] = 0.5
    world.run(60, until=taken_back)
    assert taken_back(world), transcript(world)
    assert beside(world.route or {}, 1.0) == {}
    assert weights(world.route) == {revision(world, "v1"): 100}
    assert spares(world) == 1
    world.run(20)
    assert len((world.route or {})["spec"]["rules"]) == 1, transcript(world)
    assert [one.arm[0] for one in world.revisions.values()] == ["v1"]


def test_blue_green_is_done_when_nothing_is_left_to_do() -> None:
    world = asked(PREVIEW)
    world.run(90, until=at("team"))
    world.run(10)
    world.order("advance")
    world.run(60, until=promoted)
    assert promoted(world), transcript(world)
    assert len((world.route or {})["spec"]["rules"]) == 1
    generation = world.route_generation
    world.run(60)
    assert world.route_generation == generation


def test_a_rollout_that_is_deleted_leaves_no_rule_behind() -> None:
    world = asked(PREVIEW, TEN)
    world.run(90, until=at("team"))
    world.delete()
    world.run(30)
    assert not world.finalizer, transcript(world)
    assert len((world.route or {})["spec"]["rules"]) == 1


@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_rollout_that_is_deleted_before_the_cohort_meets_its_rule_leaves_none_behind(after: int, gone: bool) -> None:
    world = asked(PREVIEW, TEN)
    world.run(60, until=lambda one: spares(one) > 0)
    world.run(after)
    if gone:
        del world.revisions[revision(world, "v2")]
    world.delete()
    world.run(30)
    assert not world.finalizer, transcript(world)
    assert len((world.route or {})["spec"]["rules"]) == 1


def test_a_deletion_hangs_on_no_gateway_for_it() -> None:
    world = asked(PREVIEW, TEN)
    world.run(90, until=at("team"))
    world.gateway_up = False
    world.delete()
    world.run(90)
    assert not world.finalizer, transcript(world)


def test_a_rollout_given_up_before_the_cohort_meets_its_rule_leaves_none_behind() -> None:
    world = asked(COHORT, TEN)
    world.run(60, until=lambda one: spares(one) > 0)
    world.ask("v1")
    world.run(30)
    assert len((world.route or {})["spec"]["rules"]) == 1, transcript(world)
    assert world.plan is not None
    assert world.plan.situation.standing == "Done"


@pytest.mark.parametrize("after", range(10))
def test_a_kill_between_any_two_writes_keeps_these_promises(after: int) -> None:
    world = asked(COHORT, TEN)
    world.run(60, until=lambda one: spares(one) > 0)
    world.crash_after = after
    world.run(10)
    world.restart()
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)


@pytest.mark.parametrize("up", [True, False], ids=["", "no gateway follows"])
def test_what_others_write_while_its_place_settles_is_put_right_at_once(up: bool) -> None:
    world = asked(COHORT, TEN)
    world.run(60, until=lambda one: spares(one) > 0)
    world.run(1)
    said, places = told(world), spares(world)
    world.gateway_up = up
    others_write(world, 50, beside=(world.route or {})["spec"]["rules"][1:])
    world.run(2, until=lambda one: one.share("v2") == 0)
    assert world.share("v2") == 0, transcript(world)
    assert spares(world) == places
    (message,) = said
    assert message.startswith("the HTTPRoute fraud was changed by others: the route must say ")
    world.gateway_up = True
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)


def test_a_route_that_is_deleted_while_its_place_settles_is_the_users_own_first() -> None:
    world = asked(COHORT, TEN)
    world.run(60, until=lambda one: spares(one) > 0)
    world.run(0.5)
    world.route = None
    world.run(1)
    assert (cohorts(world.route), weights(world.route)) == ([], {revision(world, "v1"): 100}), transcript(world)
    world.run(60, until=lambda one: bool(cohorts(one.route)))
    assert cohorts(world.route), transcript(world)


def test_each_rule_of_the_users_has_a_place_behind_it_and_a_cohort() -> None:
    world = ruled(TWO, COHORT, TEN)
    world.run(60, until=lambda one: spares(one) > 0)
    assert (len(of_users(world.route)), spares(world)) == (2, 2)
    world.run(60, until=at("team"))
    assert (len(of_users(world.route)), len(cohorts(world.route))) == (2, 2)
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)
    assert len((world.route or {})["spec"]["rules"]) == 2


@pytest.mark.parametrize(("before", "after"), [(ONE, TWO), (TWO, ONE)], ids=["a rule more", "a rule less"])
def test_rules_come_and_go_while_nobody_meets_those_behind_them(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    """The cohort leaves its rules for a while, and is answered as everybody else."""
    world = ruled(before, PREVIEW, TEN)
    world.run(90, until=at("team"))
    said, since = told(world), world.now
    world.edit(**behind(after))
    world.run(5)
    assert cohorts(world.route) == []
    world.run(30, until=lambda one: bool(cohorts(one.route)))
    assert (len(of_users(world.route)), len(cohorts(world.route))) == (len(after),) * 2, transcript(world)
    assert world.now - since <= 10
    world.run(10, until=at("team"))
    assert moment((world.status.stage and world.status.stage.proven_at) or "") > since + 6
    assert said == []
    assert world.failed_by_route == 0


@pytest.mark.parametrize(("before", "after"), [(ONE, TWO), (TWO, ONE)], ids=["a rule more", "a rule less"])
def test_rules_that_are_edited_while_the_place_settles_have_theirs_first(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    world = ruled(before, COHORT, TEN)
    world.run(60, until=lambda one: spares(one) > 0)
    world.run(1)
    world.edit(**behind(after))
    world.run(30, until=at("team"))
    assert len(cohorts(world.route)) == len(after), transcript(world)
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)
    assert len((world.route or {})["spec"]["rules"]) == len(after)


@pytest.mark.parametrize("verb", ["abort", "skip-stage"])
@pytest.mark.parametrize(("before", "after"), [(ONE, TWO), (TWO, ONE)], ids=["a rule more", "a rule less"])
def test_an_order_beside_such_an_edit_is_obeyed_at_once_and_the_rules_follow(
    verb: Any, before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    world = ruled(before, PREVIEW, OTHER, {"name": "ask", "gate": "Manual"})
    world.run(90, until=at("team"))
    world.edit(**behind(after))
    world.order(verb)
    world.run(1)
    assert [one.effect for one in world.status.handled] == ["Obeyed"] or verb == "skip-stage", transcript(world)
    world.run(60)
    assert [one.effect for one in world.status.handled] == ["Obeyed"], transcript(world)
    assert len(of_users(world.route)) == len(after)


@pytest.mark.parametrize("room", [0, 1])
def test_a_cohort_leaves_its_rules_only_for_pods_that_carry_it(room: int) -> None:
    world = ruled(ONE, PREVIEW, TEN)
    world.run(90, until=at("team"))
    world.room["v1"] = room
    world.run(1)
    world.edit(**behind(TWO))
    for _ in range(20):
        world.run(0.5)
        assert cohorts(world.route), transcript(world)
    world.room.clear()
    world.run(30)
    assert len(cohorts(world.route)) == 2, transcript(world)


@pytest.mark.parametrize("after", range(8))
def test_a_kill_while_rules_come_keeps_these_promises(after: int) -> None:
    world = ruled(ONE, PREVIEW, TEN)
    world.run(90, until=at("team"))
    world.edit(**behind(TWO))
    world.crash_after = after
    world.run(5)
    world.restart()
    world.run(60)
    assert len(cohorts(world.route)) == 2, transcript(world)


def test_rules_that_a_gateway_would_not_have_are_mended_at_once() -> None:
    world = ruled(ONE, PREVIEW, TEN)
    world.run(90, until=at("team"))
    world.gateway.others["public"] = "no such filter"
    world.route_generation += 1
    world.run(2)
    world.edit(**behind(TWO))
    world.run(1)
    assert len(of_users(world.route)) == 2, transcript(world)


def test_a_rule_that_others_take_away_with_its_cohort_is_put_back_at_once() -> None:
    world = ruled(TWO, PREVIEW, TEN)
    world.run(90, until=at("team"))
    said, stored = told(world), world.route or {}
    rules = [stored["spec"]["rules"][at] for at in (0, 2)]
    world.route = {**stored, "spec": {**stored["spec"], "rules": rules}}
    world.route_generation += 1
    world.run(1)
    assert len(of_users(world.route)) == len(cohorts(world.route)) == 2, transcript(world)
    assert len(said) == 1


def test_weights_alone_bring_in_no_rule() -> None:
    world = asking(TEN)
    written = set()
    world.checks.append(lambda one: written.add(len((one.route or {})["spec"]["rules"])))
    world.run(200, until=promoted)
    assert written == {1}
