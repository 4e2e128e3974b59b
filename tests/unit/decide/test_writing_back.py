"""Would catch a registry that is told something untrue, twice, or not at all."""

from typing import Any

import pytest
from crossfade.api.v1alpha1.writeback import MOST_DOUBTS, MOST_MODELS, MOST_OUTCOMES, GivenAlias, WriteBack, Written
from crossfade.decide.writing_back import Telling, acknowledged, doubted, telling
from crossfade.model.writing import Approve, Deed, Ended, Point, Registered, Release, Stage, Tag, Told

ALL = WriteBack(champion="champion", challenger="challenger", tags="Outcome")
ALIASES = WriteBack(champion="champion", challenger="challenger")


def of(version: int, model: str = "churn") -> Registered:
    return Registered(model, str(version), f"sha256:{version:064x}", f"models:/{model}/{version}")


def ended(version: int, result: str = "Promoted", at: int = 0, model: str = "churn") -> Ended:
    return Ended(
        of(version, model),
        result,
        "StagesPassed",
        "it was good",
        f"fraud-{version}",
        f"2026-01-01T00:00:{at:02}.000000Z",
    )


def says(
    stable: int | None = None,
    candidate: int | None = None,
    *ends: Ended,
    rollout: str = "ml/fraud",
    model: str = "churn",
) -> Told:
    return Told(rollout, of(stable, model) if stable else None, of(candidate, model) if candidate else None, ends)


def point(alias: Any, version: int, model: str = "churn") -> Point:
    return Point(model, alias, alias, str(version))


def after(asked: WriteBack, *steps: Told | list[Told]) -> tuple[Telling, list[Deed]]:
    """What is left at the end where all was acknowledged at each step, and the deeds of the last one."""
    written: list[Written] = []
    deeds: tuple[Deed, ...] = ()
    told: list[Told] = []
    for step in steps:
        told = step if isinstance(step, list) else [step]
        first = telling(asked, told, written)
        deeds = first.deeds
        written = acknowledged(first.kept, deeds)
    return telling(asked, told, written), list(deeds)


def test_what_is_stable_is_the_champion_and_what_is_rolled_out_the_challenger() -> None:
    assert after(ALIASES, says(1))[1] == [point("champion", 1)]
    assert after(ALIASES, says(1), says(1, 2))[1] == [point("challenger", 2)]


def test_at_the_end_the_champion_moves_and_the_challenger_goes() -> None:
    promoted, rolled_back = says(2), says(1)
    assert after(ALIASES, says(1), says(1, 2), promoted)[1] == [
        point("champion", 2),
        Release("churn", "challenger", "challenger", "2"),
    ]
    assert after(ALIASES, says(1), says(1, 2), rolled_back)[1] == [Release("churn", "challenger", "challenger", "2")]


def test_what_was_acknowledged_is_not_written_again() -> None:
    """Whoever moved the alias since has the last word until there is news."""
    for steps in ([says(1)], [says(1), says(1, 2)], [says(1, 2), says(2, None, ended(2))], [says(1), []]):
        left, _ = after(ALL, *steps)
        assert left.deeds == ()


def test_what_was_not_acknowledged_is_wanted_again_and_what_is_over_is_not() -> None:
    """A registry that was away for a whole rollout is told its end alone."""
    assert telling(ALIASES, [says(1, 2)], []).deeds == (point("champion", 1), point("challenger", 2))
    assert telling(ALIASES, [says(2)], []).deeds == (point("champion", 2),)


def test_the_stage_goes_with_what_is_stable_there_and_back_and_who_had_it_by_this_is_archived() -> None:
    asked = WriteBack(stage="Production")
    assert after(asked, says(1))[1] == [Stage("churn", "Production", "1")]
    assert after(asked, says(1), says(1, 2))[1] == []
    assert after(asked, says(1), says(2))[1] == [Stage("churn", "Production", "2", "1")]
    assert after(asked, says(1), says(2), says(1))[1] == [Stage("churn", "Production", "1", "2")]
    left, _ = after(asked, says(1), says(2))
    assert left.deeds == ()


