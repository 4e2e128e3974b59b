"""Would catch a registry that is told something untrue, twice, or not at all."""

from typing import Any

import pytest
from crossfade.api.v1alpha1.writeback import MOST_MODELS, MOST_OUTCOMES, WriteBack, Written
from crossfade.decide.writing_back import Telling, acknowledged, telling
from crossfade.model.writing import Approve, Deed, Ended, Point, Registered, Release, Tag, Told

ALL = WriteBack(champion="champion", challenger="challenger", tags="Outcome")
ALIASES = WriteBack(champion="champion", challenger="challenger")


def of(version: int, model: str = "churn") -> Registered:
    return Registered(model, str(version), f"sha256:{version:064x}", f"models:/{model}/{version}")


def ended(version: int, result: str = "Promoted", at: int = 0, model: str = "churn") -> Ended:
    return Ended(
        of(version, model), result, "StagesPassed", "it was good", f"fraud-{version}", f"2026-01-01T00:{at:02}Z"
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


def test_the_outcome_is_in_the_tags_of_its_version_with_what_shows_it() -> None:
    bad, first = ended(2, "RolledBack", 5), ended(1, at=1)
    deeds = telling(WriteBack(tags="Outcome"), [says(1, None, bad, first)], []).deeds
    assert [(deed.model, deed.version) for deed in deeds] == [("churn", "2"), ("churn", "1")]
    (newest, _) = deeds
    assert isinstance(newest, Tag)
    assert newest.tags == {
        "crossfade.dev/outcome": "RolledBack",
        "crossfade.dev/reason": "StagesPassed: it was good",
        "crossfade.dev/rollout": "ml/fraud",
        "crossfade.dev/evidence": "ml/fraud/fraud-2",
        "crossfade.dev/at": "2026-01-01T00:05Z",
        "crossfade.dev/digest": of(2).digest,
    }


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
        "RolledBack by the Rollout ml/fraud at 2026-01-01T00:07Z: it was good",
    )


def test_of_several_outcomes_of_a_version_the_newest_is_told_whoever_had_it() -> None:
    told = [
        says(1, None, ended(2, "RolledBack", 1), rollout="ml/a"),
        says(2, None, ended(2, "Promoted", 2), ended(2, "Aborted", 0), rollout="ml/b"),
    ]
    for order in (told, told[::-1]):
        (deed,) = telling(WriteBack(tags="Outcome"), order, []).deeds
        assert isinstance(deed, Tag)
        assert deed.tags["crossfade.dev/outcome"] == "Promoted"
        assert deed.tags["crossfade.dev/rollout"] == "ml/b"


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
    assert (left.deeds, left.kept) == ((), ())


def test_another_name_for_an_alias_is_written_and_the_challengers_old_one_goes() -> None:
    known = acknowledged([], [point("champion", 1), point("challenger", 2)])
    renamed = WriteBack(champion="live", challenger="candidate")
    assert telling(renamed, [says(1, 2)], known).deeds == (
        Point("churn", "champion", "live", "1"),
        Release("churn", "challenger", "challenger", "2"),
        Point("churn", "challenger", "candidate", "2"),
    )


@pytest.mark.parametrize("count", [MOST_MODELS, MOST_MODELS + 1])
def test_there_is_an_end_to_how_many_models_are_told_and_it_is_said(count: int) -> None:
    told = [says(1, rollout=f"ml/{number}", model=f"m{number:04}") for number in range(count)]
    left, _ = after(ALL, told)
    assert len(left.kept) == MOST_MODELS
    assert left.deeds == ()
    assert bool(left.left_out) == (count > MOST_MODELS)


def test_of_many_outcomes_the_newest_are_told() -> None:
    ends = [ended(number, at=number) for number in range(1, MOST_OUTCOMES + 3)]
    left, deeds = after(ALL, says(None, None, *ends))
    assert len(deeds) == MOST_OUTCOMES == len(left.kept[0].outcomes)
    assert "1" not in left.kept[0].outcomes
    assert f"newest {MOST_OUTCOMES} outcomes" in left.left_out
    assert left.deeds == ()
