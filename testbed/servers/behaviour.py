"""How a programmable model behaves: read from its model file, so that a bad model is only other bytes."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

_Z99 = 2.3263478740408408  # 99th percentile of the standard normal distribution


class ModelFileError(ValueError):
    """The model file can't be served; the message names the file, the field and what is wanted."""


@dataclass(frozen=True, slots=True)
class Latency:
    """A log-normal service time by two of its percentiles, in milliseconds; ``p99 >= p50 > 0``."""

    p50: float
    p99: float

    def draw(self, random: Random) -> float:
        """One service time in seconds."""
        sigma = math.log(self.p99 / self.p50) / _Z99
        return self.p50 / 1000 * math.exp(sigma * random.gauss(0, 1))


@dataclass(frozen=True, slots=True)
class Stream:
    """A streamed answer: so many events, the first at once and the last after ``seconds``."""

    seconds: float = 5.0
    events: int = 21

    @property
    def gap(self) -> float:
        """Seconds from one event to the next."""
        return self.seconds / max(1, self.events - 1)


@dataclass(frozen=True, slots=True)
class Marked:
    """Rows whose column ``index`` holds exactly ``equals`` are answered with an error."""

    index: int
    equals: float


@dataclass(frozen=True, slots=True)
class Cold:
    """The first ``count`` inferences of a process take ``seconds`` longer, as when a server compiles as it is asked."""

    count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One model version as the server plays it.

    Counts are in inference requests since the start of the process, times in seconds unless the name says otherwise.
    """

    name: str
    version: str
    seed: int = 0
    error_rate: float = 0.0
    latency: Latency | None = None
    cold: Cold = Cold()
    stream: Stream = Stream()
    load_seconds: float = 0.0
    fails_when: tuple[Marked, ...] = ()
    crash_at_start: bool = False
    crash_after_requests: int | None = None
    fail_readiness_after_requests: int | None = None

    def rejects(self, row: list[float]) -> bool:
        """Whether the model raises on this row."""
        return any(mark.index < len(row) and row[mark.index] == mark.equals for mark in self.fails_when)


def read_behaviour(path: Path) -> Behaviour:
    """Read a model file.

    Raises ModelFileError when the file is missing, is no JSON object, or has an unknown field or a value out of range.
    """
    try:
        fields = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"Model file {path} can't be read as JSON: {error}. Give the path of a model file."
        ) from error
    if not isinstance(fields, dict):
        raise ModelFileError(f"Model file {path} holds a {type(fields).__name__}. It must hold a JSON object.")
    try:
        return _behaviour(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"Model file {path} is not valid: {error}. Correct that field.") from error


def _behaviour(fields: dict[str, Any]) -> Behaviour:
    known = {
        "name": str(fields.pop("name")),
        "version": str(fields.pop("version")),
        "seed": int(fields.pop("seed", 0)),
        "error_rate": _between(fields.pop("errorRate", 0.0), 0.0, 1.0, "errorRate"),
        "latency": _latency(fields.pop("latencyMs", None)),
        "cold": _cold(fields.pop("coldRequests", {})),
        "stream": _stream(fields.pop("stream", {})),
        "load_seconds": _between(fields.pop("loadSeconds", 0.0), 0.0, 3600.0, "loadSeconds"),
        "fails_when": tuple(Marked(int(m["index"]), float(m["equals"])) for m in fields.pop("failsWhen", ())),
        "crash_at_start": bool(fields.pop("crashAtStart", False)),
        "crash_after_requests": _count(fields.pop("crashAfterRequests", None)),
        "fail_readiness_after_requests": _count(fields.pop("failReadinessAfterRequests", None)),
    }
    if fields:
        raise ValueError(f"unknown field {sorted(fields)[0]!r}")
    return Behaviour(**known)  # type: ignore[arg-type]  # every value was converted to its field's type above


def _latency(value: dict[str, float] | None) -> Latency | None:
    if value is None:
        return None
    p50, p99 = float(value["p50"]), float(value["p99"])
    if not 0 < p50 <= p99:
        raise ValueError(f"latencyMs has p50 {p50} and p99 {p99}, 0 < p50 <= p99 is wanted")
    return Latency(p50, p99)


def _cold(value: dict[str, float]) -> Cold:
    cold = Cold(int(value.get("count", 0)), float(value.get("ms", 0.0)) / 1000)
    if cold.count < 0 or cold.seconds < 0 or value.keys() - {"count", "ms"}:
        raise ValueError(f"coldRequests is {value}, count >= 0 and ms >= 0 are wanted")
    return cold


def _stream(value: dict[str, float]) -> Stream:
    usual = Stream()
    stream = Stream(float(value.get("seconds", usual.seconds)), int(value.get("events", usual.events)))
    if stream.seconds < 0 or stream.events < 1 or value.keys() - {"seconds", "events"}:
        raise ValueError(f"stream is {value}, seconds >= 0 and events >= 1 are wanted")
    return stream


def _between(value: float, low: float, high: float, name: str) -> float:
    if not low <= float(value) <= high:
        raise ValueError(f"{name} is {value}, a number from {low:g} to {high:g} is wanted")
    return float(value)


def _count(value: int | None) -> int | None:
    return None if value is None else int(value)
