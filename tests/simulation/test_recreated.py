"""Catches a Rollout that is deleted and made again, and opens a gap, makes new pods of what serves, or forgets it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.cases.story import says
from tests.simulation.cases.theirs import Adopted
from tests.simulation.invariants import watched
from tests.simulation.test_stages import at, ladder, taken_back, transcript
from tests.simulation.world import World, promoted, serving, spec

Moment = Callable[[World], bool]
COHORT = {"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}, "gate": "Manual"}
TEN = {"name": "ten", "weight": 10, "minDuration": "10m"}
MOST = {"name": "most", "weight": 90, "minDuration": "10m"}


def started(world: World) -> bool:
    return world.status.candidate is not None and len(world.revisions) == 2


def served_by_v2(world: World) -> bool:
    return world.share("v2") == 100


MOMENTS: dict[str, tuple[Moment, list[dict[str, Any]], dict[str, Any]]] = {
    "its pods start": (started, [TEN], {"start_seconds": 20.0}),
    "a tenth is given": (at("ten"), [TEN], {}),
    "nearly all is given": (at("most"), [MOST], {}),
    "a weight is written and not proven": (at("ten", proven=False), [TEN], {}),
    "a cohort has it": (at("team"), [COHORT], {"cohort_rate": 20.0}),
    "it gets everything and is not stable yet": (served_by_v2, [{"name": "half", "weight": 50}], {"ack_seconds": 2.0}),
    "it was rolled back": (taken_back, [TEN], {"error_rate": {"v2": 0.5}}),
    "it was promoted and the old one drains": (promoted, [{"name": "half", "weight": 50}], {}),
}


def collected(world: World) -> dict[str, bool]:
    """By what is left of a deleted Rollout, whether Kubernetes collects it: its owner is gone."""
    left = {"HTTPRoute": world.route} if world.route else {}
    for one in world.revisions.values():
        left |= {body["kind"]: body for body in (one.deployment, one.service, one.autoscaler, one.budget) if body}
    return {kind: world.uid in [own["uid"] for own in _owners(body)] for kind, body in left.items()}


def _owners(body: dict[str, Any]) -> list[dict[str, Any]]:
    return list(body["metadata"].get("ownerReferences", ()))


@pytest.mark.parametrize(("policy", "goes"), [("Orphan", False), ("Delete", True)])
def test_what_serves_goes_with_a_deleted_rollout_only_where_that_is_asked_for(policy: str, goes: bool) -> None:
    """Traffic ends on stable and the candidate is drained first in both: while the Rollout goes, nobody fails."""
    world = watched(serving("v1", spec=spec("v1", deletionPolicy=policy)))
    world.edit(modelVersion="v2", strategy=ladder(TEN))
    world.run(300, until=at("ten"))
    world.delete()
    world.run(120, until=lambda world: not world.finalizer)
    assert not world.finalizer, transcript(world)
    assert (world.share("v1"), world.pods("v2"), world.failed_by_route) == (100, 0, 0), transcript(world)
    kinds = ("HTTPRoute", "Deployment", "Service", "PodDisruptionBudget")
    assert collected(world) == dict.fromkeys(kinds, goes)


@pytest.mark.parametrize(("moment", "stages", "knobs"), MOMENTS.values(), ids=MOMENTS.keys())
def test_whatever_it_did_when_it_was_deleted_what_serves_is_taken_over_without_a_gap(
    moment: Moment, stages: list[dict[str, Any]], knobs: dict[str, Any]
) -> None:
    before = watched(serving("v1", **knobs))
    before.edit(modelVersion="v2", strategy=ladder(*stages))
    before.run(300, until=moment)
    assert moment(before), transcript(before)
    before.delete()
    before.run(120, until=lambda world: not world.finalizer)
    assert not before.finalizer, transcript(before)
    assert len(before.served) == 1
    stable = before.status.stable
    assert stable is not None
    again = made_again(before, stable.model_version)
    again.run(60, until=promoted)
    again.run(60)
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