def test_a_champion_that_may_have_moved_is_moved_back_where_the_one_before_is_stable_again() -> None:
    """The registry took it and its answer got lost; then the way back was taken."""
    written = acknowledged([], [point("champion", 1)])
    written = doubted(written, point("champion", 2))
    assert telling(ALIASES, [says(1)], written).deeds == (point("champion", 1),)
    assert telling(ALIASES, [says(2)], written).deeds == (point("champion", 2),)
    assert telling(ALIASES, [says(1)], acknowledged(written, [point("champion", 1)])).deeds == ()


def test_a_challenger_that_may_have_been_given_is_taken_away_of_all_that_may_have_it() -> None:
    gone = [Release("churn", "challenger", "challenger", str(version)) for version in (2, 3, 4)]
    written = acknowledged([], [point("champion", 1), point("challenger", 2)])
    for version in (3, 4, 3, 4):
        written = doubted(written, point("challenger", version))
    assert telling(ALIASES, [says(1, 2)], written).deeds == (point("challenger", 2),)
    assert telling(ALIASES, [says(1)], written).deeds == tuple(gone)
    assert telling(ALIASES, [], written).deeds == tuple(gone)
    for left in (gone[1:], gone[2:], []):
        written = acknowledged(written, [one for one in gone if one not in left])
        assert telling(ALIASES, [says(1)], written).deeds == tuple(left)


def test_a_challenger_that_may_have_lost_its_alias_gets_it_again() -> None:
    written = acknowledged([], [point("champion", 1), point("challenger", 2)])
    written = doubted(written, Release("churn", "challenger", "challenger", "2"))
    assert telling(ALIASES, [says(1, 2)], written).deeds == (point("challenger", 2),)
    renamed = WriteBack(champion="champion", challenger="next")
    assert telling(renamed, [says(1, 2)], written).deeds == (Release("churn", "challenger", "challenger", "2"),)


def test_who_may_be_in_the_stage_is_taken_out_again() -> None:
    asked = WriteBack(stage="Production")
    written = doubted(acknowledged([], [Stage("churn", "Production", "1")]), Stage("churn", "Production", "2", "1"))
    assert telling(asked, [says(2)], written).deeds == (Stage("churn", "Production", "2", "1"),)
    assert telling(asked, [says(1)], written).deeds == (Stage("churn", "Production", "1", "2"),)
    both = (Stage("churn", "Production", "3", "1"), Stage("churn", "Production", "3", "2"))
    assert telling(asked, [says(3)], written).deeds == both
    assert telling(asked, [says(3)], acknowledged(written, both[:1])).deeds == both[1:]
    assert telling(asked, [says(3)], acknowledged(written, both)).deeds == ()


def test_there_is_an_end_to_doubts_and_outcomes_need_none() -> None:
    written: list[Written] = []
    for version in range(20):
        written = doubted(written, point("challenger", version))
    assert len(written[0].doubtful) == MOST_DOUBTS
    (tag,) = (deed for deed in telling(ALL, [says(1, None, ended(1))], []).deeds if isinstance(deed, Tag))
    assert doubted(written, tag) == written


def test_what_is_in_a_stage_of_another_name_stays_there() -> None:
    written = acknowledged([], telling(WriteBack(stage="Staging"), [says(1)], []).deeds)
    assert telling(WriteBack(stage="Production"), [says(2)], written).deeds == (Stage("churn", "Production", "2"),)


def test_rollouts_that_differ_move_no_stage_and_are_named() -> None:
    found = telling(WriteBack(stage="Production"), [says(1, rollout="ml/a"), says(2, rollout="ml/b")], [])
    assert found.deeds == ()
    assert "so its stage Production stays where it is" in found.differing


