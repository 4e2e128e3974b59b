"""Would catch: any change in what a whole rollout decides, writes or says, by the cases of other systems' tests.

Changed on purpose? `make golden` writes the transcripts anew; the diff is what to review.
"""

import os
from pathlib import Path

import pytest

from tests.simulation.cases import CASES, Case

GOLDEN = Path(__file__).with_name("golden")
REWRITE = bool(os.environ.get("CROSSFADE_REWRITE_GOLDEN"))


def told(case: Case) -> str:
    """The whole file: numbers and sentence, transcript, end."""
    story = case.on()
    head = f"{', '.join(case.numbers)}: {case.name.replace('_', ' ')}\n{case.tells}"
    return f"{head}\n\n{story.transcript()}\n\n{story.end()}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_transcript_is_as_it_was(case: Case) -> None:
    file = GOLDEN / f"{case.name}.txt"
    now = told(case)
    if REWRITE:
        file.write_text(now)
    assert now == file.read_text(), "changed on purpose? `make golden`, and review the diff"


def test_every_golden_file_is_of_a_case() -> None:
    assert {file.stem for file in GOLDEN.glob("*.txt")} == {case.name for case in CASES}
