"""Catches a Rollout that is deleted and made again, and opens a gap, makes new pods of what serves, or forgets it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.cases.story import says
from tests.simulation.cases.theirs import Adopted
from tests.simulation.cases.ways_back import WINDOW
from tests.simulation.invariants import watched
from tests.simulation.test_stages import at, ladder, taken_back, transcript
from tests.simulation.world import World, promoted, reached, serving, spec

When = Callable[[World], bool]
Json = dict[str, Any]
COHORT = {"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}, "gate": "Manual"}
COPY = {"name": "copy", "shadow": 50, "minDuration": "10m"}
TEN = {"name": "ten", "weight": 10, "minDuration": "10m"}
HALF = {"name": "half", "weight": 50}
MOST = {"name": "most", "weight": 90, "minDuration": "10m"}
ASK = {"name": "ask", "gate": "Manual"}
KEPT = {**WINDOW, "keepPrevious": "10m"}


def started(world: World) -> bool:
    return world.status.candidate is not None and len(world.revisions) == 2


def drained(world: World) -> bool:
    return promoted(world) and len(world.revisions) == 1


def kept(world: World) -> bool:
    return world.status.previous is not None and len(world.served) == 1


def alone(version: str) -> When:
    """The stored route gives everything to this version, and another one is stable."""
    return lambda world: world.share(version) == 100 and not promoted(world)


def v2_by(*stages: Json, **more: Any) -> Json:
    """The edit that asks for v2 by these stages; `more` are further fields of the strategy."""
    return {"modelVersion": "v2", "strategy": ladder(*stages, **more)}


V1 = {"modelVersion": "v1"}
V3 = {"modelVersion": "v3"}
SLOW = {"ack_seconds": 2.0}

MOMENTS: dict[str, tuple[Json, list[tuple[Json, When]]]] = {
    "its pods start": ({"start_seconds": 20.0}, [(v2_by(TEN), started)]),
    "a rule is rehearsed": ({"cohort_rate": 20.0}, [(v2_by(COHORT), says("Rehearsing"))]),
    "a shadow has copies": ({}, [(v2_by(COPY), at("copy"))]),
    "a cohort has it": ({"cohort_rate": 20.0}, [(v2_by(COHORT), at("team"))]),
    "a tenth is given": ({}, [(v2_by(TEN), at("ten"))]),
    "a weight is written and not proven": ({}, [(v2_by(TEN), at("ten", proven=False))]),
    "people are waited for": ({}, [(v2_by(HALF, ASK), says("WaitingForPeople"))]),
    "it is suspended": ({}, [(v2_by(TEN), at("ten")), ({"suspend": True}, says("Suspended"))]),
    "nearly all is given": ({}, [(v2_by(MOST), at("most"))]),
    "stable is held back in the bake": ({}, [(v2_by(HALF, bake={"duration": "10m", "holdback": 2}), at("bake"))]),
    "it gets everything and is not stable yet": (SLOW, [(v2_by(HALF), alone("v2"))]),
    "it was rolled back": ({"error_rate": {"v2": 0.5}}, [(v2_by(TEN), taken_back)]),
    "a third version takes its place": (SLOW, [(v2_by(TEN), at("ten")), (V3, says("Draining"))]),
    "it was promoted and the old one drains": ({}, [(v2_by(HALF), promoted)]),
    "it was promoted and the old one is kept": ({}, [(v2_by(HALF, **KEPT), promoted), ({}, kept)]),
    "it goes back to the one that was kept": (SLOW, [(v2_by(HALF, **KEPT), promoted), (V1, alone("v1"))]),
    "it goes back to pods that start": (SLOW, [(v2_by(HALF, **WINDOW), promoted), ({}, drained), (V1, started)]),
}
"""What the world is like, and the edits with what each is followed to: the last is the moment."""


def brought_to(moment: str, policy: str) -> World:
    """A world in which v1 serves, edited until the moment has come."""
    knobs, way = MOMENTS[moment]
    world = watched(serving("v1", spec=spec("v1", deletionPolicy=policy), **knobs))
    for edit, when in way:
        if edit:
            world.edit(**edit)
        world.run(300, until=when)
        assert when(world), transcript(world)
    return world


def deleted(world: World) -> World:
    """Gone, as far as its finalizer is, with all requests left to what was stable, and not one of them failed."""
    assert world.status.stable is not None
    world.delete()
    world.run(30, until=lambda one: not one.finalizer)
    assert not world.finalizer, transcript(world)
    assert (list(world.served), list(world.revisions)) == ([world.status.stable.revision],) * 2, transcript(world)
    assert reached(world.route) == {world.status.stable.revision}
    assert (world.gateway.route, world.failed_by_route) == (None, 0), transcript(world)
    return world


KINDS = ("HTTPRoute", "Deployment", "Service", "PodDisruptionBudget")


def collected(world: World) -> dict[str, bool]:
    """By what is left of a deleted Rollout, whether Kubernetes collects it: its owner is gone."""
    left = {"HTTPRoute": world.route} if world.route else {}
    for one in world.revisions.values():
        left |= {body["kind"]: body for body in (one.deployment, one.service, one.autoscaler, one.budget) if body}
    return {kind: world.uid in [own["uid"] for own in _owners(body)] for kind, body in left.items()}


def _owners(body: Json) -> list[Json]:
    return list(body["metadata"].get("ownerReferences", ()))


@pytest.mark.parametrize("moment", MOMENTS)
def test_whatever_it_did_when_it_was_deleted_all_of_it_is_collected_where_that_is_asked_for(moment: str) -> None:
    world = deleted(brought_to(moment, "Delete"))
    assert collected(world) == dict.fromkeys(KINDS, True)


@pytest.mark.parametrize("moment", MOMENTS)
def test_whatever_it_did_when_it_was_deleted_what_serves_is_taken_over_without_a_gap(moment: str) -> None:
    before = deleted(brought_to(moment, "Orphan"))
    assert collected(before) == dict.fromkeys(KINDS, False)
    stable = before.status.stable
    assert stable is not None
    again = made_again(before, stable.model_version)
    again.run(60, until=promoted)
    again.run(10)
    assert again.status.stable is not None
    assert again.status.stable.revision == stable.revision, transcript(again)
    assert (list(again.revisions), again.failed_by_route) == ([stable.revision], 0), transcript(again)
    assert not any("needs pods" in line for line in again.lines), transcript(again)


BY_PODS = {"traffic": {"replicas": {}}}


def made_otherwise(before: World, version: str, **changes: Any) -> World:
    """The same name without a gateway, with the pods and the route that the deleted one left behind."""
    old = before.snapshot().route
    again = World(
        spec=spec(version, **BY_PODS, **changes), uid="u-2", revisions=before.revisions, now=before.now, left_behind=old
    )
    return watched(again)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_route_of_a_rollout_that_had_a_gateway_keeps_its_pods_and_is_named(version: str) -> None:
    before = watched(serving("v1"))
    old = list(before.revisions)
    again = made_otherwise(before, version)
    again.run(60, until=promoted)
    again.run(60)
    assert again.plan is not None
    assert promoted(again), transcript(again)
    assert again.revisions.keys() >= {*old}, "the old route leads to nobody"
    assert (again.plan.situation.standing, again.plan.situation.reason) == ("Failed", "HostTaken")
    said = "HTTPRoute fraud, which Crossfade made for an earlier Rollout of this name, still leads to fraud-"
    assert again.plan.situation.message.startswith(said)
    assert again.plan.situation.message.endswith(f"served by the Service fraud; {version} serves as before")
    again.ask("v3")
    again.run(30)
    assert again.status.candidate is None, "a rollout began whose weights the old route's clients do not have"
    assert again.revisions.keys() >= {*old}
    again.left_behind = None
    again.run(300, until=promoted)
    again.run(30)
    assert [one.arm[0] for one in again.revisions.values()] == ["v3"], transcript(again)
    assert again.failed_by_route == 0


def test_beside_an_adopted_route_it_is_named_too_and_both_services_are_there() -> None:
    world = Adopted(left_behind=serving("v1").snapshot().route)
    watched(world)
    world.reaches(says("HostTaken"))
    assert world.status.stable is not None
    assert set(world.slots.values()) == {world.status.stable.revision}
    assert world.plan is not None
    assert "past HTTPRoute shop" in world.plan.situation.message
    world.asks("v2", {"name": "ten", "weight": 10})
    world.rests(60)
    assert (world.status.candidate, world.our_weights) == (None, [])
    world.left_behind = None
    world.reaches(promoted)


def test_a_route_that_was_left_behind_and_comes_back_in_the_middle_stops_the_next_step() -> None:
    world = watched(serving("v1", spec=spec(**BY_PODS)))
    world.edit(modelVersion="v2", strategy=ladder({"name": "half", "weight": 50, "minDuration": "5s"}))
    world.run(60, until=at("half"))
    world.left_behind = serving("v1").snapshot().route
    world.run(60)
    assert world.status.stage is not None
    assert (world.status.stage.name, world.plan.situation.reason if world.plan else "") == ("half", "HostTaken")
    world.left_behind = None
    world.run(60, until=promoted)
    assert promoted(world), transcript(world)


def made_again(before: World, version: str) -> World:
    """The same name, with all that the deleted one left behind."""
    left = {
        "revisions": before.revisions,
        "route": before.route,
        "route_generation": before.route_generation,
        "route_written_at": before.route_written_at,
        "served": before.served,
        "now": before.now,
    }
    return watched(World(spec=spec(version), uid="u-2", **left))


def test_a_version_that_never_served_leaves_nothing_and_starts_anew() -> None:
    before = watched(World(spec=spec("v1"), start_seconds=20.0))
    before.run(5)
    before.delete()
    before.run(60, until=lambda world: not world.finalizer)
    assert (before.finalizer, before.route) == (False, None), transcript(before)
    again = made_again(before, "v1")
    again.run(60, until=promoted)
    assert promoted(again), transcript(again)
