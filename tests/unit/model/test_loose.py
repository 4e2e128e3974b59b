"""Catches a number in an answer that no integer is made of, and what others wrote that is taken for what it is not."""

import pytest
from crossfade.model.loose import count, moment, plain


@pytest.mark.parametrize(("told", "meant"), [("0", 0), ("012", 12), ("9" * 19, 10**19 - 1)])
def test_digits_are_a_count(told: str, meant: int) -> None:
    assert count(told) == meant


@pytest.mark.parametrize(
    "told", ["", " 1", "-1", "1\n", "1" * 20, "1" * 5000, "\u0663", "\u00b2", "1.0", "x", None, 12]
)
def test_anything_else_is_none(told: object) -> None:
    assert count(told) is None


@pytest.mark.parametrize(
    ("value", "told"),
    [("x", "x"), ("", ""), (None, None), (1, "1"), (True, "true"), ({"é": [1]}, '{"é": [1]}')],
)
def test_anything_is_a_text(value: object, told: str | None) -> None:
    assert plain(value) == told


@pytest.mark.parametrize("value", [None, 1, "", "yesterday", "2026-11-01T10:00:00", "2026-11-01T10:00:00Z\n"])
def test_what_is_no_time_in_utc_is_none(value: object) -> None:
    assert moment(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "2026-99-99T99:99:99Z",
        "0000-01-01T00:00:00Z",
        "2026-00-01T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-02-30T10:00:00Z",
        "2025-02-29T10:00:00Z",
        "2026-11-01T24:00:00Z",
        "2026-11-01T10:60:00Z",
        "2026-11-01T10:00:60Z",
    ],
)
def test_a_time_that_never_was_is_none(value: str) -> None:
    assert moment(value) is None


@pytest.mark.parametrize("value", ["2026-11-01T10:00:00Z", "2026-11-01T10:00:00.25Z", "2028-02-29T23:59:59.123456789Z"])
def test_a_time_in_utc_is_itself(value: str) -> None:
    assert moment(value) == value
