"""Would catch: a table of parity that forgets a case, or names a test that does not exist or does not show it."""

import re
from pathlib import Path

import pytest

from tests.simulation.cases import CASES

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| ([A-FS]\d+) \| ([a-z ]+) \| (.+?) \| (.*?) ?\|$", (ROOT / "docs/parity.md").read_text(), re.M)
LENGTHS = {"A": 15, "B": 12, "C": 10, "D": 21, "E": 11, "F": 11}
NUMBERS = [f"{row}{at}" for row, last in LENGTHS.items() for at in range(1, last + 1)]
NUMBERS += [f"S{at:02}" for at in range(1, 31)]
VERDICTS = {"same", "better", "different", "not applicable", "not yet"}


def test_each_case_has_one_row_and_a_verdict() -> None:
    assert [number for number, *_ in ROWS] == NUMBERS
    assert {verdict for _, verdict, *_ in ROWS} == VERDICTS


@pytest.mark.parametrize(("number", "verdict", "shown"), [(n, v, s) for n, v, _, s in ROWS])
def test_what_is_claimed_is_shown(number: str, verdict: str, shown: str) -> None:
    tests = re.findall(r"`([^`]+)`", shown)
    played = {case.name: case.numbers for case in CASES}
    for name in tests:
        file, _, function = name.partition(": ")
        if function:
            assert f"def {function}(" in (ROOT / file).read_text(), name
        else:
            assert name in played, name
    assert tests or verdict in ("not yet", "not applicable", "different"), (
        f"{number} is {verdict}, and nothing shows it"
    )


def test_every_rollout_is_named_by_its_numbers() -> None:
    shown = {number: where for number, *_, where in ROWS}
    missing = [(case.name, number) for case in CASES for number in case.numbers if case.name not in shown[number]]
    assert missing == []
