"""Would catch: any change in what a whole rollout decides, writes or says, by the cases of other systems' tests; and a
route that others changed and nobody is told of, or a change of our own that is taken for theirs; and a status on the
way that Argo CD would show otherwise than a person expects, or than Flux and Helm read it; or a state that is seen as
what its table (docs/rollout-states.md) does not say.

Changed on purpose? `make golden` writes the transcripts anew; the diff is what to review.
"""

import os
from pathlib import Path

import pytest

from tests.simulation.argocd import Shown
from tests.simulation.cases import CASES, Case
from tests.simulation.entered import Entered
from tests.simulation.world import World

GOLDEN = Path(__file__).with_name("golden")
REWRITE = bool(os.environ.get("CROSSFADE_REWRITE_GOLDEN"))
CHANGED_BY_OTHERS = {
    "calls_sent_elsewhere_by_hand",
    "the_cohorts_rule_is_taken_away_by_hand",
    "weights_set_by_hand_are_put_right",
}


def told(case: Case, repairs: set[str], shown: Shown, entered: Entered) -> str:
    """The whole file: numbers and sentence, transcript, end. What is said of repaired routes is added to `repairs`."""

    def listen(world: World) -> None:
        events = world.plan.events if world.plan else ()
        repairs.update(one.message for one in events if one.reason == "RouteRepaired")

    story = case.on(checks=[listen, shown.see, entered.see])
    head = f"{', '.join(case.numbers)}: {case.name.replace('_', ' ')}\n{case.tells}"
    return f"{head}\n\n{story.transcript()}\n\n{story.end()}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_transcript_is_as_it_was(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitOps property 2."""
    file = GOLDEN / f"{case.name}.txt"
    repairs: set[str] = set()
    shown, entered = Shown(), Entered(monkeypatch)
    now = told(case, repairs, shown, entered)
    if REWRITE:
        file.write_text(now)
    assert now == file.read_text(), "changed on purpose? `make golden`, and review the diff"
    assert len(repairs) == (case.name in CHANGED_BY_OTHERS), repairs
    assert all("was changed by others: the route must say" in one for one in repairs)
    assert shown.wrong == []
    assert entered.untold() == {}


def test_every_golden_file_is_of_a_case() -> None:
    assert {file.stem for file in GOLDEN.glob("*.txt")} == {case.name for case in CASES}
