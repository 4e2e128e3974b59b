"""Would catch series counted for the wrong arm or Rollout, and series that cannot be counted read as zero."""

from collections.abc import Sequence
from math import inf

import pytest
from crossfade.api.v1alpha1.metrictemplate import ArmLabel
from crossfade.decide.builtin import BUILT_IN
from crossfade.decide.templates import Source
from crossfade.model.evidence import Counters
from crossfade.observe.answers import Answer, Watched, counters_of
from crossfade.ports import NativeSample, RawSeries

ONE = Watched(("ml", "fraud"), {}, frozenset({"fraud-1", "fraud-2"}), "fraud-2")
RATIO = Source("ratio", bad="bad", total="total")
LATENCY = Source("latency", buckets="buckets")
GAUGE = Source("gauge", series="series")
BY_SERVICE = Source("ratio", bad="bad", total="total", arm=BUILT_IN["traefik/errors"].arm)


def pod(revision: str, value: float = 1.0, namespace: str = "ml", **labels: str) -> RawSeries:
    mine = {"namespace": namespace, "revision": revision, "pod": f"{revision}-x"}
    return RawSeries({**mine, **labels}, ((1.0, value),))


def service(name: str, value: float = 1.0, **labels: str) -> RawSeries:
    return RawSeries({"service": name, **labels}, ((1.0, value),))


def counted(source: Source, *answers: Sequence[RawSeries]) -> Counters:
    found = counters_of(ONE, "errors", source, [Answer(0.0, series) for series in answers])
    assert isinstance(found, Counters), found
    return found


def refused(source: Source, *answers: Sequence[RawSeries]) -> str:
    found = counters_of(ONE, "errors", source, [Answer(0.0, series) for series in answers])
    assert isinstance(found, str), found
    return found


def test_each_selector_fills_its_own_side() -> None:
    found = counted(RATIO, [pod("fraud-2", 3.0)], [pod("fraud-1", 50.0), pod("fraud-2", 10.0), pod("other-1", 7.0)])
    assert [(one.revision, one.samples[0][1]) for one in found.bad] == [("fraud-2", 3.0)]
    assert [(one.revision, one.samples[0][1]) for one in found.total] == [("fraud-1", 50.0), ("fraud-2", 10.0)]


def test_a_histogram_becomes_buckets_and_a_gauge_a_gauge() -> None:
    latency = counted(LATENCY, [pod("fraud-1", le="0.5"), pod("fraud-1", 2.0, le="+Inf")])
    assert sorted(latency.buckets) == [0.5, inf]
    assert [one.pod for one in counted(GAUGE, [pod("fraud-2")]).gauges] == ["fraud-2-x"]


def test_the_unit_of_a_template_is_that_of_its_bounds() -> None:
    milliseconds = Source("latency", buckets="buckets", scale=0.001)
    assert sorted(counted(milliseconds, [pod("fraud-1", le="500"), pod("fraud-1", le="+Inf")]).buckets) == [0.5, inf]


@pytest.mark.parametrize(
    "labels",
    [
        {"job": "pods"},
        {"namespace": "ml", "revision": "fraud-1"},
        {"namespace": "ml", "pod": "fraud-1-x"},
        {"pod": "fraud-1-x", "revision": "fraud-1"},
    ],
)
@pytest.mark.parametrize("source", [RATIO, LATENCY, GAUGE])
def test_series_without_our_labels_are_said_so_and_never_read_as_zero(labels: dict[str, str], source: Source) -> None:
    series = [RawSeries(labels, ((1.0, 5.0),))]
    assert refused(source, *(series for _ in source.selectors)) == (
        "the metric 'errors' cannot be counted: its series lack the labels namespace, pod and revision; "
        "see docs/prometheus.md"
    )


@pytest.mark.parametrize("found", [(), (RawSeries({"namespace": "ml", "pod": "unrelated-x"}, ((1.0, 5.0),)),)])
def test_no_series_and_those_of_other_workloads_are_no_fault(found: Sequence[RawSeries]) -> None:
    assert counted(RATIO, found, found) == Counters()


def test_our_own_pod_without_a_revision_is_a_fault_beside_others_that_have_one() -> None:
    assert "lack the labels" in refused(RATIO, [], [RawSeries({"namespace": "ml", "pod": "fraud-1-x"}), pod("b-1")])
    assert counted(RATIO, [], [RawSeries({"namespace": "ml", "pod": "b-1-x"}), pod("fraud-1")]).total


@pytest.mark.parametrize("source", [RATIO, GAUGE])
def test_a_native_histogram_is_no_counter(source: Source) -> None:
    labels = {"namespace": "ml", "revision": "fraud-1", "pod": "fraud-1-x"}
    series = [RawSeries(labels, histograms=(NativeSample(1.0, 1.0, ()),))]
    assert "write it as `latency`" in refused(source, *(series for _ in source.selectors))


def test_a_histogram_that_is_none_is_named() -> None:
    assert refused(LATENCY, [pod("fraud-1")]).startswith("the metric 'errors' is no histogram")


# by the label of a gateway


def test_a_gateways_series_go_to_the_revision_whose_service_they_name() -> None:
    series = [
        service("default-x-svc-ml-fraud-1-8080@kubernetesgateway", 50.0, instance="gw:9101", job="traefik"),
        service("default-x-svc-ml-fraud-2-8080@kubernetesgateway", 10.0, instance="gw:9101", job="traefik"),
        service("default-x-svc-other-fraud-2-8080@kubernetesgateway", 99.0, instance="gw:9101", job="traefik"),
        RawSeries({"entrypoint": "web"}, ((1.0, 99.0),)),
    ]
    found = counted(BY_SERVICE, [], series)
    assert [(one.revision, one.pod, one.samples[0][1]) for one in found.total] == [
        ("fraud-1", "traefik/gw:9101", 50.0),
        ("fraud-2", "traefik/gw:9101", 10.0),
    ]


def test_series_of_a_gateway_without_a_target_are_told_apart_by_their_labels() -> None:
    arm = ArmLabel(label="service", contains="{namespace}/{revision}!")
    source = Source("latency", buckets="buckets", arm=arm)
    series = [service("ml/fraud-1!", le=le, code=code) for le in ("1", "+Inf") for code in ("200", "500")]
    found = counted(source, series)
    assert [[one.pod for one in found.buckets[bound]] for bound in (1.0, inf)] == [
        ["200,ml/fraud-1!", "500,ml/fraud-1!"]
    ] * 2


def test_a_label_that_no_series_has_is_a_fault_and_one_that_names_others_is_none() -> None:
    series = [RawSeries({"entrypoint": "web"}, ((1.0, 1.0),))]
    assert "lack the label service, by which its template tells the arms" in refused(BY_SERVICE, [], series)
    assert counted(BY_SERVICE, [], [service("default-x-svc-ml-other-1-8080@kubernetesgateway")]) == Counters()
    assert counted(BY_SERVICE, [], []) == Counters()


def test_what_a_label_says_is_no_pattern() -> None:
    arm = ArmLabel(label="service", contains=".*{namespace}.*{revision}")
    assert (
        counted(Source("gauge", series="s", arm=arm), [service("-ml-fraud-1"), service(".*ml.*fraud-2")])
        .gauges[0]
        .revision
        == "fraud-2"
    )
