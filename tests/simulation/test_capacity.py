"""Catches weight given before the pods for it, or left on pods that are gone, and a way back that was shrunk."""

from typing import Any

import pytest
from crossfade.api.v1alpha1 import RolloutSpec
from crossfade.api.v1alpha1.strategy import HeaderMatch
from crossfade.decide.capacity import pods_for, step_pods
from crossfade.decide.shapes import Shape
from crossfade.decide.stages import step_at
from crossfade.model.moments import moment

from tests.simulation.invariants import watched
from tests.simulation.test_stages import at, ladder, revision, taken_back, transcript
from tests.simulation.world import World, promoted, reached, serving, spec, weights

TEN, QUARTER, HALF = ({"name": n, "weight": w} for n, w in (("ten", 10), ("quarter", 25), ("half", 50)))
GATE = {"name": "sign-off", "gate": "Manual"}


def asking(*stages: dict[str, Any], replicas: int = 4, **knobs: Any) -> World:
    """v1 serves with so many pods, and v2 is asked for by these stages."""
    world = watched(serving("v1", **knobs))
    world.edit(serving={"replicas": replicas})
    world.run(5)
    world.edit(modelVersion="v2", strategy=ladder(*stages))
    return world


def pods_by_share(world: World) -> dict[int, int]:
    """Fills itself: with how many ready pods v2 first got each share."""
    found: dict[int, int] = {}

    def note(one: World) -> None:
        candidate = [name for name, each in one.revisions.items() if each.arm[0] == "v2"]
        if candidate:
            found.setdefault(one.share("v2"), one.ready(candidate[0]))

    world.checks.append(note)
    return found


@pytest.mark.parametrize(
    ("shape", "pods"),
    [
        (Shape(1), 1),
        (Shape(10), 1),
        (Shape(25), 1),
        (Shape(26), 2),
        (Shape(50), 2),
        (Shape(98), 4),
        (Shape(100), 4),
        (Shape(251, 1000), 2),
        (Shape(shadow=1), 1),
        (Shape(shadow=60), 3),
        (Shape(headers=(HeaderMatch(name="x-team", value="risk"),)), 4),
    ],
)
def test_pods_for_a_share_of_four(shape: Shape, pods: int) -> None:
    """Case A8."""
    assert pods_for(shape, 4) == pods


def test_pods_come_before_the_weight_and_stable_keeps_its_own() -> None:
    """Cases A9 and B5, where stable keeps all its pods."""
    world = asking(TEN, HALF)
    seen = pods_by_share(world)
    world.run(120, until=promoted)
    assert promoted(world), transcript(world)
    assert seen == {0: 0, 10: 1, 50: 2, 100: 4}
    assert world.failed_by_route == 0


def test_nothing_restarts_at_promotion() -> None:
    world = asking(TEN, HALF)
    world.run(120, until=promoted)
    born = list(world.revisions[revision(world, "v2")].born)
    world.run(60)
    assert world.revisions[revision(world, "v2")].born == born
    assert [(one.arm[0], one.replicas) for one in world.revisions.values()] == [("v2", 4)]


def test_one_pod_of_each_is_the_least() -> None:
    """Cases A2 and A10."""
    world = asking(TEN, GATE, replicas=1)
    world.run(400, until=at("sign-off"))
    assert (world.pods("v1"), world.pods("v2"), world.share("v2")) == (1, 1, 10)


def test_a_candidate_that_is_never_ready_gets_no_weight() -> None:
    """Case A4."""
    world = asking(TEN, HALF, room={"v2": 0})
    world.edit(serving={"replicas": 4, "startup": {"timeout": "60s"}})
    seen = pods_by_share(world)
    world.run(100, until=taken_back)
    end = world.status.outcome
    assert end is not None
    assert end.cause == "StartTimeout"
    assert "0 of 1 candidate pods were ready" in end.message
    assert set(seen) == {0}
    assert world.pods("v1") == 4


@pytest.mark.parametrize(("replicas", "pods"), [(1, 1), (2, 2), (10, 2)])
def test_the_fewest_pods_are_never_more_than_stable_has(replicas: int, pods: int) -> None:
    """Case A10."""
    strategy = {"stages": [{"name": "few", "weight": 5}], "minPods": 2}
    read = RolloutSpec.model_validate(spec(strategy=strategy, serving={"replicas": replicas}))
    assert step_pods(read, step_at(read, 0), replicas) == pods


