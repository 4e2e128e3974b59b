"""Catches a rule that users meet unproven, a gateway's gap that costs a request, a refusal that never heals."""

import json
from math import inf
from typing import Any

import pytest
from crossfade.decide.route_kinds import HTTP

from tests.simulation.gateway import Gateway
from tests.simulation.test_stages import asking, at, ladder, revision, transcript
from tests.simulation.world import World, beside, mirrors, promoted, reached, weights

(MIRROR,), (PERCENTAGE,) = HTTP.mirror, HTTP.percentage
SHADOW = {"name": "copy", "shadow": 50}
COHORT = {"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}}
TEN = {"name": "ten", "weight": 10}
GATEWAY = "Gateway gateways/public"


def refused(reason: str) -> Any:
    def check(world: World) -> bool:
        plan = world.plan
        return plan is not None and plan.situation.reason == reason and plan.situation.standing.value == "Failed"

    return check


def asked(*stages: dict[str, Any], **knobs: Any) -> World:
    """A rollout behind a gateway with these knobs, in which no user ever gets anything but an answer of stable."""
    return asking(*stages, gateway=Gateway(**knobs), cohort_rate=20.0)


def untouched(world: World) -> bool:
    """Whether every user was, and is, answered by the stable version alone."""
    return world.failed_by_route == 0 and reached(world.route) == {revision(world, "v1")}


def said(world: World) -> str:
    assert world.plan is not None
    return world.plan.situation.message


def test_a_mirror_that_every_user_would_be_answered_500_by_is_met_by_no_user() -> None:
    """TRAFFIC.md 5: as Traefik 3.7 does it, but without a published list. Case E3."""
    world = asked(SHADOW, TEN, mirror_works=False)
    seen = []
    world.checks.append(lambda one: seen.append(mirrors(one.route or {})))
    world.run(120)
    assert refused("RehearsalFailed")(world), transcript(world)
    assert (set(seen), untouched(world)) == ({False}, True)
    assert "1/2 copy: a copy of 50% was given to no user" in said(world)
    assert "Gateway gateways/public: a request through the rule was answered with 500" in said(world)
    assert "Take `shadow` out of the stage copy in `spec.strategy.stages`" in said(world)
    assert world.gateway.route is None


def seen_after_a_restart(world: World, seconds: float) -> set[str]:
    """All that is said in the time after it, by reason."""
    reasons: set[str] = set()
    world.checks.append(lambda one: reasons.add(one.plan.situation.reason if one.plan else ""))
    world.restart()
    world.run(seconds)
    return reasons


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [({"mirror_works": False}, "RehearsalFailed"), ({"features": frozenset[str]()}, "FeatureMissing")],
)
def test_after_a_restart_a_standstill_is_one_until_it_is_known_to_be_none(knobs: Any, reason: str) -> None:
    """What was tried is remembered nowhere but in the status. Whoever waits for the Rollout must not see it go on."""
    world = asked(SHADOW, TEN, **knobs)
    world.run(120)
    assert refused(reason)(world), transcript(world)
    assert seen_after_a_restart(world, 60) == {reason}


def test_after_a_restart_what_can_be_done_by_now_is_done() -> None:
    world = asked(SHADOW, TEN, mirror_works=False)
    world.run(120)
    world.gateway.mirror_works = True
    world.restart()
    world.run(300, until=promoted)
    assert promoted(world), transcript(world)


def test_after_a_restart_what_is_in_the_way_by_now_is_said() -> None:
    """And not for ever what was: nobody takes the route by which the mended mirror could be tried."""
    world = asked(SHADOW, TEN, mirror_works=False)
    world.run(120)
    world.gateway.mirror_works, world.gateway.ack_seconds = True, inf
    world.restart()
    world.run(60)
    assert refused("RehearsalFailed")(world), transcript(world)
    assert "has not looked at the route yet" in said(world)


def test_a_class_that_lists_a_feature_by_now_is_not_said_to_lack_it() -> None:
    """It was refused before anything began; what is left is that nobody takes the route by which it could be tried."""
    world = asked(SHADOW, TEN, features=frozenset[str]())
    world.run(60)
    assert refused("FeatureMissing")(world), transcript(world)
    world.gateway.features, world.gateway.ack_seconds = None, inf
    world.run(120)
    assert world.plan is not None
    assert world.plan.situation.reason == "Rehearsing", transcript(world)


def test_after_a_restart_another_spec_is_not_held_by_what_was_said_of_the_last_one() -> None:
    world = asked(SHADOW, TEN, mirror_works=False)
    world.run(120)
    world.spec = {**world.spec, "strategy": {"stages": [COHORT, TEN]}}
    world.generation += 1
    assert "RehearsalFailed" not in seen_after_a_restart(world, 20)


