"""Would catch samples that are no numbers taken for evidence, and histograms read with the wrong edges."""

import json
from email.utils import formatdate
from typing import Any

import pytest
from crossfade.adapters.prometheus_answer import is_partial, json_object, refusal, series_of, skew
from crossfade.ports import NativeSample, RawSeries

NOW = 1_800_000_000.0


def answer(**series: Any) -> dict[str, Any]:
    return {"data": {"resultType": "matrix", "result": [{"metric": {"pod": "p"}, **series}]}}


def histogram(*buckets: list[Any], count: str = "3") -> dict[str, Any]:
    return {"count": count, "sum": "1.5", "buckets": list(buckets)}


def test_samples_come_in_order_once_and_without_what_is_no_number() -> None:
    values = [[2, "2"], [1, "1"], [2, "2"], [3, "NaN"], [4, "+Inf"]]
    assert series_of(answer(values=values)) == [RawSeries({"pod": "p"}, ((1.0, 1.0), (2.0, 2.0)))]


def test_native_histograms_come_with_their_edges_in_order() -> None:
    """As Prometheus 3 writes them: [rule, left, right, count]; edges of custom buckets may be infinite."""
    wide = histogram([0, "0.5", "1", "2"], [3, "-0.001", "0.001", "1"], [1, "-2", "-1", "4"], [0, "10", "+Inf", "1"])
    (found,) = series_of(answer(histograms=[[7, wide], [6, {"count": "0", "sum": "0"}]]))
    edges = ((-2.0, -1.0, 4.0), (-0.001, 0.001, 1.0), (0.5, 1.0, 2.0), (10.0, float("inf"), 1.0))
    assert found.histograms == (NativeSample(6.0, 0.0, ()), NativeSample(7.0, 3.0, edges))
    assert found.samples == ()


def test_a_histogram_without_a_count_is_left_out() -> None:
    (found,) = series_of(answer(histograms=[[7, histogram(count="NaN")]]))
    assert found.histograms == ()


@pytest.mark.parametrize(
    "series",
    [
        {"histograms": [[1, histogram([0, "2", "1", "3"])]]},
        {"histograms": [[1, histogram([0, "1", "2", "NaN"])]]},
        {"histograms": [[1, histogram([0, "1", "2"])]]},
        {"histograms": [[1, histogram([0, "NaN", "2", "3"])]]},
        {"histograms": [[1, {"buckets": []}]]},
        {"histograms": [[1, "3"]]},
        {"histograms": 3},
        {"values": [["NaN", "1"]]},
        {"values": [[float("inf"), "1"]]},
        {"values": [[1, None]]},
    ],
)
def test_what_prometheus_never_writes_is_refused(series: dict[str, Any]) -> None:
    """Case S11."""
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        series_of(answer(**series))


@pytest.mark.parametrize("body", ["", "[]", "3", "null", "{", "[" * 200_000, '"\\ud800'])
def test_what_is_no_object_is_an_empty_one(body: str) -> None:
    assert json_object(body.encode()) == {}


def test_numbers_beyond_all_numbers_are_no_samples() -> None:
    content = json.dumps(answer(values=[])).replace('"values": []', '"values": [[1, "1e999"], [2, "1"]]')
    assert series_of(json_object(content.encode()))[0].samples == ((2.0, 1.0),)


@pytest.mark.parametrize(
    ("said", "partial"),
    [
        ({}, False),
        ({"infos": ["x"]}, False),
        ({"warnings": []}, False),
        ({"warnings": ["x"]}, True),
        ({"isPartial": True}, True),
    ],
)
def test_a_partial_answer_is_known_by_what_it_says(said: dict[str, Any], partial: bool) -> None:
    assert is_partial(said) is partial


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (307, {}, "redirected with 307, which is not followed"),
        (401, {}, "refused us with 401; give the operator the credentials or the tenant that it wants"),
        (403, {"errorType": "forbidden"}, "refused us with 403"),
        (429, {}, "has too much to do and answered with 429"),
        (400, {"errorType": "bad_data", "error": "secret"}, "correct the metric's selector"),
        (503, {"errorType": "unavailable"}, "failed with 503 unavailable"),
        (200, {"errorType": "a secret of 33 letters and spaces"}, "answered with 200 and no query result"),
        (500, {"errorType": {"secret": 1}}, "answered with 500 and no query result"),
    ],
)
def test_a_refusal_is_told_without_what_the_body_says(status: int, body: dict[str, Any], told: str) -> None:
    """Case D10."""
    assert told in refusal(status, body)
    assert "secret" not in refusal(status, body)


@pytest.mark.parametrize("off", [-30, 0, 30])
def test_clocks_may_differ_by_half_a_minute(off: float) -> None:
    assert skew(formatdate(NOW + off, usegmt=True), NOW) is None


@pytest.mark.parametrize(("off", "told"), [(31, "31 s ahead of"), (-3600, "3600 s behind")])
def test_clocks_that_differ_by_more_are_named_with_the_remedy(off: float, told: str) -> None:
    said = skew(formatdate(NOW + off, usegmt=True), NOW)
    assert said == f"has a clock that is {told} the operator's; set both machines' clocks by NTP"


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Foo 2026 99:99:99 GMT", "Sun, 06 Nov 9999999 08:49:37 GMT"])
def test_a_date_that_is_none_says_nothing(date: str) -> None:
    assert skew(date, NOW) is None
