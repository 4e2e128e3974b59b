"""The templates that come with Crossfade, as `server/signal`. docs/metric-templates.md says what each was tried on."""

from collections.abc import Mapping
from types import MappingProxyType

from crossfade.api.v1alpha1.metrictemplate import ArmLabel, MetricTemplateSpec, TimedHistogram
from crossfade.api.v1alpha1.sources import CounterRatio


def _errors(bad: str, total: str, arm: ArmLabel | None = None) -> MetricTemplateSpec:
    return MetricTemplateSpec(ratio=CounterRatio(bad=bad, total=total), arm=arm)


def _seconds(buckets: str, arm: ArmLabel | None = None) -> MetricTemplateSpec:
    return MetricTemplateSpec(latency=TimedHistogram(buckets=buckets), arm=arm)


def _milliseconds(buckets: str, arm: ArmLabel | None = None) -> MetricTemplateSpec:
    return MetricTemplateSpec(latency=TimedHistogram(buckets=buckets, unit="Milliseconds"), arm=arm)


_TRAEFIK = ArmLabel(label="service", contains="-svc-{namespace}-{revision}-")
_ENVOY = ArmLabel(label="envoy_cluster_name", contains="/{namespace}/{revision}/")
_PROBES = 'handler!~"(.*/)?(metrics|healthz?|livez?|readyz?|ping)",path!~"(.*/)?(metrics|healthz?|livez?|readyz?|ping)"'

BUILT_IN: Mapping[str, MetricTemplateSpec] = MappingProxyType(
    {
        # `path` is the route's template, health and metrics endpoints are not counted. A model that raises answers
        # 500; 422 and 404 are the client's fault and say nothing about the model.
        "mlserver/errors": _errors(
            'rest_server_requests_total{path=~".*/infer",status_code=~"5.."}',
            'rest_server_requests_total{path=~".*/infer"}',
        ),
        "mlserver/latency": _seconds('rest_server_request_duration_seconds_bucket{path=~".*/infer"}'),
        # KServe's own server counts no requests and no failures, so there is no kserve/errors.
        "kserve/latency": _seconds("request_predict_seconds_bucket"),
        # An answer that the client no longer waits for says nothing about the model.
        "triton/errors": _errors(
            'nv_inference_request_failure{reason!="CANCELED"}',
            '{__name__=~"nv_inference_request_(success|failure)",reason!="CANCELED"}',
        ),
        "triton/latency": _milliseconds("nv_inference_first_response_histogram_ms_bucket"),
        "vllm/errors": _errors(
            'http_requests_total{handler=~"/v1/.*",status="5xx"}', 'http_requests_total{handler=~"/v1/.*"}'
        ),
        "vllm/ttft": _seconds("vllm:time_to_first_token_seconds_bucket"),
        # A request's mean, not the histogram of all tokens: those of one request are not independent observations.
        "vllm/inter-token": _seconds("vllm:request_time_per_output_token_seconds_bucket"),
        "traefik/errors": _errors(
            'traefik_service_requests_total{code=~"5.."}', "traefik_service_requests_total", _TRAEFIK
        ),
        "traefik/latency": _seconds("traefik_service_request_duration_seconds_bucket", _TRAEFIK),
        "envoy/errors": _errors(
            'envoy_cluster_upstream_rq_xx{envoy_response_code_class="5"}', "envoy_cluster_upstream_rq_xx", _ENVOY
        ),
        "envoy/latency": _milliseconds("envoy_cluster_upstream_rq_time_bucket", _ENVOY),
        # Whichever of the usual labels is there, it must not say 1xx to 4xx; an absent one says nothing.
        "http/errors": _errors(
            f'http_requests_total{{code!~"[1-4]..",status!~"[1-4]..",status_code!~"[1-4]..",{_PROBES}}}',
            f"http_requests_total{{{_PROBES}}}",
        ),
        "http/latency": _seconds(f"http_request_duration_seconds_bucket{{{_PROBES}}}"),
    }
)
"""By name."""