def test_the_fake_gateway_would_show_users_the_broken_mirror() -> None:
    """Else the test above could not fail."""
    world = asked(SHADOW, TEN)
    world.run(60, until=at("copy"))
    world.gateway.mirror_works = False
    world.run(5)
    assert world.failed_by_route > 0


@pytest.mark.parametrize("stage", [SHADOW, COHORT], ids=["shadow", "cohort"])
def test_what_works_is_given_to_users_after_it_was_proven(stage: dict[str, Any]) -> None:
    world = asked(stage, TEN)
    world.run(60, until=lambda one: one.gateway.route is not None)
    assert untouched(world)
    assert "is tried behind a header that only we know" in said(world)
    world.run(60, until=at(str(stage["name"])))
    assert world.gateway.route is None, transcript(world)
    assert revision(world, "v2") in beside(world.route or {}, 1.0)
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)
    assert len(world.gateway.routes_seen) == 1


def test_both_kinds_are_tried_at_once_and_only_once() -> None:
    world = asked(SHADOW, COHORT, TEN)
    world.run(300, until=promoted)
    assert promoted(world), transcript(world)
    assert [len(one["spec"]["rules"]) for one in world.gateway.routes_seen] == [2]


def test_weights_alone_are_not_rehearsed() -> None:
    world = asked(TEN, addresses=(), mirror_works=False, answers=False)
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)
    assert world.gateway.routes_seen == []


def test_no_user_can_meet_the_rule_that_is_tried() -> None:
    world = asked(COHORT, TEN)
    world.run(60, until=lambda one: one.gateway.route is not None)
    spec = (world.gateway.route or {})["spec"]
    headers = {one["name"]: one["value"] for one in spec["rules"][0]["matches"][0]["headers"]}
    assert headers.keys() == {"x-team", "x-crossfade-rehearsal"}
    token = headers["x-crossfade-rehearsal"]
    assert len(token) == 32
    assert token not in json.dumps([world.route, world.status.to_json()])
    other = asked(COHORT, TEN)
    other.uid = "u-2"
    other.run(60, until=lambda one: one.gateway.route is not None)
    assert token not in json.dumps(other.gateway.route)


def test_a_gateway_that_heeds_no_headers_is_found_out() -> None:
    world = asked(COHORT, TEN, headers_work=False)
    world.run(60)
    assert refused("RehearsalFailed")(world), transcript(world)
    assert "a request without its headers met the rule as well" in said(world)
    assert untouched(world)


@pytest.mark.parametrize(
    ("percent", "listed", "lacking"),
    [
        (
            50,
            {"HTTPRoute"},
            f"{MIRROR} and {PERCENTAGE}, and the class acme of {GATEWAY} does not list them",
        ),
        (50, {MIRROR}, f"{PERCENTAGE}, and the class acme"),
        (100, {"HTTPRoute"}, f"{MIRROR}, and the class acme of {GATEWAY} does not list it"),
    ],
)
def test_a_published_list_without_the_feature_refuses_before_the_first_pod(
    percent: int, listed: set[str], lacking: str
) -> None:
    world = asked(TEN | {"name": "one", "shadow": percent, "weight": None}, TEN, features=frozenset(listed))
    world.run(60)
    assert refused("FeatureMissing")(world), transcript(world)
    assert f"1/2 one needs {lacking}" in said(world)
    assert "take `shadow` out of the stage one in `spec.strategy.stages`" in said(world)
    assert len(world.revisions) == 1
    assert (world.gateway.routes_seen, world.status.candidate) == ([], None)


def test_a_whole_copy_needs_no_percentage() -> None:
    world = asked(SHADOW | {"shadow": 100}, TEN, features=frozenset({MIRROR}))
    world.run(60, until=at("copy"))
    assert at("copy")(world), transcript(world)


def test_a_refusal_heals_when_the_class_changes() -> None:
    world = asked(SHADOW, TEN, features=frozenset({"HTTPRoute"}))
    world.run(60)
    assert refused("FeatureMissing")(world)
    assert world.plan is not None
    assert world.plan.look_again == 10.0
    assert 5 <= world.gateway.reads <= 7, "every ten seconds"
    world.gateway.features = frozenset({MIRROR, PERCENTAGE})
    world.run(60, until=at("copy"))
    assert at("copy")(world), transcript(world)


def test_a_refusal_heals_when_the_stage_is_taken_out() -> None:
    world = asked(SHADOW, TEN, mirror_works=False)
    world.run(60, until=refused("RehearsalFailed"))
    world.edit(strategy=ladder(TEN))
    world.run(60, until=at("ten"))
    assert at("ten")(world), transcript(world)
    assert world.failed_by_route == 0


