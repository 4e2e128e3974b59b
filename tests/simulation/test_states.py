"""Would catch: a state that no transcript enters, and so nobody can read about; or one that is seen as what its table
does not say."""

from functools import cache
from typing import Any

import pytest
from crossfade.decide import progress, rollout
from crossfade.decide.state import State, first_of

from tests.simulation.cases import CASES
from tests.simulation.world import World

SHOWN_BY = {
    "Deleting": "deleted_at_half",
    "Stranded": "a_third_version_while_stable_cannot_answer",
    "Rolling back": "an_abort_takes_all_back_at_once",
    "Returning unresolved": "the_stable_version_is_asked_for_again_and_its_model_version_is_gone",
    "Holding": "a_model_version_is_deleted_at_ten_percent_and_comes_back",
    "Not admitted": "a_first_version_for_a_gateway_that_is_not_there",
    "Beginning": "a_first_version_serves_at_once",
    "Settled": "a_first_version_serves_at_once",
    "Taken back": "an_abort_takes_all_back_at_once",
    "Superseding": "a_third_version_at_eighty_percent",
    "Refused": "others_have_the_host_and_give_it_up",
    "Clearing": "a_third_version_at_eighty_percent",
    "Progressing": "a_third_version_at_eighty_percent",
    "Blocked": "another_writer_of_gits_route_is_not_written_against",
    "Relieved": "what_a_third_version_took_over_goes_back_when_it_cannot_be_judged",
    "Standing in": "what_a_third_version_took_over_goes_back_when_it_cannot_be_judged",
    "Starting": "a_third_version_at_eighty_percent",
    "Going back": "kept_pods_get_what_they_carry_when_the_others_come_late",
    "Entering": "a_third_version_at_eighty_percent",
    "Edited": "a_cohort_is_edited_away",
    "Reduced": "kept_pods_get_what_they_carry_when_the_others_come_late",
    "Waiting for pods": "more_pods_while_a_gate_holds",
    "Turned away": "a_gateway_goes_at_ten_percent_and_comes_back",
    "Skipping": "a_stage_is_skipped_by_name_then_aborted_then_tried_again",
    "Rewriting": "weights_set_by_hand_are_put_right",
    "Waiting for gateways": "a_third_version_at_eighty_percent",
    "Clearing up": "blue_green_with_a_preview",
    "Promoting": "a_third_version_at_eighty_percent",
    "Judging": "a_third_version_at_eighty_percent",
}
"""One case a state; its transcript shows what comes before and after."""
STATES: dict[str, State[Any]] = {one.name: one for one in rollout.STATES} | {one.name: one for one in progress.STEPS}


@cache
def entered(case: str) -> dict[str, set[str]]:
    """The states that a rollout enters, each with the reasons that it is seen as there."""
    found: dict[str, set[str]] = {}
    (played,) = (one for one in CASES if one.name == case)

    def listen(world: World) -> None:
        assert world.seen is not None
        passed: list[str] = []

        def named(states: tuple[State[Any], ...], seen: Any) -> State[Any]:
            state = first_of(states, seen)
            passed.append(state.name)
            return state

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rollout, "first_of", named)
            patch.setattr(progress, "first_of", named)
            plan = rollout.plan_rollout(world.seen)
        for name in passed:
            found.setdefault(name, set())
        found[passed[-1]].add(plan.situation.reason)

    played.on(checks=[listen])
    return found


def test_every_state_has_a_transcript() -> None:
    assert list(SHOWN_BY) == list(STATES)


@pytest.mark.parametrize(("state", "case"), SHOWN_BY.items(), ids=SHOWN_BY.keys())
def test_the_transcript_enters_the_state(state: str, case: str) -> None:
    assert state in entered(case)


@pytest.mark.parametrize("case", sorted(set(SHOWN_BY.values())))
def test_a_state_is_seen_as_what_its_table_says(case: str) -> None:
    for name, seen in entered(case).items():
        state = STATES[name]
        also = STATES["Entering"].seen if "as above" in state.does or "as below" in state.does else ()
        assert seen <= {*state.seen, *also}, name
