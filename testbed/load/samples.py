"""What is recorded of each request, and what many of them add up to."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from testbed.load.verdict import Blame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Sample:
    """One request.

    ``scheduled`` is its arrival time on the event loop's monotonic clock, ``wall`` the same moment as Unix time;
    ``lateness`` is how much later it was really sent, ``latency`` the time from sending to the last byte of the answer;
    all in seconds. ``status`` is HTTP's and None when there was no whole answer, ``error`` then says why in a word; of
    a gRPC call it is the code's number, and ``error`` the name of a code that is not OK. ``body`` is the index of the
    body that was sent.
    """

    scheduled: float
    wall: float
    lateness: float
    latency: float
    body: int
    status: int | None
    arm: str | None
    blame: Blame | None
    error: str | None

    @property
    def finished(self) -> float:
        """When the answer was complete, on the clock of ``scheduled``."""
        return self.scheduled + self.lateness + self.latency

    def to_json(self) -> str:
        """One line of a record file."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @staticmethod
    def from_json(line: str) -> Sample:
        """Read a line that ``to_json`` wrote."""
        fields: dict[str, Any] = json.loads(line)
        fields["blame"] = None if fields["blame"] is None else Blame(fields["blame"])
        return Sample(**fields)


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """Counts of one arm; percentiles of the latency of its successes in seconds, NaN without any."""

    requests: int
    route_failures: int
    model_failures: int
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of a set of requests; the arm None holds the requests of which no arm is known."""

    arms: dict[str | None, ArmSummary]
    requests: int
    route_failures: int
    model_failures: int
    generator_failures: int
    lateness_p99: float


def summarize(samples: Iterable[Sample]) -> Summary:
    """Add up samples per arm. Percentiles are nearest-rank."""
    everything = list(samples)
    by_arm: dict[str | None, list[Sample]] = {}
    for sample in everything:
        by_arm.setdefault(sample.arm, []).append(sample)
    return Summary(
        arms={arm: _summarize_arm(by_arm[arm]) for arm in sorted(by_arm, key=lambda arm: (arm is None, arm or ""))},
        requests=len(everything),
        route_failures=_count(everything, Blame.ROUTE),
        model_failures=_count(everything, Blame.MODEL),
        generator_failures=_count(everything, Blame.GENERATOR),
        lateness_p99=percentile([sample.lateness for sample in everything], 0.99),
    )


def percentile(values: Iterable[float], share: float) -> float:
    """Nearest-rank percentile; NaN of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def _summarize_arm(samples: Sequence[Sample]) -> ArmSummary:
    latencies = [sample.latency for sample in samples if sample.blame is None]
    return ArmSummary(
        requests=len(samples),
        route_failures=_count(samples, Blame.ROUTE),
        model_failures=_count(samples, Blame.MODEL),
        p50=percentile(latencies, 0.5),
        p99=percentile(latencies, 0.99),
    )


def _count(samples: Sequence[Sample], blame: Blame) -> int:
    return sum(sample.blame is blame for sample in samples)
