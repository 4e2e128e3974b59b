"""Catches stages that expose users to what was not asked for: shadows, cohorts, gates, fine weights, the bake."""

from typing import Any

import pytest

from tests.simulation.invariants import watched
from tests.simulation.world import World, beside, promoted, reached, serving, weights


def ladder(*stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"stages": [{"minDuration": "5s", **stage} for stage in stages], **more}


def asking(*stages: dict[str, Any], **knobs: Any) -> World:
    """A world in which v2 is asked for over v1, by these stages."""
    more = {key: knobs.pop(key) for key in ("weightScale", "bake", "onRollback") if key in knobs}
    world = watched(serving("v1", **knobs))
    world.edit(modelVersion="v2", strategy=ladder(*stages, **more))
    return world


def at(name: str, *, proven: bool = True) -> Any:
    def check(world: World) -> bool:
        stage = world.status.stage
        return stage is not None and stage.name == name and (not proven or stage.proven_at is not None)

    return check


def taken_back(world: World) -> bool:
    end = world.status.outcome
    return end is not None and end.result == "RolledBack"


def revision(world: World, version: str) -> str:
    return next(name for name, one in world.revisions.items() if one.arm[0] == version)


def transcript(world: World) -> str:
    return "\n".join(world.lines)


def test_a_shadow_gives_users_nothing_and_its_copies_are_judged() -> None:
    world = asking({"name": "copy", "shadow": 50}, {"name": "ten", "weight": 10})
    world.run(60, until=at("copy"))
    assert weights(world.route) == {revision(world, "v1"): 100}
    assert beside(world.route or {}, 0) == {revision(world, "v2"): 0.5}
    world.run(60, until=at("ten"))
    assert world.share("v2") == 10
    assert "filters" not in (world.route or {})["spec"]["rules"][0]
    world.run(120, until=promoted)
    assert promoted(world), transcript(world)


def test_a_version_that_is_worse_in_the_shadow_never_answers_a_user() -> None:
    world = asking({"name": "copy", "shadow": 100}, {"name": "ten", "weight": 10}, error_rate={"v2": 0.2})
    shares = []
    world.checks.append(lambda one: shares.append(one.share("v2")))
    world.run(120, until=taken_back)
    assert taken_back(world), transcript(world)
    assert set(shares) == {0}
    assert reached(world.route) == {revision(world, "v1")}


def test_a_cohort_alone_gets_the_candidate() -> None:
    headers = [{"name": "x-team", "value": "risk"}]
    world = asking({"name": "team", "match": {"headers": headers}}, {"name": "ten", "weight": 10}, cohort_rate=50.0)
    world.run(60, until=at("team"))
    users, cohort = (world.route or {})["spec"]["rules"]
    assert cohort["matches"][0]["headers"] == [{"type": "Exact", **headers[0]}]
    assert [one["name"] for one in cohort["backendRefs"]] == [revision(world, "v2")]
    assert "headers" not in users["matches"][0]
    assert weights(world.route) == {revision(world, "v1"): 100}
    world.run(120, until=promoted)
    assert promoted(world), transcript(world)
    assert len((world.route or {})["spec"]["rules"]) == 1


