"""Would catch a doctor that reads half of a list, waits for what hangs, or takes one refusal for all."""

import asyncio
from collections.abc import Mapping

import pytest
from crossfade.doctor.checks import examined
from crossfade.doctor.finding import Level
from crossfade.observe import examiner
from crossfade.ports import ClusterError, MetricsError, Object, RawSeries

from tests.unit.doctor.cluster import FakeCluster, Prometheus, child, labelled, operator, the, told
from tests.unit.doctor.cluster import examined as facts_of


class Paged(FakeCluster):
    """Gives one object a page."""

    async def read(self, path: str, query: Mapping[str, str]) -> Object:
        """See doctor.ports.Reader."""
        answer = await super().read(path, query)
        if "limit" not in query:
            return answer
        at, items = int(query.get("continue") or 0), answer["items"]
        more = {"continue": str(at + 1)} if at + 1 < len(items) else {}
        return {"items": items[at : at + 1], "metadata": more}


def test_all_pages_of_a_list_are_read() -> None:
    cluster = Paged()
    cluster.objects["services"] = [child(f"fraud-{at}", "fraud") for at in range(4)]
    assert len(facts_of(cluster).all("services")) == 4


def test_a_list_that_is_too_long_is_not_taken_for_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examiner, "_MOST_PAGES", 2)
    cluster = Paged()
    cluster.objects["services"] = [child(f"fraud-{at}", "fraud") for at in range(4)]
    assert "--namespace" in the(cluster, "leftovers", Level.UNSEEN).seen


class Hanging(FakeCluster):
    """Answers no review."""

    async def may(self, user: str, attributes: Mapping[str, str]) -> bool:
        """See doctor.ports.Reader."""
        await asyncio.Event().wait()
        return True


def test_reviews_that_hang_are_a_finding_and_hold_up_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examiner, "_REVIEW_SECONDS", 0.05)
    cluster = Hanging()
    assert "was not answered within 0.05 s" in the(cluster, "rights", Level.UNSEEN).seen
    assert told(cluster, "kinds")[0].level is Level.OK


class Silent(Prometheus):
    """Answers its first query alone."""

    async def window(self, selector: str, seconds: int) -> list[RawSeries]:
        """See doctor.ports.Queries."""
        await asyncio.Event().wait()
        return []


def test_a_prometheus_that_hangs_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examiner, "_QUERY_SECONDS", 0.05)
    cluster = FakeCluster()
    cluster.prometheus = lambda address: Silent(shown=address)
    assert "did not answer all queries within 0.05 s" in the(cluster, "prometheus", Level.UNSEEN).seen


class Refusing(Prometheus):
    """Refuses one selector."""

    async def window(self, selector: str, seconds: int) -> list[RawSeries]:
        """See doctor.ports.Queries."""
        if "rest_server" in selector:
            raise MetricsError("it refused the selector")
        return list(await super().window(selector, seconds))


def test_a_selector_that_is_refused_is_its_metrics_fault_and_not_prometheus() -> None:
    cluster = FakeCluster()
    cluster.prometheus = lambda address: Refusing(shown=address)
    assert the(cluster, "metrics").seen == "Rollout ml/fraud: the metric errors cannot be read: it refused the selector"
    assert told(cluster, "prometheus")[0].level is Level.OK


def test_each_operator_is_looked_at_by_its_own_prometheus() -> None:
    cluster, there = FakeCluster(), "http://b.example"
    second = operator("b", "risk", CROSSFADE_NAMESPACES="risk", CROSSFADE_PROMETHEUS_ADDRESS=there)
    cluster.objects["operators"] = [operator(CROSSFADE_NAMESPACES="ml"), second]
    found = {one.address: one.namespaces for one in facts_of(cluster).prometheuses}
    assert found == {"http://prometheus.monitoring:9090": ("ml",), there: ("risk",)}


def test_sources_that_cannot_be_read_are_said_and_not_left_out() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"] = [operator(CROSSFADE_METRICS_SOURCES="/etc/crossfade/metrics/sources.yaml")]
    assert "crossfade-system/crossfade-metrics" in the(cluster, "prometheus", Level.UNSEEN).seen
    listed = {"metadata": labelled("crossfade-metrics", "crossfade-system"), "data": {"sources.yaml": "- {name: x}"}}
    cluster.objects["configmaps"] = [listed]
    assert "`prometheus.sources`: [0].address" in the(cluster, "prometheus", Level.UNSEEN).seen


class Down(FakeCluster):
    """Answers with 500 to everything but its version."""

    async def read(self, path: str, query: Mapping[str, str]) -> Object:
        """See doctor.ports.Reader."""
        if path == "/version":
            return await super().read(path, query)
        raise ClusterError(f"the API server refused GET {path} with 500: etcd is gone", 500)


def test_an_api_server_that_fails_leaves_nothing_that_is_taken_for_well() -> None:
    found = examined(facts_of(Down()))
    levels = {check.name: {one.level for one in findings} for check, findings in found}
    assert {name for name, one in levels.items() if one == {Level.OK}} == {"kubernetes"}
    assert all(one == {Level.UNSEEN} for name, one in levels.items() if name != "kubernetes")
