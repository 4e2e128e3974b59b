"""Catches an autoscaler that shrinks the way back, wakes what was taken back, or has a second owner of its number."""

from decimal import Decimal
from typing import Any

import pytest
from crossfade.decide.scaling import is_as_asked, quantity

from tests.simulation.invariants import watched
from tests.simulation.test_stages import at, ladder, revision, transcript
from tests.simulation.world import World, promoted, serving

pytestmark = pytest.mark.matrix

TEN, HALF = {"name": "ten", "weight": 10}, {"name": "half", "weight": 50}
BOUNDS = {"min": 2, "max": 20}


def asking(*stages: dict[str, Any], pods: int = 10, bounds: dict[str, Any] = BOUNDS) -> World:
    """v1 was scaled to so many pods by its load, and v2 is asked for."""
    world = watched(serving("v1"))
    world.edit(serving={"autoscaling": bounds})
    world.load["v1"] = pods
    world.run(10)
    assert world.pods("v1") == pods
    world.edit(modelVersion="v2", strategy=ladder(*stages))
    return world


def least(world: World, version: str) -> int:
    found = world.revisions[revision(world, version)].autoscaler
    assert found is not None
    return int(found["spec"]["minReplicas"])


def test_an_autoscaler_is_the_revisions_own() -> None:
    metrics = [{"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue"}}}]
    world = asking(TEN, bounds={**BOUNDS, "metrics": metrics})
    name = revision(world, "v1")
    one = world.revisions[name]
    assert one.autoscaler is not None
    written = one.autoscaler["metadata"]
    assert {key: written[key] for key in written if key != "managedFields"} == one.deployment["metadata"]
    assert one.autoscaler["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": 2,
        "maxReplicas": 20,
        "metrics": metrics,
    }


