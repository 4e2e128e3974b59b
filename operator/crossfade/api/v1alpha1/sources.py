"""Where a signal is read: selectors of raw counters, histograms and gauges, for Rollouts and MetricTemplates alike."""

from typing import Annotated

from pydantic import StringConstraints

from crossfade.api.v1alpha1.common import ApiModel, cel

ONE_SERIES = cel(
    "[has(self.template), has(self.ratio), has(self.latency), has(self.gauge)].filter(given, given).size() == 1",
    "must have exactly one of `template`, `ratio`, `latency` and `gauge`",
)
ONE_KIND = cel(
    "[has(self.ratio), has(self.latency), has(self.gauge)].filter(given, given).size() == 1",
    "must have exactly one of `ratio`, `latency` and `gauge`",
)

Selector = Annotated[str, StringConstraints(min_length=1, max_length=512)]
"""A PromQL instant selector without a range, as `errors_total{code="500"}`."""
TemplateName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/[a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", max_length=253)
]
"""`server/signal` is built in; a name without a slash is a MetricTemplate in this namespace."""


class CounterRatio(ApiModel):
    """Two counters: what went wrong, and all."""

    bad: Selector
    """Counts requests that went wrong."""
    total: Selector
    """Counts all requests."""


class Histogram(ApiModel):
    """A histogram of seconds, classic (the `_bucket` series) or native (the series without a suffix)."""

    buckets: Selector
    """Its series."""


class Gauge(ApiModel):
    """A value that goes up and down, such as memory in use. Judged by `objective.rule` alone."""

    series: Selector
    """Its series; the worst pod of the candidate counts."""
