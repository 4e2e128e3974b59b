"""Would catch a Prometheus that rollouts hold for, and of which the doctor says that it is well."""

import re
from functools import partial
from typing import Any

import pytest
from crossfade.doctor.finding import Level
from crossfade.doctor.ports import GoneError
from crossfade.ports import MetricsError, RawSeries

from tests.unit.doctor.cluster import (
    NOW,
    OBJECTIVE,
    FakeCluster,
    Prometheus,
    examined,
    labelled,
    operator,
    rollout,
    series,
    the,
)
from tests.unit.doctor.cluster import told as told_of


def judged(**options: Any) -> FakeCluster:
    cluster = FakeCluster()
    cluster.prometheus = lambda address: Prometheus(shown=address, **options)
    return cluster


def test_one_that_is_not_there_for_the_operator_either_is_a_fault() -> None:
    cluster = judged(failure=GoneError('there is nobody: services "prometheus" not found'))
    found = the(cluster, "prometheus")
    assert 'Prometheus at http://prometheus.monitoring:9090: there is nobody: services "prometheus"' in found.seen
    assert "prometheus.address" in found.cure
    assert the(cluster, "scrapes", Level.UNSEEN).seen == "what is scraped: no Prometheus answers"


def test_one_that_is_not_reached_from_here_may_be_well() -> None:
    cluster = judged(failure=MetricsError("it did not answer within 10 s"))
    found = the(cluster, "prometheus", Level.UNSEEN)
    assert "asked directly: it did not answer within 10 s" in found.seen
    assert "--prometheus" in found.cure


@pytest.mark.parametrize(("off", "level"), [(40.0, Level.FAULT), (-40.0, Level.FAULT), (-6.0, Level.WARNING)])
def test_a_clock_that_is_off_is_told_by_how_much(off: float, level: Level) -> None:
    found = the(judged(clock=NOW + off), "prometheus", level)
    told = re.search(r"a clock that is (\d+) s (ahead of|behind) the API server's", found.seen)
    assert told is not None
    assert int(told[1]) == pytest.approx(abs(off), abs=2.0)
    assert told[2] == ("ahead of" if off > 0 else "behind")
    assert "NTP" in found.cure


def test_a_version_that_is_not_scraped_is_named_with_the_labels_that_it_lacks() -> None:
    cluster = judged(has=[series(revision="another")])
    found = the(cluster, "scrapes")
    assert 'no series with namespace="ml" and revision="fraud-5d8f"' in found.seen
    assert "crossfade.dev/revision" in found.cure


def test_series_of_the_metrics_themselves_are_enough() -> None:
    only: dict[str, list[RawSeries]] = {'up{namespace!="",pod!="",revision!=""}': []}
    (found,) = told_of(judged(only=only), "scrapes")
    assert found.level is Level.OK


@pytest.mark.parametrize(("every", "level"), [(15.0, Level.OK), (90.0, Level.WARNING), (200.0, Level.FAULT)])
def test_rare_scrapes_are_told(every: float, level: Level) -> None:
    (found,) = told_of(judged(has=[series(every)]), "scrapes")
    assert (found.level, f"every {every:.0f} s" in found.seen) == (level, True)


def test_a_template_that_is_not_there_is_told_with_those_that_are() -> None:
    cluster = FakeCluster()
    metric = {"name": "errors", "template": "my-errors", "objective": OBJECTIVE}
    cluster.objects["rollouts"] = [rollout(analysis={"metrics": [metric]})]
    found = the(cluster, "metrics")
    assert "names the template 'my-errors', which does not exist" in found.seen
    assert "spec.analysis.metrics[errors]" in found.cure
    template = {"metadata": labelled("my-errors", "ml"), "spec": {"ratio": {"bad": "bad", "total": "all"}}}
    cluster.objects["metrictemplates"] = [template]
    assert told_of(cluster, "metrics")[0].level is Level.OK


def test_a_template_that_this_release_cannot_read_is_none_and_ends_nothing() -> None:
    cluster = FakeCluster()
    cluster.objects["metrictemplates"] = [{"metadata": labelled("new", "ml"), "spec": {"tokens": {}}}]
    assert told_of(cluster, "metrics")[0].level is Level.OK


def test_a_metric_without_series_is_a_warning_for_it_may_have_no_requests() -> None:
    up = 'up{namespace!="",pod!="",revision!=""}'
    cluster = judged(has=[], only={up: [series()]})
    found = the(cluster, "metrics", Level.WARNING)
    assert "the metric errors has no series of revision fraud-5d8f" in found.seen


def test_pods_that_two_jobs_scrape_are_a_fault_with_the_labels_that_differ() -> None:
    other = series(14.0, job="pods")
    found = the(judged(has=[series(job="monitor"), other]), "metrics")
    assert "the metric errors: the pod fraud-1 is scraped more than once" in found.seen
    assert '`job` ("monitor" and "pods")' in found.seen
    assert "Thanos" in found.cure
    (well,) = told_of(judged(has=[series(job="monitor", code=code) for code in ("200", "500")]), "metrics")
    assert well.level is Level.OK