def test_without_metrics_it_is_kubernetes_default_written_out() -> None:
    found = serving_autoscaled().revisions
    (one,) = found.values()
    assert one.autoscaler is not None
    target = {"type": "Utilization", "averageUtilization": 80}
    assert one.autoscaler["spec"]["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def serving_autoscaled() -> World:
    world = watched(serving("v1"))
    world.edit(serving={"autoscaling": BOUNDS})
    return world.run(5)


def test_a_candidate_has_its_share_of_what_stable_was_scaled_to_before_its_weight() -> None:
    world = asking(TEN, HALF)
    seen: dict[int, tuple[int, int]] = {}
    world.checks.append(lambda one: note(one, seen))
    world.run(120, until=promoted)
    assert promoted(world), transcript(world)
    assert seen == {10: (1, 1), 50: (5, 5), 100: (10, 10)}
    assert world.failed_by_route == 0


def note(world: World, seen: dict[int, tuple[int, int]]) -> None:
    if world.share("v2"):
        seen.setdefault(world.share("v2"), (world.ready(revision(world, "v2")), least(world, "v2")))


def test_a_first_version_starts_with_the_least() -> None:
    world = watched(World())
    world.edit(serving={"autoscaling": BOUNDS})
    world.run(30, until=promoted)
    assert promoted(world)
    assert (world.pods("v1"), least(world, "v1")) == (2, 2)


def test_a_candidate_grows_with_a_stable_version_that_grows() -> None:
    world = asking({**HALF, "minDuration": "10m"})
    world.run(60, until=at("half"))
    world.load["v1"] = 14
    world.run(10)
    assert (world.pods("v1"), world.pods("v2"), least(world, "v1")) == (14, 7, 10)
    assert world.share("v2") == 50, "pods that are still to come were not lost"


def test_stable_keeps_what_takes_everything_back_while_traffic_is_split() -> None:
    """Case S25."""
    world = asking({**HALF, "minDuration": "10m"})
    world.run(60, until=at("half"))
    assert least(world, "v1") == 10
    world.load["v1"] = 3
    world.run(30)
    assert world.pods("v1") == 10


@pytest.mark.parametrize("good", [True, False])
def test_what_serves_in_the_end_may_shrink_when_its_autoscaler_has_seen_all_the_load(good: bool) -> None:
    world = asking(HALF)
    world.run(60, until=at("half", proven=False))
    if not good:
        world.order("abort")
    world.load |= {"v1": 3, "v2": 3}
    world.run(60)
    serves = "v2" if good else "v1"
    assert world.share(serves) == 100
    assert (world.pods(serves), least(world, serves)) == (10, 10)
    world.run(240)
    assert (world.pods(serves), least(world, serves)) == (10, 10)
    world.run(30)
    assert (world.pods(serves), least(world, serves)) == (3, 2)
    assert [one.arm[0] for one in world.revisions.values()] == [serves]
    writes = world.writes
    world.run(600)
    assert world.writes == writes


def test_pods_of_a_version_that_was_taken_back_do_not_come_again() -> None:
    """Case B9."""
    world = asking(HALF)
    world.run(60, until=at("half", proven=False))
    world.order("abort")
    world.run(20)
    world.load["v2"] = 9
    world.edit(serving={"autoscaling": {"min": 3, "max": 30}})
    world.run(60)
    assert world.pods("v2") == 0
    assert world.share("v1") == 100


def test_a_lower_max_lowers_both_at_once() -> None:
    world = asking({**HALF, "minDuration": "10m"})
    world.run(60, until=at("half"))
    world.edit(serving={"autoscaling": {"min": 2, "max": 4}})
    world.run(10)
    assert (world.pods("v1"), least(world, "v1"), least(world, "v2")) == (4, 4, 2)


def test_from_replicas_to_an_autoscaler_and_back_with_traffic_split() -> None:
    world = watched(serving("v1"))
    world.edit(serving={"replicas": 4})
    world.run(5)
    world.edit(modelVersion="v2", strategy=ladder({**HALF, "minDuration": "10m"}))
    world.run(60, until=at("half"))
    world.edit(serving={"autoscaling": {"min": 1, "max": 8}})
    world.run(5)
    assert (world.pods("v1"), world.pods("v2"), least(world, "v1"), least(world, "v2")) == (4, 2, 4, 2)
    world.edit(serving={"replicas": 6})
    world.run(10)
    assert (world.pods("v1"), world.pods("v2")) == (6, 3)
    assert all(one.autoscaler is None for one in world.revisions.values())
    assert world.share("v2") == 50


def test_deleting_a_rollout_mid_way_gives_the_autoscaler_its_bounds_back() -> None:
    world = asking({**HALF, "minDuration": "10m"})
    world.run(60, until=at("half"))
    world.delete()
    world.run(20)
    assert not world.finalizer
    assert least(world, "v1") == 2
    assert [one.arm[0] for one in world.revisions.values()] == ["v1"]


@pytest.mark.parametrize("kill", range(12))
def test_a_kill_at_the_split_leaves_no_autoscaler_raised_or_behind(kill: int) -> None:
    world = asking({**HALF, "minDuration": "10m"})
    world.crash_after = kill
    world.run(20)
    world.order("abort")
    world.crash_after = kill
    world.run(400)
    assert least(world, "v1") == 2
    assert [one.arm[0] for one in world.revisions.values()] == ["v1"]


def test_budgets_are_for_versions_of_more_than_one_pod() -> None:
    world = watched(serving("v1"))
    world.edit(serving={"replicas": 4})
    world.run(5)
    world.edit(modelVersion="v2", strategy=ladder(TEN, {**HALF, "minDuration": "10m"}))
    world.run(60, until=at("ten"))
    one, two = (world.revisions[revision(world, version)] for version in ("v1", "v2"))
    assert (one.budget is None, two.budget is None) == (False, True)
    world.run(60, until=at("half"))
    assert two.budget is not None
    assert two.budget["spec"]["maxUnavailable"] == 1
    world.edit(serving={"replicas": 1})
    world.run(5)
    assert (one.budget, two.budget) == (None, None)


def test_drift_is_put_right() -> None:
    world = serving_autoscaled()
    (one,) = world.revisions.values()
    assert one.autoscaler is not None
    one.autoscaler = {**one.autoscaler, "spec": {**one.autoscaler["spec"], "maxReplicas": 3}}
    one.budget = None
    world.run(1)
    assert one.budget is not None
    assert one.autoscaler["spec"]["maxReplicas"] == 20


@pytest.mark.parametrize(
    ("asked", "stored", "same"),
    [
        ({"averageValue": "1000m"}, {"averageValue": "1"}, True),
        ({"averageValue": 100}, {"averageValue": "100", "type": "AverageValue"}, True),
        ({"averageValue": "0.5Gi"}, {"averageValue": "512Mi"}, True),
        ({"averageValue": "1000m"}, {"averageValue": "2"}, False),
        ({"selector": {"matchExpressions": [], "matchLabels": None}}, {"selector": {}}, True),
        ({"selector": {}}, {}, True),
        ({"name": "cpu"}, {"name": "memory"}, False),
        ({"name": "cpu"}, {}, False),
    ],
)
def test_what_the_api_server_rewrites_is_no_drift(asked: dict[str, Any], stored: dict[str, Any], same: bool) -> None:
    def whole(metric: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": {"labels": {"a": "b"}}, "spec": {"metrics": [metric]}}

    assert is_as_asked(whole(asked), whole(stored)) is same
    assert not is_as_asked(whole(asked), None)


@pytest.mark.parametrize(
    ("written", "value"),
    [("500m", "0.5"), ("1e3", "1000"), ("2Ki", "2048"), ("3E", "3E18"), ("1.5G", "1.5E9"), ("7u", "7E-6"), ("cpu", "")],
)
def test_quantities(written: str, value: str) -> None:
    assert quantity(written) == (Decimal(value) if value else None)
