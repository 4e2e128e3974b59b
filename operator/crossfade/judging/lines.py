"""One line of the stream: a scrape of all pods. What is wrong with a line is said in a sentence."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from crossfade.decide.judge.increments import MOST
from crossfade.decide.judge.rules import Kind

Run = str | int | float | None
_ARMS = ("stable", "candidate")
_FIELDS: Mapping[Kind, str] = {
    "ratio": "`bad` and `total`",
    "latency": "`buckets`",
    "gauge": "`value`",
}


class LineError(ValueError):
    """Why a line cannot be judged, without the full stop."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One pod's counters of one metric, as scraped: all requests first, then the bad ones or those within each bound.

    `bounds` (s) are empty for bad requests. Of a gauge, its one value, or none while it says nothing.
    """

    metric: str
    arm: str
    pod: str
    values: tuple[float, ...]
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A scrape at `t` (seconds) while `weight` percent were asked for. `unknown` metrics are not of the analysis."""

    run: Run
    t: float
    weight: int
    samples: tuple[Sample, ...]
    unknown: frozenset[str] = frozenset()


def read_all(
    stream: Iterable[bytes], kinds: Mapping[str, Kind], refused: Callable[[int, LineError], None]
) -> Iterator[tuple[int, Line]]:
    """Every line that can be read, with its number from 1; `refused` is told of the others. Empty ones are passed."""
    for number, text in enumerate(stream, start=1):
        if not text.strip():
            continue
        try:
            line = read(text, kinds)
        except LineError as error:
            refused(number, error)
        else:
            yield number, line


def read(text: str | bytes, kinds: Mapping[str, Kind]) -> Line:
    """A line of the stream. `kinds` names the analysis' metrics. Raises LineError."""
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise LineError(f"it is not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise LineError("it must be an object with `t`, `weight` and `samples`")
    run, weight = raw.get("run"), raw.get("weight")
    if run is not None and (isinstance(run, bool) or not isinstance(run, str | int | float)):
        raise LineError("`run` must be a string or a number")
    if isinstance(weight, float) and weight.is_integer():
        weight = int(weight)
    if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= 100:
        raise LineError("`weight` must be a whole number of percent from 0 to 100")
    items = raw.get("samples")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise LineError("`samples` must be a list of objects")
    known = tuple(_sample(item, kinds[item["metric"]]) for item in items if _named(item) in kinds)
    if len({(one.metric, one.arm, one.pod) for one in known}) < len(known):
        raise LineError("a pod has two samples of one metric; add up what belongs together")
    unknown = frozenset(item["metric"] for item in items if item["metric"] not in kinds)
    return Line(run, _number(raw.get("t"), "`t`"), weight, known, unknown)


def _named(item: dict[str, Any]) -> str:
    name = item.get("metric")
    if not isinstance(name, str):
        raise LineError("each sample must have a `metric`, a string")
    return name


def _sample(item: dict[str, Any], kind: Kind) -> Sample:
    metric, arm, pod = item["metric"], item.get("arm"), item.get("pod")
    if arm not in _ARMS:
        raise LineError(f"the `arm` of a sample of {metric!r} must be `stable` or `candidate`")
    if not isinstance(pod, str):
        raise LineError(f"the `pod` of a sample of {metric!r} must be a string")
    of = f"of {metric!r} in pod {pod!r}"
    if kind == "gauge" and "value" in item:
        value = item["value"]
        return Sample(metric, arm, pod, () if value is None else (_number(value, f"`value` {of}"),))
    if kind == "ratio" and "total" in item:
        total = _count(item["total"], f"`total` {of}")
        return Sample(metric, arm, pod, (total, _count(item.get("bad"), f"`bad` {of}")))
    if kind == "latency" and isinstance(item.get("buckets"), dict):
        bounds, values = _buckets(item["buckets"].items(), of)
        return Sample(metric, arm, pod, values, bounds)
    raise LineError(f"a sample {of} must have {_FIELDS[kind]}, as the metric's objective is of that kind")


def _buckets(items: Iterable[tuple[str, Any]], of: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Bounds that rise, and (all, within each bound)."""
    found: dict[float, float] = {}
    for text, value in items:
        try:
            bound = float(text)
        except ValueError:
            raise LineError(f"the bucket {text!r} {of} must be a number of seconds or `+Inf`") from None
        found[bound] = _count(value, f"the bucket {text!r} {of}")
    total = found.pop(inf, None)
    if total is None:
        raise LineError(f"`buckets` {of} must have `+Inf`, which counts all requests")
    if not found or not all(map(isfinite, found)):
        raise LineError(f"`buckets` {of} must have bounds in seconds beside `+Inf`")
    bounds = tuple(sorted(found))
    return bounds, (total, *(found[bound] for bound in bounds))


def _count(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST:
        raise LineError(f"{what} must be a count: a number from 0 to 2^53")
    return value


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise LineError(f"{what} must be a number")
    return float(value)