def test_a_prometheus_that_the_operator_does_not_know_is_a_fault_of_that_field() -> None:
    cluster = FakeCluster()
    analysis = {**rollout()["spec"]["analysis"], "prometheus": "mimir"}
    cluster.objects["rollouts"] = [rollout(analysis=analysis)]
    found = the(cluster, "metrics")
    assert "is judged by Prometheus `mimir`, and its operator knows default" in found.seen
    assert "prometheus.sources" in found.cure


def test_one_that_wants_credentials_is_not_asked_for_they_are_the_operators() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"] = [operator(CROSSFADE_METRICS_SOURCES="/etc/crossfade/metrics/sources.yaml")]
    listed = "- {name: default, address: 'https://mimir.example', tenant: ml}"
    sources = {"metadata": labelled("crossfade-metrics", "crossfade-system"), "data": {"sources.yaml": listed}}
    cluster.objects["configmaps"] = [sources]
    found = the(cluster, "prometheus", Level.UNSEEN)
    assert "https://mimir.example" in found.seen
    assert "only the operator has" in found.seen


def test_without_an_operator_nobody_knows_which_prometheus_it_is() -> None:
    cluster = FakeCluster()
    cluster.objects["operators"] = []
    assert "--prometheus" in the(cluster, "prometheus", Level.UNSEEN).cure


def test_metrics_that_nobody_could_be_asked_for_are_not_said_to_be_readable() -> None:
    found = the(judged(failure=MetricsError("it did not answer within 10 s")), "metrics", Level.UNSEEN)
    assert "1 metric of Rollouts: no Prometheus answers" in found.seen
    cluster = FakeCluster()
    cluster.objects["operators"] = []
    assert "no Prometheus answers" in the(cluster, "metrics", Level.UNSEEN).seen


@pytest.mark.parametrize(("ago", "level"), [(5.0, Level.UNSEEN), (200.0, Level.FAULT)])
def test_pods_that_were_scraped_once_just_now_are_no_fault_of_the_interval(ago: float, level: Level) -> None:
    labels = {"namespace": "ml", "pod": "fraud-1", "revision": "fraud-5d8f"}
    found = the(judged(has=[RawSeries(labels, ((NOW - ago, 1.0),))]), "scrapes", level)
    assert "scrape_interval" in found.cure


def told_of_sources(text: str) -> FakeCluster:
    cluster = FakeCluster()
    cluster.objects["operators"] = [operator(CROSSFADE_METRICS_SOURCES="/etc/crossfade/metrics/sources.yaml")]
    sources = {"metadata": labelled("crossfade-metrics", "crossfade-system"), "data": {"sources.yaml": text}}
    cluster.objects["configmaps"] = [sources]
    analysis = {**rollout()["spec"]["analysis"], "prometheus": "mimir"}
    cluster.objects["rollouts"] = [rollout(analysis=analysis)]
    return cluster


def test_another_address_for_the_default_one_leaves_the_others_as_they_are() -> None:
    cluster = told_of_sources("- {name: mimir, address: 'https://mimir.example'}")
    for prometheus in (None, "http://127.0.0.1:9090"):
        assert {one.level for one in told_of(cluster, "metrics", prometheus=prometheus)} == {Level.OK}
    addresses = {one.name: one.address for one in examined(cluster, prometheus="http://127.0.0.1:9090").prometheuses}
    assert addresses == {"default": "http://127.0.0.1:9090", "mimir": "https://mimir.example"}


def test_sources_that_could_not_be_read_make_no_fault_of_who_names_one() -> None:
    cluster = told_of_sources("")
    cluster.refused = {"configmaps"}
    for prometheus in (None, "http://127.0.0.1:9090"):
        (found,) = told_of(cluster, "metrics", prometheus=prometheus)
        assert found.level is Level.UNSEEN


def one_of_two(failure: MetricsError, address: str) -> Prometheus:
    return Prometheus(shown=address, failure=failure if "mimir" in address else None)


def test_the_cure_of_another_source_is_not_that_of_the_default_one() -> None:
    listed = "- {name: mimir, address: 'https://mimir.example'}"
    for failure, level in ((MetricsError("it did not answer"), Level.UNSEEN), (GoneError("nobody"), Level.FAULT)):
        cluster = told_of_sources(listed)
        cluster.prometheus = partial(one_of_two, failure)
        cure = the(cluster, "prometheus", level).cure
        assert ("`mimir`" in cure, "give an address" in cure, "prometheus.address" in cure) == (True, False, False)
    cluster = told_of_sources(listed)
    cluster.refused = {"configmaps"}
    assert "may get" in the(cluster, "prometheus", Level.UNSEEN).cure
