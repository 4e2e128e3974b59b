"""The Prometheus series of a model server, by the names and labels that MLServer 1.7 has.

Like MLServer: ``path`` is the route's template, health probes and ``/metrics`` are not counted, ``version`` is the word
None when the path of a request over HTTP names none, and a series appears with its first event.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, Summary, generate_latest

_ROUTE = ("method", "path", "status_code", "app_name")
_MODEL = ("model", "version")
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

_requests = Counter("rest_server_requests", "Total HTTP requests", _ROUTE)
_durations = Histogram(
    "rest_server_request_duration_seconds", "HTTP request duration, in seconds", _ROUTE, buckets=_BUCKETS
)
_in_progress = Gauge(
    "rest_server_requests_in_progress", "Total HTTP requests currently in progress", ("method", "app_name")
)
_success = Counter("model_infer_request_success", "Model infer request success count", _MODEL)
_failure = Counter("model_infer_request_failure", "Model infer request failure count", _MODEL)
_infer = Summary("model_infer_request_duration", "Model infer request duration", _MODEL)


def begin(method: str) -> None:
    """Count a request as being in progress."""
    _in_progress.labels(method, "mlserver").inc()


def end(method: str, path: str, status: int, seconds: float) -> None:
    """Count a finished request; ``path`` is the route's template."""
    _in_progress.labels(method, "mlserver").dec()
    _requests.labels(method, path, str(status), "mlserver").inc()
    _durations.labels(method, path, str(status), "mlserver").observe(seconds)


def inferred(model: str, version: str, success: bool, seconds: float) -> None:
    """Count one inference by its outcome."""
    (_success if success else _failure).labels(model, version).inc()
    _infer.labels(model, version).observe(seconds)


def exposition() -> bytes:
    """All series as Prometheus' text format 0.0.4."""
    return generate_latest()
