"""Catches a number in an answer that no integer is made of."""

import pytest
from crossfade.model.loose import count


@pytest.mark.parametrize(("told", "meant"), [("0", 0), ("012", 12), ("9" * 19, 10**19 - 1)])
def test_digits_are_a_count(told: str, meant: int) -> None:
    assert count(told) == meant


@pytest.mark.parametrize(
    "told", ["", " 1", "-1", "1\n", "1" * 20, "1" * 5000, "\u0663", "\u00b2", "1.0", "x", None, 12]
)
def test_anything_else_is_none(told: object) -> None:
    assert count(told) is None
