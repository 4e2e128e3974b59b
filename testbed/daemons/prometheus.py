"""Prometheus, which scrapes annotated pods and the gateway, and takes history by remote write."""

import json

from testbed import address
from testbed.daemons.daemon import Daemon
from testbed.daemons.gateway import METRICS
from testbed.layout import Layout, Plan

READY = f"{address.PROMETHEUS}/-/ready"
_ANNOTATION = "__meta_kubernetes_pod_annotation_prometheus_io_"
_LABELS = {
    "__meta_kubernetes_namespace": "namespace",
    "__meta_kubernetes_pod_name": "pod",
    "__meta_kubernetes_pod_label_crossfade_dev_rollout": "rollout",
    "__meta_kubernetes_pod_label_crossfade_dev_revision": "revision",
}


def prometheus(plan: Plan, layout: Layout) -> Daemon:
    """Write the configuration and return the daemon.

    A new pod is scraped within about a second: the scrape manager's five seconds of patience are cut to a tenth.
    """
    folder = layout.folder / "prometheus"
    folder.mkdir(exist_ok=True)
    config = folder / "prometheus.yml"
    config.write_text(json.dumps(_config(plan, layout), indent=1))  # JSON is YAML
    flags = (
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address.HOST}:{address.PROMETHEUS_PORT}",
        "--web.enable-remote-write-receiver",
        "--web.enable-lifecycle",
        "--scrape.discovery-reload-interval=100ms",
        "--log.level=warn",
    )
    return Daemon("prometheus", (*plan.programs["prometheus"], *flags))


def _config(plan: Plan, layout: Layout) -> dict[str, object]:
    interval = f"{round(plan.scrape_seconds * 1000)}ms"
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval},
        "storage": {"tsdb": {"out_of_order_time_window": "2h"}},
        "scrape_configs": [
            {"job_name": "traefik", "static_configs": [{"targets": [METRICS]}]},
            {
                "job_name": "pods",
                "kubernetes_sd_configs": [
                    {"role": "pod", "kubeconfig_file": str(layout.kubeconfig_of("prometheus"))},
                ],
                "relabel_configs": _relabelling(),
            },
        ],
    }


def _relabelling() -> list[dict[str, object]]:
    """Keep pods that ask to be scraped and run; honour port and path; name namespace, pod, rollout and revision."""
    keep: list[dict[str, object]] = [
        {"source_labels": [f"{_ANNOTATION}scrape"], "regex": "true", "action": "keep"},
        {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Pending|Running", "action": "keep"},
        {"source_labels": ["__meta_kubernetes_pod_container_init"], "regex": "true", "action": "drop"},
    ]
    where: list[dict[str, object]] = [
        {"source_labels": [f"{_ANNOTATION}path"], "regex": "(.+)", "target_label": "__metrics_path__"},
        # A named port makes one target a pod: all its containers' ports become the same address.
        {
            "source_labels": ["__meta_kubernetes_pod_ip", f"{_ANNOTATION}port"],
            "regex": "(.+);(.+)",
            "replacement": "$1:$2",
            "target_label": "__address__",
        },
    ]
    labels: list[dict[str, object]] = [
        {"source_labels": [source], "target_label": target} for source, target in _LABELS.items()
    ]
    return keep + where + labels
