"""What must hold of the rules that users meet: which ones, where they stand, and what others make of them."""

from typing import Any

from crossfade.decide.shapes import asked_for
from crossfade.decide.spare import SETTLED_SECONDS

from tests.simulation.passes import Pass
from tests.simulation.routes import cohorts, is_service, is_spare, of_users
from tests.simulation.world import World


def what_others_changed_is_proven_anew(one: Pass) -> None:
    stage = one.plan.status.stage
    if (
        stage is not None
        and not one.seen.rollout.deleting
        and any(event.reason == "RouteRepaired" for event in one.plan.events)
    ):
        assert (stage.acknowledged_at, stage.proven_at, one.plan.proven) == (None, None, False), (
            "proof of another split"
        )


def rules_of_users_never_move(one: Pass) -> None:
    if one.route is None or is_service(one.route):
        return
    users = of_users(one.route)
    assert one.route["spec"].get("rules", [])[: len(users)] == users, "a stage's rule has taken the place of a user's"


def a_cohorts_rule_has_its_place(one: Pass) -> None:
    live, after = one.seen.route, one.route
    if live is None or after is None or is_service(after) or one.seen.adoption is not None:
        return
    before = {"spec": live.spec}
    comes, goes = bool(cohorts(after) and not cohorts(before)), bool(cohorts(before) and not cohorts(after))
    repaired = any(event.reason == "RouteRepaired" for event in one.plan.events)
    again = comes and bool(asked_for(one.seen.rollout.status.traffic).headers)
    if (comes and not again) or goes:
        places = [(len(of_users(route)), len(route["spec"].get("rules", ()))) for route in (before, after)]
        assert repaired or places[0] == places[1], "a cohort's rule comes or goes together with its place"


def nobody_meets_what_was_not_tried(world: World) -> None:
    tried = [rule for route in world.gateway.routes_seen for rule in route["spec"]["rules"]]
    for rule in world.route["spec"].get("rules", ()) if world.route else ():
        if is_spare(rule):
            continue
        headers = rule["matches"][0].get("headers", [])
        alike = (
            one
            for one in tried
            if one.get("filters") == rule.get("filters") and one["matches"][0]["headers"][:-1] == headers
        )
        new = "filters" in rule or (headers and world.gateway.addresses)
        assert not new or any(alike), f"users met {rule} first"


def no_cohort_meets_a_rule_that_comes_or_goes(world: World) -> None:
    known: tuple[Any, float] = getattr(world, "_known", (None, world.now))
    before, since = known
    if world.route is before:
        return
    world._known = (world.route, world.now)  # type: ignore[attr-defined]
    others = world.route_generation != world.ours or _repaired(world)
    if before is None or world.route is None or others or is_service(world.route):
        return
    places = [(len(of_users(one)), len(one["spec"].get("rules", ()))) for one in (before, world.route)]
    if cohorts(world.route) and not cohorts(before):
        assert places[0] == places[1], "a cohort meets a rule that has just come"
        assert world.now - since >= SETTLED_SECONDS, "a cohort meets a rule that gateways may not have yet"
    spare = any(map(is_spare, before["spec"].get("rules", ())))
    if cohorts(before) or (spare and world.now - since < SETTLED_SECONDS):
        assert places[0] == places[1], "the rule of a cohort goes while gateways may still send to it"


def _repaired(world: World) -> bool:
    return world.plan is not None and any(one.reason == "RouteRepaired" for one in world.plan.events)