def test_a_weight_stays_until_the_pods_for_the_next_are_there() -> None:
    """Case A5."""
    world = asking(TEN, HALF, room={"v2": 1})
    world.run(60, until=at("ten"))
    world.run(60)
    assert (world.share("v2"), world.pods("v2")) == (10, 2)
    assert world.plan is not None
    assert world.plan.situation.reason == "Starting"
    assert world.plan.situation.message == "v2: 1 of 2 pods ready for 2/2 half"
    assert world.plan.proven is True
    world.room.clear()
    world.run(10, until=at("half", proven=False))
    assert world.share("v2") == 50


def test_what_is_seen_while_pods_are_waited_for_is_recorded() -> None:
    """A restart goes on from it, and a wait for a node may be long."""
    world = asking(TEN, HALF, room={"v2": 1})
    world.run(300)
    assert at("ten")(world)
    assert world.status.analysis is not None
    assert world.now - moment(world.status.analysis.at) <= 61
    assert world.status.traffic is not None
    assert world.status.traffic.observed is not None


def test_an_order_waits_for_pods_too() -> None:
    world = asking({**TEN, "minDuration": "10m"}, HALF, room={"v2": 1})
    world.run(60, until=at("ten"))
    world.order("skip-stage")
    world.run(20)
    assert at("ten")(world)
    assert world.status.handled == []
    world.room.clear()
    world.run(5)
    assert at("half", proven=False)(world)


