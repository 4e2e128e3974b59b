"""Would catch an alert or a panel of a series that the operator does not export, a query that is none, or an alert that
leads to no runbook.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crossfade.telemetry import metrics
from prometheus_client import REGISTRY, Histogram
from prometheus_client.metrics import MetricWrapperBase

from tests.chart.rendering import ROOT, Object, Render, one

_TARGET = {"namespace", "pod"}
"""Labels that Prometheus itself puts on what it scrapes."""
_OWN = {"crossfade", "process", "python"}
"""What names of series begin with that a process of the operator may export."""


def exported() -> dict[str, set[str]]:
    """Every series that the operator can export, with its labels' names."""
    found: dict[str, set[str]] = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            for described in metric.describe():
                endings = ["_bucket", "_sum", "_count"] if isinstance(metric, Histogram) else [""]
                total = "_total" if described.type == "counter" else ""
                for ending in endings:
                    labels = {*metric._labelnames, *(["le"] if ending == "_bucket" else [])}
                    found[f"{described.name}{total}{ending}"] = labels
    process = {sample.name: set(sample.labels) for metric in REGISTRY.collect() for sample in metric.samples}
    return process | found


@pytest.fixture
def alerts(render: Render) -> list[Object]:
    (group,) = one(render("alerts.enabled=true"), "PrometheusRule")["spec"]["groups"]
    return list(group["rules"])


@pytest.fixture
def dashboard(render: Render) -> Object:
    found = render("dashboard.enabled=true", 'dashboard.annotations={"grafana_folder":"ML"}')
    placed = one(found, "ConfigMap")
    assert placed["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert placed["metadata"]["annotations"] == {"grafana_folder": "ML"}
    return dict(json.loads(placed["data"]["crossfade.json"]))


def queries(alerts: list[Object], dashboard: Object) -> Iterator[str]:
    """All expressions, with what Grafana fills in filled in."""
    yield from (alert["expr"] for alert in alerts)
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "1m").replace("$namespace", "crossfade-system")


def test_each_query_is_of_series_that_the_operator_exports(alerts: list[Object], dashboard: Object) -> None:
    known = exported()
    for query in queries(alerts, dashboard):
        series = set(re.findall(rf"\b(?:{'|'.join(_OWN)})_\w+", query))
        assert series, query
        assert series <= known.keys(), query
        assert query.count('namespace="crossfade-system"') >= 1, query


def test_the_first_rollback_is_an_increase() -> None:
    """Of a series that is there, at 0, before it: one that began with 1 would have had none."""
    fresh = "import crossfade.telemetry.metrics, prometheus_client as p; print(p.generate_latest().decode())"
    told = subprocess.run([sys.executable, "-c", fresh], capture_output=True, text=True, check=True).stdout
    assert 'crossfade_rollout_seconds_count{result="RolledBack"} 0.0' in told.splitlines()


def test_whatever_the_operator_says_of_itself_is_on_the_dashboard(dashboard: Object) -> None:
    """But for who holds the Lease, which is told by who leads."""
    shown = "\n".join(queries([], dashboard))
    own = {name for name in exported() if name.startswith("crossfade_") and not name.endswith(("_sum", "_created"))}
    families = {re.sub("_(bucket|count)$", "", name) for name in own} - {"crossfade_lease_holder"}
    assert {name for name in families if name not in shown} == set()


def test_each_alert_leads_to_a_chapter_and_each_chapter_is_of_an_alert(alerts: list[Object]) -> None:
    page = ROOT / "docs" / "runbooks.md"
    chapters = [line.removeprefix("## ") for line in page.read_text().splitlines() if line.startswith("## ")]
    assert [alert["alert"] for alert in alerts] == chapters
    for alert in alerts:
        place, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert place.endswith(f"/docs/{page.name}")
        assert anchor == alert["alert"].lower()


def test_alerts_are_of_the_release_and_lead_where_people_keep_the_page(render: Render) -> None:
    values = 'alerts.runbooks="https://wiki.example/crossfade"', 'alerts.labels={"release":"kps"}'
    rule = one(render("alerts.enabled=true", *values), "PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "kps"
    urls = [alert["annotations"]["runbook_url"] for alert in rule["spec"]["groups"][0]["rules"]]
    assert all(url.startswith("https://wiki.example/crossfade#crossfade") for url in urls)


def test_the_chart_makes_none_of_them_unless_it_is_asked(render: Render) -> None:
    asked = {"PrometheusRule", "PodMonitor", "ServiceMonitor", "ConfigMap", "NetworkPolicy"}
    assert not asked & {found["kind"] for found in render()}


@pytest.mark.slow
def test_each_query_is_one_and_by_labels_that_its_series_have(
    alerts: list[Object], dashboard: Object, manifests_environment: Path
) -> None:
    asked = list(queries(alerts, dashboard))
    command = [str(manifests_environment / "bin" / "python"), str(Path(__file__).with_name("queries.py"))]
    told = subprocess.run(command, input=json.dumps([*asked, "sum("]), capture_output=True, text=True, check=True)
    *answers, broken = json.loads(told.stdout)
    assert isinstance(broken, str), "the parser takes anything"
    known = exported()
    for query, found in zip(asked, answers, strict=True):
        assert isinstance(found, list), f"{query}: {found}"
        names = {series for series, _ in found if series}
        assert names
        labels = set().union(*(known[name] for name in names)) | _TARGET
        assert {label for _, matched in found for label in matched} <= labels, query
