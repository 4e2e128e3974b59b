"""What Prometheus's HTTP API answers to a range selector, taken apart with suspicion."""

import json
import re
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from crossfade.ports import NativeSample, RawSeries

_WORD = re.compile(r"[a-z_]{1,32}")
_MOST_SKEW_SECONDS = 30.0


def json_object(content: bytes) -> dict[str, Any]:
    """The answer as an object, an empty one when it is none."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def refusal(status: int, answer: dict[str, Any]) -> str:
    """Why there is no data. Only Prometheus's error types are passed on, never what else a body may hold."""
    if 300 <= status < 400:
        return f"redirected with {status}, which is not followed; configure the final address"
    if status in (401, 403):
        return f"refused us with {status}; give the operator the credentials or the tenant that it wants"
    if status == 429:
        return "has too much to do and answered with 429; raise its limits or the operator's metrics interval"
    kind = str(answer.get("errorType", ""))
    if kind == "bad_data":
        return "refused the selector as bad_data; correct the metric's selector"
    if _WORD.fullmatch(kind):
        return f"failed with {status} {kind}"
    return f"answered with {status} and no query result; check that the address is Prometheus's own"


def is_partial(answer: dict[str, Any]) -> bool:
    """Whether the answer says of itself that something may be missing; `isPartial` is VictoriaMetrics's word."""
    return bool(answer.get("warnings")) or bool(answer.get("isPartial"))


def skew(date: str, now: float) -> str | None:
    """What is wrong between the clock of a `Date` header and ours (unix seconds), if anything is."""
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
    off = theirs - now
    if abs(off) <= _MOST_SKEW_SECONDS:
        return None
    return (
        f"has a clock that is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the operator's; "
        "set both machines' clocks by NTP"
    )


def series_of(answer: dict[str, Any]) -> list[RawSeries]:
    """The series of a matrix. Raises KeyError, TypeError, ValueError or AttributeError when it is none."""
    data = answer["data"]
    if data["resultType"] != "matrix" or not isinstance(data["result"], list):
        raise ValueError("not a matrix")
    return [_raw_series(item) for item in data["result"]]


def _raw_series(item: dict[str, Any]) -> RawSeries:
    labels = {str(name): str(value) for name, value in item["metric"].items()}
    samples = ((_finite(at), float(value)) for at, value in item.get("values", ()))
    numbers = {at: value for at, value in samples if isfinite(value)}
    natives = (_native(at, value) for at, value in item.get("histograms", ()))
    histograms = {found.at: found for found in natives if found is not None}
    return RawSeries(labels, tuple(sorted(numbers.items())), tuple(histograms[at] for at in sorted(histograms)))


def _native(at: Any, value: dict[str, Any]) -> NativeSample | None:
    """One native histogram; None when it counts no number of events."""
    count = float(value["count"])
    if not isfinite(count):
        return None
    buckets = sorted(
        (float(left), float(right), _finite(events)) for _rule, left, right, events in value.get("buckets", ())
    )
    if any(not left < right for left, right, _ in buckets):
        raise ValueError("a bucket without a width")
    return NativeSample(_finite(at), count, tuple(buckets))


def _finite(value: Any) -> float:
    number = float(value)
    if not isfinite(number):
        raise ValueError("not a finite number")
    return number
