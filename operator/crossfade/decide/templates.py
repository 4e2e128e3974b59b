"""The built-in ways to read one signal, as raw counter selectors. Each is tested against the server it names."""

from crossfade.api.v1alpha1.rollout import Metric

_TEMPLATES = {
    # MLServer 1.7: `path` is the route's template, health and metrics endpoints are not counted. A model that raises
    # answers 500; 422 and 404 are the client's fault and say nothing about the model.
    "mlserver/errors": (
        'rest_server_requests_total{path=~".*/infer",status_code=~"5.."}',
        'rest_server_requests_total{path=~".*/infer"}',
    ),
}


def selectors(metric: Metric) -> tuple[str, str]:
    """PromQL instant selectors of the (bad, total) counters of a metric."""
    if metric.ratio is not None:
        return metric.ratio.bad, metric.ratio.total
    return _TEMPLATES[str(metric.template)]