def test_the_outcome_is_in_the_tags_of_its_version_with_what_shows_it() -> None:
    bad, first = ended(2, "RolledBack", 5), ended(1, at=1)
    deeds = telling(WriteBack(tags="Outcome"), [says(1, None, bad, first)], []).deeds
    assert [(deed.model, deed.version) for deed in deeds] == [("churn", "2"), ("churn", "1")]
    (newest, _) = deeds
    assert isinstance(newest, Tag)
    assert newest.record == {
        "outcome": "RolledBack",
        "reason": "StagesPassed: it was good",
        "rollout": "ml/fraud",
        "evidence": "ml/fraud/fraud-2",
        "at": "2026-01-01T00:00:05.000000Z",
        "digest": of(2).digest,
    }


def test_what_was_told_by_the_release_before_is_not_told_again() -> None:
    """Its fingerprint was of MLflow's names."""
    (deed,) = telling(WriteBack(tags="Outcome"), [says(2, None, ended(2, at=5))], []).deeds
    assert isinstance(deed, Tag)
    assert deed.fingerprint == "ecf2979cabfd2639"


def test_the_address_of_the_evidence_is_filled_in_and_told_with_the_outcome() -> None:
    at = "https://grafana/d/r?ns={namespace}&rollout={rollout}&rev={revision}&to={at}&again={revision}"
    asked = WriteBack(tags="Outcome", evidence=at)
    filled = "https://grafana/d/r?ns=ml&rollout=fraud&rev=fraud-2&to=2026-01-01T00%3A00%3A05.000000Z&again=fraud-2"
    told = says(1, None, ended(2, "RolledBack", 5))
    (deed,) = telling(asked, [told], []).deeds
    assert isinstance(deed, Tag)
    assert deed.record["link"] == filled
    (verdict,) = telling(WriteBack(approval="Outcome", evidence=at), [told], []).deeds
    assert isinstance(verdict, Approve)
    assert f"({filled}): it was good" in verdict.why
    left, _ = after(asked, told)
    assert left.deeds == ()
    (again,) = telling(WriteBack(tags="Outcome", evidence="https://elsewhere"), [told], left.kept).deeds
    assert isinstance(again, Tag)
    assert again.record["link"] == "https://elsewhere"


def test_another_address_of_the_evidence_overrules_nobody_who_approved_or_rejected_since() -> None:
    told = says(1, None, ended(2, "RolledBack", 5))
    left, _ = after(WriteBack(approval="Outcome"), told)
    asked = WriteBack(approval="Outcome", evidence="https://grafana/{rollout}")
    assert telling(asked, [told], left.kept).deeds == ()
    (verdict,) = telling(asked, [says(1, None, ended(2, "RolledBack", 6))], left.kept).deeds
    assert isinstance(verdict, Approve)
    assert "(https://grafana/fraud)" in verdict.why


def test_a_verdict_is_an_approval_and_an_order_of_people_is_none() -> None:
    ends = [
        ended(number, result, number)
        for number, result in enumerate(("Promoted", "RolledBack", "Aborted", "Superseded", "FastRolledBack"), 1)
    ]
    left, deeds = after(WriteBack(approval="Outcome"), says(1, None, *ends))
    approved = {deed.version: deed.approved for deed in deeds if isinstance(deed, Approve)}
    assert approved == {"1": True, "2": False, "5": True}
    assert len(deeds) == 3
    assert left.deeds == ()
    (deed,) = telling(WriteBack(approval="Outcome"), [says(1, None, ended(2, "RolledBack", 7))], []).deeds
    assert isinstance(deed, Approve)
    assert (deed.uri, deed.why) == (
        "models:/churn/2",
        "RolledBack by the Rollout ml/fraud at 2026-01-01T00:00:07.000000Z: it was good",
    )


