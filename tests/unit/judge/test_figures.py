"""Would catch a figure that is rounded the wrong way, told in the wrong unit, or shown with idle digits."""

from math import inf

import pytest
from crossfade.decide.judge.figures import counted, figure, number, odds, period, share, written


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.001, "0.001"), (0.00099, "9.9e-04"), (0.0123456, "0.0123"), (99.94, "99.9"), (99.96, "100"),
     (100.4, "100"), (999_999.4, "999999"), (1e6, "1.0e+06"), (-2.5, "-2.5e+00"), (inf, "unbounded"), (None, None)],
)  # fmt: skip
def test_a_figure_of_status_has_three_digits_or_its_whole_part(value: float | None, text: str | None) -> None:
    assert figure(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.999, "1"), (0.994, "0.99"), (1.0, "1.0"), (99.94, "99.9"), (100.0, "100"), (100.6, "101"),
     (999_999.0, "999,999"), (1e6, "over a million"), (inf, "unbounded"), (0.00001, "0.00001"),
     (0.000012345, "0.000012"), (1e-10, "0"),     (0.1, "0.1")],
)  # fmt: skip
def test_a_ratio_in_a_sentence_has_two_digits_and_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "below 0.01:1"), (0.00999, "below 0.01:1"), (0.01, "0.01:1"), (0.0199, "0.019:1"), (0.999, "0.99:1"),
     (1.0, "1:1"), (1.29, "1.2:1"), (9.99, "9.9:1"), (10.0, "10:1"), (99.9, "99:1"), (100.0, "100:1"), (999.9, "999:1"),
     (1000.0, "1,000:1"), (1099.0, "1,000:1"), (1100.0, "1,100:1"), (99_999.0, "99,000:1"), (999_999.0, "990,000:1"),
     (1e6, "over a million:1"), (0.3, "0.3:1"), (2.3, "2.3:1"), (4600.0, "4,600:1")],
)  # fmt: skip
def test_odds_are_cut_and_never_rounded_up(value: float, text: str) -> None:
    assert odds(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 7, "0%"), (7, 7, "100%"), (1, 100, "1.0%"), (99, 10_000, "0.99%"), (12, 10_000_000, "0.00012%"),
     (9999, 10_000, "99.9%"), (995, 1000, "99.5%"), (1, 3, "33.3%"), (1, 200_000_000, "0.0000005%")],
)  # fmt: skip
def test_a_share_is_all_or_nothing_only_when_it_is(part: float, whole: float, text: str) -> None:
    assert share(part, whole) == text


def test_a_limit_reads_as_it_was_written() -> None:
    assert [written(value) for value in (1.1, 0.02, 95.0, 1234567.89, 100 * 0.07)] == [
        "1.1",
        "0.02",
        "95",
        "1234567.89",
        "7",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.0, "1 s"), (0.9999, "999.9 ms"), (0.25, "250 ms"), (0.0025, "2.5 ms"), (2.5, "2.5 s"), (90.0, "90 s")],
)
def test_a_latency_is_told_in_seconds_from_one_on(seconds: float, text: str) -> None:
    assert period(seconds) == text


def test_one_is_one_and_more_are_many() -> None:
    assert [counted(n, "answer", "answers") for n in (0, 1, 2, 4080)] == [
        "0 answers",
        "1 answer",
        "2 answers",
        "4,080 answers",
    ]
