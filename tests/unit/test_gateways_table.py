"""Would catch a test with a gateway in it that runs behind one of the two, and docs/gateways.md does not say why."""

import ast
import re
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_TESTS = _ROOT / "tests" / "cluster"
_SECTION = (_ROOT / "docs" / "gateways.md").read_text().partition("**On one gateway only, because.**")[2]
ROWS = re.findall(r"^\| (`test_.+?) \| ([^|]+) \| ([^|]+) \|$", _SECTION.partition("\n**")[0], re.M)
ON_BOTH = {"on_both_gateways", "on_both_gateways_at_length", "on_envoy_and_both_at_length"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def functions(file: str) -> dict[str, Function]:
    """What a file of tests/cluster defines."""
    return {one.name: one for one in ast.parse((_TESTS / file).read_text()).body if isinstance(one, Function)}


def in_file(file: str) -> dict[str, Function]:
    return {name: one for name, one in functions(file).items() if name.startswith("test_")}


def has_a_gateway(one: Function, file: str) -> bool:
    """Whether it takes an endpoint, all of which are behind a gateway, itself or by another fixture."""
    fixtures = functions("conftest.py") | functions(file)
    wanted = [each.arg for each in (*one.args.args, *one.args.kwonlyargs)]
    return "new_endpoint" in wanted or any(
        has_a_gateway(fixtures[name], "conftest.py" if fixtures[name] is one else file)
        for name in wanted
        if name in fixtures
    )


def runs_behind_both(one: Function) -> bool:
    return not ON_BOTH.isdisjoint(map(ast.unparse, one.decorator_list))


def listed() -> list[tuple[str, str]]:
    """The tests of the table by file and the beginning of their name, which is "" for all of a file."""
    found: list[tuple[str, str]] = []
    for cell, *_ in ROWS:
        for file, names in re.findall(r"`(\w+\.py)`((?:(?::|,) `test_\w+…?`)*)", cell):
            found += [(file, name) for name in re.findall(r"`(\w+)…?`", names) or [""]]
    return found


def test_each_test_with_a_gateway_runs_behind_both_or_says_why_not() -> None:
    known = listed()
    missing = [
        f"{path.name}: {name}"
        for path in sorted(_TESTS.glob("test_*.py"))
        for name, one in in_file(path.name).items()
        if has_a_gateway(one, path.name) and not runs_behind_both(one)
        if not any(file == path.name and name.startswith(beginning) for file, beginning in known)
    ]
    assert missing == []


def test_what_is_listed_is_there_once_and_runs_behind_one() -> None:
    for file, beginning in listed():
        named = [one for name, one in in_file(file).items() if name.startswith(beginning)]
        assert len(named) == 1 or (named and not beginning), f"{file}: {len(named)} tests begin with {beginning}"
        assert not any(map(runs_behind_both, named)), f"{file}: {beginning or 'a test'} runs behind both"