def test_of_several_outcomes_of_a_version_the_newest_is_told_whoever_had_it() -> None:
    told = [
        says(1, None, ended(2, "RolledBack", 1), rollout="ml/a"),
        says(2, None, ended(2, "Promoted", 2), ended(2, "Aborted", 0), rollout="ml/b"),
    ]
    for order in (told, told[::-1]):
        (deed,) = telling(WriteBack(tags="Outcome"), order, []).deeds
        assert isinstance(deed, Tag)
        assert deed.record["outcome"] == "Promoted"
        assert deed.record["rollout"] == "ml/b"


def test_rollouts_of_one_model_that_differ_leave_the_alias_where_it_is_and_are_named() -> None:
    one, ahead, other = says(1, rollout="ml/a"), says(2, rollout="ml/a"), says(1, rollout="ml/b")
    left, deeds = after(ALIASES, [one, other], [ahead, other])
    assert deeds == []
    assert "ml/a version 2; ml/b version 1" in left.differing
    assert "alias champion stays where it is" in left.differing
    agreed, deeds = after(ALIASES, [one, other], [ahead, other], [ahead, says(2, rollout="ml/b")])
    assert deeds == [point("champion", 2)]
    assert agreed.differing == ""


def test_two_candidates_of_one_model_move_and_release_no_challenger() -> None:
    both = [says(1, 2, rollout="ml/a"), says(1, 3, rollout="ml/b")]
    left, deeds = after(ALIASES, says(1, 2, rollout="ml/a"), both)
    assert deeds == []
    assert "ml/a version 2; ml/b version 3" in left.differing
    assert after(ALIASES, both, says(1, 3, rollout="ml/b"))[1] == [point("challenger", 3)]


def test_rollouts_that_do_not_matter_to_what_is_asked_differ_in_peace() -> None:
    assert telling(WriteBack(tags="Outcome"), [says(1, rollout="ml/a"), says(2, rollout="ml/b")], []).differing == ""


def test_a_rollout_that_goes_leaves_its_champion_and_takes_its_challenger_away() -> None:
    left, deeds = after(ALIASES, says(1, 2), [])
    assert deeds == [Release("churn", "challenger", "challenger", "2")]
    assert left.deeds == ()
    assert left.kept == (Written(name="churn", champion=GivenAlias(alias="champion", version="1")),)


def test_another_name_for_an_alias_is_written_and_the_challengers_old_one_goes() -> None:
    known = acknowledged([], [point("champion", 1), point("challenger", 2)])
    renamed = WriteBack(champion="live", challenger="candidate")
    first = telling(renamed, [says(1, 2)], known).deeds
    live, gone = Point("churn", "champion", "live", "1"), Release("churn", "challenger", "challenger", "2")
    assert first == (live, gone)
    assert telling(renamed, [says(1, 2)], acknowledged(known, [live])).deeds == (gone,), "as long as it is refused"
    assert telling(renamed, [says(1, 2)], acknowledged(known, first)).deeds == (
        Point("churn", "challenger", "candidate", "2"),
    )


def test_a_rollout_that_is_not_seen_for_one_look_is_no_reason_to_take_the_alias_back_from_who_moved_it() -> None:
    left, _ = after(ALL, says(1, None, ended(1)), [], says(1, None, ended(1)))
    assert left.deeds == ()
    assert after(ALL, says(1, None, ended(1)), [], says(1, None, ended(1)))[1] == []


def test_a_way_of_serving_that_fails_is_no_verdict_on_the_model_that_serves() -> None:
    """`serving` is part of a revision: another image that does not start is a rollout of the version in production."""
    for asked in (WriteBack(approval="Outcome"), WriteBack(tags="Outcome")):
        for result in ("RolledBack", "Promoted", "Aborted", "Superseded"):
            served = says(6, None, ended(6, result, 5), ended(6, "Promoted", 1))
            (deed,) = telling(asked, [served], []).deeds
            assert isinstance(deed, Tag | Approve)
            assert deed.at == ended(6, at=1).at, "only how it came to be stable is told"
        assert telling(asked, [says(6, None, ended(6, "RolledBack", 5))], []).deeds == ()
    replaced = says(7, None, ended(7, "Promoted", 6), ended(6, "RolledBack", 5), ended(6, "Promoted", 1))
    deeds = telling(WriteBack(approval="Outcome"), [replaced], []).deeds
    assert [(deed.version, deed.approved) for deed in deeds if isinstance(deed, Approve)] == [("7", True), ("6", True)]


