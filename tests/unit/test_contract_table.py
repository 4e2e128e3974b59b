"""Would catch: a table of what registries hold that forgets a case or a system, or names a test that does not run."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from crossfade.adapters.sources import _SYSTEMS

_ROOT = Path(__file__).parents[2]
_TESTS = _ROOT / "tests" / "contract"
_TEXT = (_ROOT / "docs" / "registries" / "contract.md").read_text()
_LINES = _TEXT.splitlines()
_TABLE = [[cell.strip() for cell in line.strip("|").split("|")] for line in _LINES if line.startswith("|")]
SUITES = {row[0]: row[1].strip("`") for row in _TABLE if len(row) == 3 and row[1].startswith("`")}
HEAD, *ROWS = [row for row in _TABLE if len(row) > 3 and not row[0].startswith("---")]
CASES = (
    *("resolve exact", "resolve mutable, frozen once", "not found", "forbidden", "expired credentials"),
    *("throttled with Retry-After", "redirect", "truncated body", "5xx storm", "slow loris", "wrong digest"),
    *("artifact changed under us", "10,000 versions listed by page", "unicode names"),
    *("bounded memory", "no address inside"),
)
CELLS = [(row[0], row[1], name, cell) for row in ROWS for name, cell in zip(HEAD[2:], row[2:], strict=True)]


@cache
def parsed(file: str) -> ast.Module:
    return ast.parse(((_ROOT if file.startswith("tests/") else _TESTS) / file).read_text())


def cases_of(node: ast.Module | ast.ClassDef) -> dict[str, bool]:
    """The tests below, and whether `make test-long` alone runs them."""
    found: dict[str, bool] = {}
    for one in node.body:
        if isinstance(one, ast.ClassDef):
            found |= {name: long or is_long(one) for name, long in cases_of(one).items()}
        elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test_"):
            found[one.name] = is_long(one)
    return found


def is_long(one: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(mark) == "pytest.mark.slow" for mark in one.decorator_list)


def class_of(file: str, name: str) -> ast.ClassDef | None:
    return next((one for one in parsed(file).body if isinstance(one, ast.ClassDef) and one.name == name), None)


def run_by(file: str) -> dict[str, bool]:
    """The tests of the common suite that a system's own runs, and whether they are long."""
    suite = class_of(file, "TestContract")
    found: dict[str, bool] = {}
    bases = [ast.unparse(base) for base in suite.bases] if suite else []
    while bases:
        common = class_of("registry_contract.py", bases.pop())
        if common is not None and suite is not None:
            found |= dict.fromkeys(cases_of(common), is_long(suite))
            bases += [ast.unparse(base) for base in common.bases]
    return found


def test_every_case_has_a_row_and_every_system_a_column() -> None:
    assert tuple(row[0] for row in ROWS) == CASES
    assert list(SUITES) == HEAD[2:]
    assert len(SUITES) == len(_SYSTEMS) + 1, "one for each system, and plain HTTP"
    assert [file for file in SUITES.values() if not (_TESTS / file).is_file()] == []


@pytest.mark.parametrize(("case", "common", "system", "cell"), CELLS)
def test_what_is_claimed_is_run(case: str, common: str, system: str, cell: str) -> None:
    if cell.startswith("suite"):
        long = run_by(SUITES[system])[common.strip("`")]
        assert cell == ("suite (long)" if long else "suite")
        return
    named = re.findall(r"`([^`]+): ([^`]+)`( \(long\))?", cell)
    assert [(name, bool(marked)) for _, name, marked in named] == [
        (name, cases_of(parsed(file))[name]) for file, name, _ in named
    ]
    assert named or re.match(r"not applicable: \w+", cell), f"{system} has nothing that shows: {case}"


def test_whole_suites_that_are_long_are_said_to_be() -> None:
    found = {
        (one.name, file.name)
        for file in _TESTS.glob("test_*.py")
        for one in parsed(file.name).body
        if isinstance(one, ast.ClassDef)
        and is_long(one)
        and [base for base in one.bases if "Contract" in ast.dump(base)]
    }
    assert set(re.findall(r"`(Test\w+)` of `(test_\w+\.py)`", _TEXT)) == found


@pytest.mark.parametrize(("file", "name"), re.findall(r"`([\w/]+\.py)(?:: (\w+))?`", _TEXT))
def test_what_is_named_is_there(file: str, name: str) -> None:
    assert not name or name in cases_of(parsed(file))
    assert parsed(file).body