def test_what_failed_is_tried_again_after_five_minutes_and_says_meanwhile_that_it_failed() -> None:
    world = asked(SHADOW, TEN, mirror_works=False)
    world.run(60, until=refused("RehearsalFailed"))
    world.run(290)
    assert len(world.gateway.routes_seen) == 1
    world.gateway.mirror_works = True
    world.run(30, until=lambda one: len(one.gateway.routes_seen) == 2)
    assert refused("RehearsalFailed")(world), transcript(world)
    world.run(20, until=at("copy"))
    assert at("copy")(world), transcript(world)


def test_a_gateway_that_was_away_is_asked_again_soon() -> None:
    world = asked(SHADOW, TEN, answers=False)
    world.run(60, until=refused("RehearsalFailed"))
    world.gateway.answers = True
    world.run(40, until=at("copy"))
    assert at("copy")(world), transcript(world)


def test_a_list_that_promises_too_much_is_found_out() -> None:
    world = asked(SHADOW, TEN, features=frozenset({MIRROR, PERCENTAGE}), mirror_works=False)
    world.run(60)
    assert refused("RehearsalFailed")(world), transcript(world)
    assert untouched(world)


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"addresses": ()}, "Gateway gateways/public has no address in its status"),
        ({"answers": False}, "Gateway gateways/public: it did not answer within 3 s"),
    ],
)
def test_what_cannot_be_reached_gives_no_shadow_and_a_cohort_with_a_warning(knobs: dict[str, Any], why: str) -> None:
    shadow = asked(SHADOW, TEN, features=frozenset({MIRROR, PERCENTAGE}), **knobs)
    shadow.run(60)
    assert refused("RehearsalFailed")(shadow), transcript(shadow)
    assert why in said(shadow)
    assert untouched(shadow)
    cohort = asked(COHORT, TEN, **knobs)
    cohort.run(60, until=at("team"))
    assert at("team")(cohort), transcript(cohort)
    assert f"NOT rehearsed: {why}" in transcript(cohort)


def test_a_gateway_that_rejects_the_rule_leaves_the_users_route_alone() -> None:
    world = asked(SHADOW, TEN, rejects="UnsupportedValue: no mirrors here")
    world.run(60)
    assert refused("RehearsalFailed")(world), transcript(world)
    assert "Gateway gateways/public says UnsupportedValue: no mirrors here" in said(world)
    assert untouched(world)
    world.gateway.rejects = ""
    world.run(30, until=at("copy"))
    assert at("copy")(world), transcript(world)


@pytest.mark.parametrize("stage", [SHADOW, COHORT])
def test_a_gateway_that_says_nothing_of_the_rule_is_a_standstill_after_two_minutes(stage: dict[str, Any]) -> None:
    world = asked(stage, TEN, ack_seconds=inf)
    world.run(60, until=lambda one: one.gateway.route is not None)
    world.run(119)
    assert not refused("RehearsalFailed")(world), transcript(world)
    world.run(2, until=refused("RehearsalFailed"))
    assert refused("RehearsalFailed")(world), transcript(world)
    assert "Gateway gateways/public has not looked at the route yet" in said(world)
    assert untouched(world)
    world.gateway.ack_seconds = 0.1
    world.run(30, until=at(stage["name"]))
    assert at(stage["name"])(world), transcript(world)


def test_a_shape_that_an_edit_brings_in_is_rehearsed_as_well() -> None:
    world = asked({"name": "sign-off", "gate": "Manual"}, TEN, mirror_works=False)
    world.run(60, until=at("sign-off"))
    assert at("sign-off")(world), transcript(world)
    world.edit(strategy=ladder(SHADOW, TEN))
    world.run(60)
    assert refused("RehearsalFailed")(world), transcript(world)
    assert untouched(world)


def test_a_candidate_taken_back_while_it_is_tried_leaves_nothing_behind() -> None:
    world = asked(SHADOW, TEN, serve_seconds=1000.0)
    world.run(60, until=lambda one: one.gateway.route is not None)
    world.order("abort")
    world.run(30)
    assert world.gateway.route is None
    assert weights(world.route) == {revision(world, "v1"): 100}


@pytest.mark.parametrize("after", range(12))
def test_a_kill_between_any_two_writes_shows_users_nothing_unproven(after: int) -> None:
    world = asked(SHADOW, COHORT, TEN, mirror_works=False)
    world.run(3)
    world.crash_after = after
    world.run(60)
    world.restart()
    world.run(60)
    assert refused("RehearsalFailed")(world), transcript(world)
    assert untouched(world)
    assert world.gateway.route is None