def test_a_version_that_comes_again_after_another_is_judged_again() -> None:
    again = says(7, None, ended(6, "RolledBack", 9), ended(7, "Promoted", 5), ended(6, "Promoted", 1))
    deeds = telling(WriteBack(approval="Outcome"), [again], []).deeds
    assert [(deed.version, deed.approved) for deed in deeds if isinstance(deed, Approve)] == [("6", False), ("7", True)]
    elsewhere = Ended(None, "Promoted", "c", "m", "r", "2026-01-01T00:00:07.000000Z")
    between = says(None, None, ended(6, "RolledBack", 9), elsewhere, ended(6, "Promoted", 1))
    (deed,) = telling(WriteBack(approval="Outcome"), [between], []).deeds
    assert isinstance(deed, Approve)
    assert not deed.approved, "what was stable came from another registry"


def test_what_a_full_history_has_no_room_for_makes_no_rejection() -> None:
    ends = [ended(7, "Promoted", 20), *(ended(8, "RolledBack", at) for at in range(18, 10, -1))]
    first, later = [*ends, ended(6, "RolledBack", 5)], [*ends[:1], ended(6, "RolledBack", 5)]
    for told, rejected in ((first, False), (later, True)):
        deeds = telling(WriteBack(approval="Outcome"), [says(7, None, *told)], []).deeds
        assert any(deed.version == "6" for deed in deeds) is rejected


def test_the_version_that_serves_challenges_nobody() -> None:
    assert telling(ALIASES, [says(1, 1)], []).deeds == (point("champion", 1),)


def test_a_rollout_that_is_deleted_turns_no_rejection_into_an_approval() -> None:
    for asked in (WriteBack(approval="Outcome"), WriteBack(tags="Outcome")):
        newest = says(6, None, ended(7, "RolledBack", 9), rollout="ml/a")
        older = says(7, None, ended(7, "Promoted", 3), rollout="ml/b")
        left, deeds = after(asked, [newest, older], [older])
        assert (left.deeds, deeds) == ((), [])
        later = says(7, None, ended(7, "Promoted", 11), rollout="ml/b")
        assert len(after(asked, [newest, older], [older], [later])[1]) == 1


def test_what_nobody_speaks_of_any_more_makes_room_for_what_is_spoken_of() -> None:
    old = [says(None, None, ended(number, at=number), rollout=f"ml/{number}") for number in range(1, MOST_OUTCOMES + 1)]
    left, _ = after(ALL, old, says(None, None, ended(99, at=50)))
    assert left.deeds == ()
    assert len(left.kept[0].outcomes) == MOST_OUTCOMES
    assert "1" not in left.kept[0].outcomes


@pytest.mark.parametrize("count", [MOST_MODELS, MOST_MODELS + 1])
def test_there_is_an_end_to_how_many_models_are_told_and_it_is_said(count: int) -> None:
    told = [says(1, rollout=f"ml/{number}", model=f"m{number:04}") for number in range(count)]
    left, _ = after(ALL, told)
    assert len(left.kept) == MOST_MODELS
    assert left.deeds == ()
    assert bool(left.left_out) == (count > MOST_MODELS)


def test_of_many_outcomes_the_newest_are_told() -> None:
    ends = [
        says(None, None, ended(number, at=number), rollout=f"ml/{number}") for number in range(1, MOST_OUTCOMES + 3)
    ]
    left, deeds = after(ALL, ends)
    assert len(deeds) == MOST_OUTCOMES == len(left.kept[0].outcomes)
    assert "1" not in left.kept[0].outcomes
    assert f"newest {MOST_OUTCOMES} outcomes" in left.left_out
    assert left.deeds == ()
