"""Counters as Prometheus shows them, for the tests of what becomes of them."""

from collections.abc import Sequence

from crossfade.decide.judge.rules import MetricRules
from crossfade.decide.judge.windows import rounds
from crossfade.model.evidence import Counters, Sample, Series
from crossfade.model.ledger import MetricLedger, Window

STEP, SINCE = 5.0, 1000.0


def every_step(*values: float | None, first: float = SINCE) -> tuple[Sample, ...]:
    """One sample a step from `first` on; None is a scrape that failed."""
    return tuple((first + STEP * k, float(value)) for k, value in enumerate(values) if value is not None)


def line(per_step: float, steps: int, first: float = SINCE, begin: float = 0.0) -> tuple[Sample, ...]:
    """A counter that rises evenly over so many steps."""
    return every_step(*(begin + per_step * k for k in range(steps + 1)), first=first)


def stable(*samples: Sample, pod: str = "s") -> Series:
    return Series("stable", pod, samples)


def candidate(*samples: Sample, pod: str = "c") -> Series:
    return Series("candidate", pod, samples)


def errors_of(bad: Sequence[Series] = (), total: Sequence[Series] = ()) -> Counters:
    return Counters(tuple(bad), tuple(total))


def histogram_of(**by_bound: Sequence[Series]) -> Counters:
    """Buckets by bound; `le_0_1` is 0.1 s and `le_inf` counts all."""
    bounds = {name: float(name.removeprefix("le_").replace("_", ".")) for name in by_bound}
    return Counters(buckets={bounds[name]: tuple(series) for name, series in by_bound.items()})


def windows_of(
    counters: Counters,
    metric: MetricRules,
    ledger: MetricLedger | None = None,
    warmup: float = 0.0,
) -> list[Window]:
    """All complete rounds."""
    begun = ledger or MetricLedger(end=SINCE)
    return [
        window for window, _ in rounds(counters, metric.kind, "stable", "candidate", begun, STEP, 10, warmup, metric)
    ]


def totals(window: Window) -> dict[str, tuple[int, tuple[int, ...]]]:
    """(all requests, bad ones by bound) by pod."""
    return {one.pod: (one.total, one.bad) for one in (*window.stable, *window.candidate)}
