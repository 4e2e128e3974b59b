"""Would catch a table of GitOps properties that forgets one, or that names a test which does not exist or is about
something else."""

import re
from pathlib import Path

import pytest

from tests.simulation.test_parity import docstring_of, is_long

ROOT = Path(__file__).parents[3]
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", (ROOT / "docs/gitops.md").read_text(), re.MULTILINE)
ABOUT = re.compile(r"GitOps propert(?:y|ies) (\d+(?:(?:, | and |, and )\d+)*)")


def numbers(text: str) -> set[str]:
    """The properties that a test says it is about."""
    return {number for found in ABOUT.findall(text) for number in re.findall(r"\d+", found)}


def is_slow(file: str, function: str) -> bool:
    """Whether `make test-long` alone runs it: by its own mark, or by that of its file."""
    return is_long(file, function) or "pytest.mark.slow]" in (ROOT / file).read_text()


def test_each_of_the_sixteen_has_one_row() -> None:
    assert [number for number, *_ in ROWS] == [str(number) for number in range(1, 17)]


@pytest.mark.parametrize(("number", "shown"), [(number, shown) for number, _, _, shown in ROWS])
def test_what_is_claimed_is_shown(number: str, shown: str) -> None:
    tests = re.findall(r"`([^`]+): ([^`]+)`( \(long\))?", shown)
    assert tests, f"nothing shows property {number}"
    for file, function, mark in tests:
        assert number in numbers(docstring_of(file, function)), f"{file}: {function} is not about property {number}"
        assert bool(mark) == is_slow(file, function), f"{file}: {function} is not marked as it runs"


def test_every_test_that_says_so_is_in_the_table() -> None:
    shown = {number: where for number, _, _, where in ROWS}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        text = file.read_text()
        for function in re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE) if ABOUT.search(text) else ():
            name = f"{file.relative_to(ROOT)}: {function}"
            missing = [one for one in numbers(docstring_of(*name.split(": "))) if name not in shown[one]]
            assert not missing, f"{name} is about {missing}"
