"""Would catch: a state that no transcript enters, and so nobody can read about."""

from functools import cache

import pytest

from tests.simulation.cases import CASES
from tests.simulation.entered import STATES, Entered

SHOWN_BY = {
    "Handing back": "an_abort_hands_back_what_stable_can_carry",
    "Deleting": "deleted_at_half",
    "Stranded": "a_third_version_while_stable_cannot_answer",
    "Rolling back": "an_abort_takes_all_back_at_once",
    "Returning unresolved": "the_stable_version_is_asked_for_again_and_its_model_version_is_gone",
    "Holding": "a_model_version_is_deleted_at_ten_percent_and_comes_back",
    "Not admitted": "a_first_version_for_a_gateway_that_is_not_there",
    "Beginning": "a_first_version_serves_at_once",
    "Settled": "a_first_version_serves_at_once",
    "Taken back": "an_abort_takes_all_back_at_once",
    "Called off": "an_abort_before_the_version_that_is_asked_for_is_known",
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


@cache
def entered(case: str) -> frozenset[str]:
    """The states that a rollout enters."""
    (played,) = (one for one in CASES if one.name == case)
    with pytest.MonkeyPatch.context() as patch:
        found = Entered(patch)
        played.on(checks=[found.see])
    return frozenset(found.reasons)


def test_every_state_has_a_transcript() -> None:
    assert list(SHOWN_BY) == list(STATES)


@pytest.mark.parametrize(("state", "case"), SHOWN_BY.items(), ids=SHOWN_BY.keys())
def test_the_transcript_enters_the_state(state: str, case: str) -> None:
    assert state in entered(case)