@pytest.mark.parametrize(
    ("stages", "pods"),
    [
        ([GATE, HALF], 2),
        ([GATE], 4),
        ([{"name": "copy", "shadow": 60}, TEN], 3),
        ([{"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}}, HALF], 4),
        ([{"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}}, GATE, HALF], 4),
    ],
)
def test_stages_without_a_weight_have_the_pods_that_fit_them(stages: list[dict[str, Any]], pods: int) -> None:
    world = asking(*({**stage, "minDuration": "10m"} for stage in stages))
    world.run(20)
    assert at(stages[0]["name"], proven=False)(world), transcript(world)
    assert world.pods("v2") == pods


def test_replicas_edited_in_the_middle_count_at_once_for_both() -> None:
    """Case A12: 4 -> 8 at a quarter gives 2 and 8, and less again when that falls."""
    world = asking({**QUARTER, "minDuration": "10m"}, HALF)
    world.run(60, until=at("quarter"))
    assert (world.pods("v1"), world.pods("v2")) == (4, 1)
    proven = world.status.stage.proven_at if world.status.stage else None
    for replicas, candidates in ((8, 2), (4, 1), (1, 1), (8, 2)):
        world.edit(serving={"replicas": replicas})
        world.run(10)
        assert (world.pods("v1"), world.pods("v2"), world.share("v2")) == (replicas, candidates, 25)
    assert world.status.stage is not None
    assert world.status.stage.proven_at == proven, "more pods are no other weight"


@pytest.mark.parametrize("more", [{}, {"traffic": {"replicas": {}}}], ids=["gateway", "pods"])
@pytest.mark.parametrize("next_one", [[{"name": "most", "weight": 90, "minDuration": "10m"}], []], ids=["90%", "all"])
def test_fewer_replicas_in_the_moment_of_a_step_take_no_pod_that_the_step_needs(
    more: dict[str, Any], next_one: list[dict[str, Any]]
) -> None:
    """10 -> 4 and `skip-stage` at half in one pass: five pods are ready, the step takes three or more, half two."""
    world = watched(serving("v1", spec=spec(serving={"replicas": 10}, **more)))
    world.edit(modelVersion="v2", strategy=ladder({**HALF, "minDuration": "10m"}, *next_one))
    world.run(60, until=at("half"))
    world.edit(serving={"replicas": 4})
    world.order("skip-stage")
    parts = []
    for _ in range(20):
        world.run(0.5)
        parts.append(world.share("v2") / sum(weights(world.route).values()))
        assert world.pods("v2") >= 3
    assert parts == sorted(parts), "what was given was taken back"
    assert parts[-1] >= 0.75


def test_a_candidate_keeps_its_pods_when_the_ladder_is_cut() -> None:
    world = asking(TEN, {**HALF, "minDuration": "10m"})
    world.run(60, until=at("half"))
    world.edit(strategy=ladder({**TEN, "minDuration": "10m"}))
    world.run(20)
    assert (world.share("v2"), world.pods("v2")) == (10, 2)


def test_pods_scaled_by_hand_are_put_right() -> None:
    world = asking({**HALF, "minDuration": "10m"})
    world.run(60, until=at("half"))
    world.revisions[revision(world, "v2")].scale(3, world.now)
    world.revisions[revision(world, "v1")].scale(9, world.now)
    world.run(1)
    assert (world.pods("v1"), world.pods("v2")) == (4, 2)


def test_the_deadline_is_about_the_pods_that_are_needed_now() -> None:
    world = asking(TEN, HALF, room={"v2": 1})
    world.edit(suspend=True, serving={"replicas": 4, "startup": {"timeout": "30s"}})
    world.run(300)
    assert not taken_back(world), transcript(world)
    world.edit(suspend=False)
    world.run(300)
    assert not taken_back(world), "pods of the next stage that do not come hold, while what serves serves"
    assert at("ten")(world)


def test_weight_follows_the_pods_that_are_left_and_comes_back_with_them() -> None:
    world = asking(TEN, {**HALF, "minDuration": "10s"})
    world.run(60, until=at("half"))
    world.room["v2"] = 1
    world.run(0.5)
    assert world.share("v2") == 25
    assert world.plan is not None
    assert world.plan.situation.reason == "WaitingForCapacity"
    assert (
        world.plan.situation.message
        == "2/2 half: 1 of 2 pods of v2 ready, so it gets 25% of the requests instead of 50%"
    )
    traffic, stage = world.status.traffic, world.status.stage
    assert traffic is not None
    assert stage is not None
    assert (traffic.desired, traffic.reduced, traffic.pods, stage.proven_at) == (50, 25, 2, None)
    world.run(120)
    assert world.share("v2") == 25
    world.room.clear()
    world.run(1)
    assert world.share("v2") == 50
    assert "2/2 half: 2 pods of v2 are ready again" in transcript(world)
    world.run(10, until=at("half"))
    assert world.status.traffic is not None
    assert world.status.traffic.reduced is None
    world.run(120, until=promoted)
    assert promoted(world), transcript(world)
    assert world.failed_by_route == 0


def test_losing_pods_is_told_once_and_written_once() -> None:
    world = asking({**HALF, "minDuration": "10m"})
    world.run(60, until=at("half"))
    told: list[str] = []
    world.checks.append(lambda one: told.extend(e.message for e in one.plan.events) if one.plan else None)
    world.room["v2"] = 1
    world.run(1)
    writes = world.writes
    world.run(60)
    assert world.writes == writes
    assert [message for message in told if "instead of" in message] == [
        "1/1 half: 1 of 2 pods of v2 ready, so it gets 25% of the requests instead of 50%"
    ]


def test_pods_lost_need_no_metrics_and_their_return_does() -> None:
    world = asking({**HALF, "minDuration": "10m"})
    world.run(60, until=at("half"))
    world.prometheus_up = False
    world.room["v2"] = 1
    world.run(1)
    assert world.share("v2") == 25
    world.room.clear()
    world.run(120)
    assert world.share("v2") == 25
    world.prometheus_up = True
    world.run(5)
    assert world.share("v2") == 50


@pytest.mark.parametrize("suspend", [False, True])
def test_a_lower_ladder_gives_pods_that_are_back_nothing_more_while_metrics_are_silent(suspend: bool) -> None:
    world = asking({**QUARTER, "minDuration": "3s"}, {"name": "most", "weight": 75, "minDuration": "10m"})
    world.run(120, until=at("most"))
    world.room["v2"] = 1
    world.run(10, until=lambda one: one.share("v2") == 25)
    world.prometheus_up = False
    world.room.clear()
    world.run(70)
    world.edit(suspend=suspend, strategy=ladder({**HALF, "minDuration": "10m"}))
    world.run(10)
    assert world.share("v2") == 25, transcript(world)
    assert world.status.traffic is not None
    assert (world.status.traffic.desired, world.status.traffic.reduced) == (50, 25)
    world.prometheus_up = True
    world.run(10)
    assert world.share("v2") == 50


@pytest.mark.parametrize(("stable", "share"), [(0, 50), (2, 50), (3, 25), (4, 25)])
def test_lost_pods_give_to_stable_what_its_own_can_carry(stable: int, share: int) -> None:
    world = asking({**HALF, "minDuration": "10m"})
    world.run(60, until=at("half"))
    world.room |= {"v1": stable, "v2": 1}
    world.run(5)
    assert world.share("v2") == share


def test_the_last_step_takes_lost_pods_into_account() -> None:
    world = asking(HALF)
    world.run(60, until=lambda one: one.share("v2") == 100)
    world.gateway_up = False
    world.room["v2"] = 3
    world.run(1)
    assert world.share("v2") == 75
    assert not promoted(world)
    world.room.clear()
    world.gateway_up = True
    world.run(30, until=promoted)
    assert promoted(world), transcript(world)


@pytest.mark.parametrize("back", [False, True])
def test_a_kill_while_pods_are_lost_or_come_back_ends_in_the_same_place(back: bool) -> None:
    for kill in range(5):
        world = asking({**HALF, "minDuration": "10s"})
        world.run(60, until=at("half"))
        world.room["v2"] = 1
        if back:
            world.run(5)
            world.room.clear()
        world.crash_after = kill
        world.run(3)
        assert world.share("v2") == (50 if back else 25)
        world.room.clear()
        world.run(120, until=promoted)
        assert promoted(world), transcript(world)
        assert world.failed_by_route == 0


def test_stable_pods_that_fail_hold_every_step_forward() -> None:
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    world.room["v1"] = 3
    world.run(60)
    assert world.share("v2") == 10
    assert world.plan is not None
    assert world.plan.situation.reason == "WaitingForCapacity"
    assert "3 of 4 pods of v1 are ready" in world.plan.situation.message
    world.room.clear()
    world.run(60, until=promoted)
    assert promoted(world)


def test_a_rollback_goes_to_the_stable_pods_that_are_left() -> None:
    """Cases B4 and B6."""
    world = asking(HALF)
    world.run(60, until=at("half", proven=False))
    world.room["v1"] = 1
    world.order("abort")
    world.run(0.5)
    assert reached(world.route) == {revision(world, "v1")}
    assert world.status.outcome is not None
    assert "capacity is reduced: 1 of 4 pods of v1 are ready" in world.status.outcome.message


def test_after_an_abort_replicas_are_the_stable_versions() -> None:
    """Case B8."""
    world = asking(HALF)
    world.run(60, until=at("half", proven=False))
    world.order("abort")
    world.run(30)
    world.edit(serving={"replicas": 1})
    world.run(5)
    assert (world.share("v1"), world.pods("v1"), world.pods("v2")) == (100, 1, 0)


@pytest.mark.parametrize("asked", ["v1", "v3"])
def test_nothing_is_taken_from_the_only_version_that_answers(asked: str) -> None:
    """Cases C3 and C5: weights stay until stable has a pod to take them."""
    world = asking({**HALF, "minDuration": "10m"})
    world.run(60, until=at("half"))
    world.room.update(v1=0, v3=0)
    world.ask(asked)
    world.run(10)
    assert world.share("v2") == 50
    assert "v2 keeps its traffic although it should go" in transcript(world)
    world.room.clear()
    world.run(1)
    assert world.share("v1") == 100


def test_from_good_to_bad_to_another_bad_and_back() -> None:
    """Case C8."""
    world = asking(TEN, HALF, crashes={"v2"})
    world.run(30, until=taken_back)
    world.room["v3"] = 0
    world.ask("v3")
    world.run(30)
    assert [world.pods(version) for version in ("v1", "v2", "v3")] == [4, 0, 1]
    world.ask("v1")
    world.run(30)
    assert [world.pods(version) for version in ("v1", "v2", "v3")] == [4, 0, 0]
