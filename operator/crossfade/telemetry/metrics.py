"""The operator's own metrics: the whole catalogue."""

from typing import get_args

from prometheus_client import Counter, Gauge, Histogram

from crossfade.decide.records import Result

RECONCILES = Counter("crossfade_reconciles_total", "Looks at one object, by kind and result.", ("kind", "result"))
RECONCILE_SECONDS = Histogram(
    "crossfade_reconcile_seconds",
    "How long one look took, writes included.",
    ("kind",),
    buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0),
)
WRITES = Counter("crossfade_writes_total", "Writes to the API server that it took, by kind.", ("kind",))
BREACH_TO_ROUTE_SECONDS = Histogram(
    "crossfade_breach_to_route_seconds",
    "From the evidence of a worse candidate being read to the route without it being stored.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)
EVIDENCE_READ_AT = Gauge("crossfade_evidence_read_timestamp_seconds", "When Prometheus last answered every query.")
ROUTE_REPAIRS = Counter(
    "crossfade_route_repairs_total",
    "Routes, and Services that stand for one, that others had changed and that were written again.",
)
QUEUE_DEPTH = Gauge("crossfade_queue_depth", "Keys that wait to be looked at, delayed ones included.")
LEADING = Gauge("crossfade_leading", "1 while this process may write, 0 while it stands by.")
LEASE_HOLDER = Gauge("crossfade_lease_holder", "1 for who holds the lease, as this process last saw it.", ("holder",))
UNLISTED = Gauge(
    "crossfade_unlisted",
    "1 for a kind that could not be listed at the last try, or not in time: it is known as it was.",
    ("kind",),
)
ROLLOUT_SECONDS = Histogram(
    "crossfade_rollout_seconds",
    "From the record of a candidate to that of its end, by how it ended.",
    ("result",),
    buckets=(10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400),
)
for _result in get_args(Result):
    # a series that begins with 1 has not increased: the first rollback would be told to nobody
    ROLLOUT_SECONDS.labels(result=_result)