def test_a_cohort_that_sends_nothing_proves_nothing() -> None:
    world = asking(
        {"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}}, {"name": "a", "weight": 9}
    )
    world.run(300)
    assert at("team", proven=False)(world), transcript(world)
    assert not at("team")(world)


def test_blue_green_is_a_preview_that_somebody_lets_pass() -> None:
    """Case E1 of Argo Rollouts' and 12 of Flagger's: nothing, the preview's header, everything."""
    preview = {"name": "preview", "match": {"headers": [{"name": "x-preview", "value": "v2"}]}, "gate": "Manual"}
    world = asking(preview, cohort_rate=50.0)
    world.run(120)
    assert at("preview")(world)
    assert "waits for `crossfade.dev/advance`" in transcript(world)
    shares = []
    world.checks.append(lambda one: shares.append(one.share("v2")))
    world.order("advance", by="ann", reason="the answers look right")
    world.run(30, until=promoted)
    assert promoted(world), transcript(world)
    assert set(shares) <= {0, 100}


def test_a_gate_without_a_shape_keeps_what_was_given() -> None:
    """Case A2 and A3: a manual hold at ten percent, then everything goes on."""
    world = asking(
        {"name": "ten", "weight": 10}, {"name": "sign-off", "gate": "Manual"}, {"name": "half", "weight": 50}
    )
    world.run(400)
    assert at("sign-off")(world), transcript(world)
    assert world.share("v2") == 10
    world.order("advance")
    world.run(20, until=at("half"))
    assert world.share("v2") == 50


def test_a_gate_at_the_start_keeps_the_candidate_waiting_without_a_request() -> None:
    world = asking({"name": "sign-off", "gate": "Manual"}, {"name": "ten", "weight": 10})
    world.run(60)
    assert at("sign-off")(world), transcript(world)
    assert reached(world.route) == {revision(world, "v1")}
    assert world.ready(revision(world, "v2")) == 1


def test_a_version_that_goes_bad_behind_a_gate_is_rolled_back() -> None:
    world = asking({"name": "ten", "weight": 10, "gate": "Manual"})
    world.run(60, until=at("ten"))
    world.error_rate["v2"] = 0.3
    world.run(120, until=taken_back)
    assert taken_back(world), transcript(world)


def test_a_gate_that_nobody_passes_in_its_time_is_a_rollback_if_it_says_so() -> None:
    gate = {"name": "sign-off", "gate": "Manual", "maxDuration": "60s", "onInconclusive": "Rollback"}
    world = asking({"name": "ten", "weight": 10}, gate)
    world.run(300, until=taken_back)
    end = world.status.outcome
    assert end is not None
    assert (end.result, end.cause) == ("RolledBack", "GateNotPassed")
    assert "nobody passed the gate" in end.message


def test_a_gate_whose_share_nobody_has_seen_opens_to_no_word_and_leaves_stable_what_it_had() -> None:
    """No request comes any more, so no share can be proven: `advance` stays open, and acts when some come."""
    world = asking({"name": "ten", "weight": 10, "gate": "Manual"}, {"name": "half", "weight": 50})
    world.run(60, until=at("ten", proven=False))
    world.rate = 0.0
    world.order("advance", "whatever")
    world.run(300)
    assert at("ten", proven=False)(world), transcript(world)
    assert (world.share("v1"), world.ready(revision(world, "v1"))) == (90, 2)
    assert [one.verb for one in world.status.handled] == []
    world.rate = 1000.0
    world.run(120, until=at("half"))
    assert [(one.token, one.effect) for one in world.status.handled] == [("whatever", "Obeyed")], transcript(world)


def test_a_gate_that_cannot_be_proven_is_skipped_by_name_or_left_by_an_abort() -> None:
    world = asking({"name": "ten", "weight": 10, "gate": "Manual"}, {"name": "half", "weight": 50})
    world.run(60, until=at("ten", proven=False))
    world.rate = 0.0
    world.order("skip-stage")
    world.run(10)
    assert at("half", proven=False)(world), transcript(world)
    world.order("abort")
    world.run(2)
    assert (world.share("v1"), world.failed_by_route) == (100, 0)


@pytest.mark.parametrize(("scale", "weight", "stored"), [(1000, 5, (995, 5)), (10000, 25, (9975, 25))])
def test_weights_below_a_percent_are_written_exactly(scale: int, weight: int, stored: tuple[int, int]) -> None:
    """Case E10: of a thousand, five."""
    world = asking({"name": "few", "weight": weight}, weightScale=scale, rate=20000.0)
    world.run(60, until=at("few"))
    assert tuple(weights(world.route).values()) == stored
    assert world.status.traffic is not None
    assert (world.status.traffic.desired, world.status.traffic.scale) == (weight, scale)
    world.run(200, until=promoted)
    assert promoted(world), transcript(world)


def test_the_bake_keeps_a_small_stable_arm_for_its_time_and_then_promotes() -> None:
    world = asking({"name": "half", "weight": 50}, bake={"duration": "60s", "holdback": 2})
    world.run(120, until=at("bake"))
    began = world.now
    assert tuple(weights(world.route).values()) == (2, 98)
    world.run(300, until=promoted)
    assert promoted(world), transcript(world)
    assert 60 <= world.now - began <= 64
    assert "WITHOUT" not in transcript(world)


def test_what_goes_bad_in_the_bake_is_rolled_back() -> None:
    world = asking({"name": "half", "weight": 50}, bake={"duration": "10m", "holdback": 5})
    world.run(120, until=at("bake"))
    world.error_rate["v2"] = 0.2
    world.run(240, until=taken_back)
    assert taken_back(world), transcript(world)
    assert world.share("v1") == 100


@pytest.mark.parametrize(("keep", "gone_after"), [({}, 15), ({"onRollback": {"keepCandidate": "2m"}}, 125)])
def test_a_candidate_that_was_rolled_back_is_kept_for_as_long_as_asked(keep: dict[str, Any], gone_after: int) -> None:
    """Cases B1 and B2: without a wish its pods drain and go."""
    world = asking({"name": "half", "weight": 50}, error_rate={"v2": 0.3}, **keep)
    world.run(120, until=taken_back)
    began = world.now
    world.run(300, until=lambda one: len(one.revisions) == 1)
    assert gone_after - 5 <= world.now - began <= gone_after + 5


def test_a_stage_moved_by_an_edit_of_others_keeps_its_clock() -> None:
    """Case C6: editing what comes later, or came before, neither restarts nor skips the stage that runs."""
    world = asking({"name": "ten", "weight": 10, "minDuration": "40s"}, {"name": "half", "weight": 50})
    world.run(60, until=at("ten"))
    proven = world.status.stage.proven_at if world.status.stage else None
    world.run(10)
    before = {"name": "one", "weight": 1}
    world.edit(
        strategy=ladder(before, {"name": "ten", "weight": 10, "minDuration": "40s"}, {"name": "x", "weight": 60})
    )
    world.run(5)
    stage = world.status.stage
    assert stage is not None
    assert (stage.name, stage.index, stage.summary, stage.proven_at) == ("ten", 1, "2/3 ten", proven)
    world.run(60, until=at("x"))
    assert world.share("v2") == 60


def test_a_gate_is_never_skipped_by_an_edit() -> None:
    world = asking(
        {"name": "ten", "weight": 10}, {"name": "sign-off", "gate": "Manual"}, {"name": "half", "weight": 50}
    )
    world.run(400, until=at("sign-off"))
    world.edit(
        strategy=ladder(
            {"name": "ten", "weight": 10}, {"name": "ask", "gate": "Manual"}, {"name": "half", "weight": 50}
        )
    )
    world.run(200)
    assert at("ask")(world), transcript(world)
    assert world.share("v2") == 10
