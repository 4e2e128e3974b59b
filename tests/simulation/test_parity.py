"""Would catch: a table of parity that forgets a case, or names a test that does not exist or is about another case."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.simulation.cases import CASES

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| ([A-FS]\d+) \| ([a-z ]+) \| (.+?) \| (.*?) ?\|$", (ROOT / "docs/parity.md").read_text(), re.M)
LENGTHS = {"A": 15, "B": 12, "C": 10, "D": 21, "E": 11, "F": 11}
NUMBERS = [f"{row}{at}" for row, last in LENGTHS.items() for at in range(1, last + 1)]
NUMBERS += [f"S{at:02}" for at in range(1, 31)]
PLAYED = {case.name: case.numbers for case in CASES}
VERDICTS = {"same", "better", "different", "not applicable"}


def test_each_case_has_one_row_and_a_verdict() -> None:
    assert [number for number, *_ in ROWS] == NUMBERS
    assert {verdict for _, verdict, *_ in ROWS} == VERDICTS


def written(file: str, function: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """A test as it is written; it must be there."""
    found = (node for node in ast.walk(_parsed(file)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    one = next((node for node in found if node.name == function), None)
    assert one is not None, f"{file} has no {function}"
    return one


def docstring_of(file: str, function: str) -> str:
    """What a test says of itself."""
    return ast.get_docstring(written(file, function)) or ""


def is_long(file: str, function: str) -> bool:
    """Whether `make test-long` alone runs it: by a mark of its own or of its whole file."""
    own = (ast.unparse(one) for one in written(file, function).decorator_list)
    return not {"pytest.mark.slow", "pytest.mark.matrix"}.isdisjoint((*own, *marks_of_all_in(file)))


def marks_of_all_in(file: str) -> list[str]:
    """What a file's `pytestmark` says of each of its tests."""
    said = (
        node.value
        for node in _parsed(file).body
        if isinstance(node, ast.Assign) and "pytestmark" in map(ast.unparse, node.targets)
    )
    return [ast.unparse(one) for marks in said for one in (marks.elts if isinstance(marks, ast.List) else [marks])]


@cache
def _parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text())


@pytest.mark.parametrize(("number", "verdict", "shown"), [(n, v, s) for n, v, _, s in ROWS])
def test_what_is_claimed_is_shown(number: str, verdict: str, shown: str) -> None:
    """By a rollout of this number, or a test that says it is about it."""
    tests = re.findall(r"`([^`]+)`", shown)
    for name in tests:
        file, _, function = name.partition(": ")
        about = re.findall(r"\b[A-FS]\d+\b", docstring_of(file, function)) if function else PLAYED[name]
        assert number in about, f"{name} is not about {number}"
    assert tests or verdict == "not applicable", f"{number} is {verdict}, and nothing shows it"
    long = [name for name in tests if ": " in name and is_long(*name.split(": "))]
    assert re.findall(r"`([^`]+)` \(long\)", shown) == long


def test_every_rollout_is_named_by_its_numbers() -> None:
    shown = {number: where for number, *_, where in ROWS}
    missing = [(case.name, number) for case in CASES for number in case.numbers if case.name not in shown[number]]
    assert missing == []
