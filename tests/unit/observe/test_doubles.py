"""Would catch requests that count twice because their pod is scraped twice, and several series of one pod refused."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf

import pytest
from crossfade.decide.builtin import BUILT_IN
from crossfade.decide.judge.windows import rounds
from crossfade.decide.templates import Source
from crossfade.model.evidence import Counters
from crossfade.model.ledger import MetricLedger
from crossfade.observe.answers import Answer, Watched, counters_of
from crossfade.ports import NativeSample, RawSeries
from hypothesis import given
from hypothesis import strategies as st

ONE = Watched(("ml", "fraud"), {}, frozenset({"fraud-1", "fraud-2"}), "fraud-2")
RATIO = Source("ratio", bad="bad", total="total")
LATENCY = Source("latency", buckets="buckets")
GAUGE = Source("gauge", series="series")
BY_SERVICE = Source("ratio", bad="bad", total="total", arm=BUILT_IN["traefik/errors"].arm)
STEP = 15.0
ANNOTATIONS = {"job": "pods", "instance": "10.0.0.1:8080"}
MONITOR = {"job": "ml/fraud", "instance": "10.0.0.1:8080", "endpoint": "http", "container": "model"}
OFFSETS = {"pods": 0.0, "ml/fraud": 5.0}
"""No two scrapes of one pod begin at one time: Prometheus spreads them by their labels."""


def scraped(*span: int, **labels: str) -> RawSeries:
    """A counter that rises by 2 a second, as one job shows it: from which of its scrapes to which, all 20 of them."""
    since, until = span or (0, 20)
    times = [STEP * number + OFFSETS.get(labels.get("job", ""), 0.0) for number in range(since, until)]
    mine = {"__name__": "http_requests_total", "namespace": "ml", "revision": "fraud-2", "pod": "fraud-2-x"}
    return RawSeries({**mine, **labels}, tuple((at, 100 + 2 * at) for at in times))


def later(seconds: float, series: RawSeries) -> RawSeries:
    """The same scraped so much later."""
    return replace(series, samples=tuple((at + seconds, value + 2 * seconds) for at, value in series.samples))


def native(series: RawSeries) -> RawSeries:
    """The same as a native histogram that counts nothing but all."""
    return RawSeries(series.labels, histograms=tuple(NativeSample(at, value, ()) for at, value in series.samples))


def counted(*series: RawSeries, source: Source = RATIO) -> Counters:
    answers = [Answer(0.0, series) for _ in source.selectors]
    found = counters_of(ONE, "errors", source, answers)
    assert isinstance(found, Counters), found
    return found


def of_both(*each: dict[str, str], **labels: str) -> list[RawSeries]:
    return [scraped(**one, **labels) for one in each or (ANNOTATIONS, MONITOR)]


# what is a double


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (ANNOTATIONS, MONITOR, '`container` (none and "model"), `endpoint` (none and "http"), `job`'),
        ({"job": "pods", "instance": "a:1"}, {"job": "pods", "instance": "a:2"}, '`instance` ("a:1" and "a:2")'),
        ({"prometheus_replica": "p-0"}, {"prometheus_replica": "p-1"}, '`prometheus_replica` ("p-0" and "p-1")'),
        ({"replica": "a"}, {"replica": "b"}, '`replica` ("a" and "b")'),
        ({"container": "model"}, {"container": "proxy"}, '`container` ("model" and "proxy")'),
        ({"job": "a"}, {"job": "b", "app": "fraud", "team": "risk"}, '`app` (none and "fraud"), `job` ("a" and "b")'),
    ],
)
def test_one_pod_that_two_scrapes_show_is_told_with_the_labels_that_differ(
    first: dict[str, str], second: dict[str, str], told: str
) -> None:
    found = counted(scraped(**first), later(4.2, scraped(**second)))
    assert found.doubled.startswith("the pod fraud-2-x is scraped more than once, so its requests count as often: ")
    assert f"series of `http_requests_total` differ in nothing but {told}" in found.doubled
    assert "scrape it once" in found.doubled
    assert len(found.doubled) < 600


@pytest.mark.parametrize("label", ["prometheus_replica", "receive_replica", "__replica__"])
def test_copies_of_one_sample_in_a_store_are_told(label: str) -> None:
    """Thanos Receive keeps each sample in several replicas: a query without deduplication shows all, at one time."""
    found = counted(*of_both({label: "a"}, {label: "b"}))
    assert f'`{label}` ("a" and "b")' in found.doubled
    assert len(found.total) == 1


def test_labels_of_any_length_make_a_sentence_of_bounded_length() -> None:
    labels = {f"{letter}" * 500: letter * 5000 for letter in "abcdefgh"}
    found = counted(scraped(job="a" * 900), later(4.2, scraped(job="b" * 900, **labels)))
    assert "and 6 more" in found.doubled
    assert len(found.doubled) < 800


@pytest.mark.parametrize("source", [RATIO, GAUGE])
def test_what_is_shown_twice_counts_once_all_the_same(source: Source) -> None:
    found = counted(*of_both(), source=source)
    assert len(found.total or found.gauges) == 1
    assert found.doubled


def test_histograms_are_doubled_too() -> None:
    series = [one for le in ("0.5", "+Inf") for one in of_both(le=le)]
    found = counted(*series, source=LATENCY)
    assert found.doubled
    assert [len(one) for one in found.buckets.values()] == [1, 1]
    found = counted(*map(native, of_both()), source=LATENCY)
    assert found.doubled
    assert len(found.buckets[inf]) == 1


def test_bad_requests_alone_that_are_doubled_are_told() -> None:
    answers = [Answer(0.0, of_both(code="500")), Answer(0.0, [scraped(**ANNOTATIONS)])]
    found = counters_of(ONE, "errors", RATIO, answers)
    assert isinstance(found, Counters)
    assert found.doubled


def test_a_gateway_that_is_scraped_twice_is_told_and_two_of_its_pods_are_not() -> None:
    service = "default-x-svc-ml-fraud-2-8080@kubernetesgateway"
    gone = {"namespace": "", "revision": "", "pod": "", "service": service}
    one, other = scraped(job="a", instance="gw:9101", **gone), later(3.0, scraped(job="b", instance="gw:9101", **gone))
    another = later(3.0, scraped(job="a", instance="gw-2:9101", **gone))
    assert counted(one, other, source=BY_SERVICE).doubled.startswith("the pod gw:9101 is scraped more than once")
    assert not counted(one, another, source=BY_SERVICE).doubled
    split = {**gone, "service": "default-y-svc-ml-fraud-2-8080@kubernetesgateway"}
    assert not counted(one, later(3.0, scraped(job="b", instance="gw:9101", **split)), source=BY_SERVICE).doubled
    named = {**gone, "namespace": "gateways", "pod": "traefik-x"}
    assert counted(
        scraped(job="a", instance="1", **named),
        later(3.0, scraped(job="b", instance="2", **named)),
        source=BY_SERVICE,
    ).doubled


# what is none


@pytest.mark.parametrize(
    "label", ["model_name", "method", "code", "le", "version", "port", "endpoint", "service", "replica"]
)
def test_several_series_of_one_scrape_are_several_counters(label: str) -> None:
    series = [scraped(**ANNOTATIONS, **{label: value}) for value in ("1", "2", "3")]
    found = counted(*series)
    assert (found.doubled, len(found.total)) == ("", 3)


@pytest.mark.parametrize("label", ["endpoint", "service", "replica"])
def test_a_label_of_the_servers_own_tells_its_series_apart_beside_another_scrape(label: str) -> None:
    series = [scraped(**ANNOTATIONS, **{label: value}) for value in ("1", "2", "3")]
    assert not counted(*series, later(3.0, scraped(job="b", **{label: "4"}))).doubled
    assert counted(*series, later(3.0, scraped(job="b", **{label: "3"})), later(3.0, scraped(job="b"))).doubled


def test_a_label_that_prometheus_renamed_is_the_servers_own() -> None:
    renamed = [{**MONITOR, "exported_endpoint": path} for path in ("/a", "/b")]
    mine = [{**ANNOTATIONS, "endpoint": path} for path in ("/a", "/b")]
    assert counted(*of_both(*mine, *renamed)).doubled
    assert not counted(
        *of_both(mine[0], renamed[1], mine[0] | {"endpoint": "/c"}, renamed[1] | {"exported_endpoint": "/d"})
    ).doubled
    assert not counted(*of_both(*renamed)).doubled
    assert not counted(*of_both(renamed[0], renamed[1] | {"job": "pods"})).doubled, "each scrape shows one path"


def test_the_label_that_tells_the_arms_is_none_that_a_scrape_adds_also_where_prometheus_renamed_it() -> None:
    """All series of a gateway's scrape may have it alike."""
    arm = BUILT_IN["traefik/errors"].arm
    assert arm is not None
    source = replace(BY_SERVICE, arm=arm.model_copy(update={"label": "exported_service"}))
    gone = {"namespace": "", "revision": "", "pod": "", "service": "traefik"}
    one, other = ({**gone, "exported_service": f"default-{way}-svc-ml-fraud-2-8080@kubernetesgateway"} for way in "xy")
    ways = [one | {"job": "a", "instance": "gw:9101"}, other | {"job": "b", "instance": "gw:9102"}]
    pods = [{**way, "namespace": "gateways", "pod": "traefik-x"} for way in ways]
    assert not counted(
        *(later(at, scraped(**pod)) for at, pod in zip((0.0, 3.0), pods, strict=True)), source=source
    ).doubled


def test_a_counter_that_was_born_later_or_that_ended_is_of_the_same_scrape() -> None:
    born = scraped(12, 20, endpoint="/b", job="pods")
    ended = scraped(0, 9, endpoint="/c", job="pods")
    found = counted(scraped(endpoint="/a", job="pods"), born, ended)
    assert (found.doubled, len(found.total)) == ("", 3)


def test_a_counter_that_was_born_while_another_was_there_that_ended_is_of_the_same_scrape() -> None:
    """Neither has all times of the other, but most."""
    found = counted(scraped(0, 15, endpoint="/a", job="pods"), scraped(5, 20, endpoint="/b", job="pods"))
    assert (found.doubled, len(found.total)) == ("", 2)


def test_two_ports_with_other_metrics_are_two_counters_and_one_metric_on_two_ports_is_one() -> None:
    ports = {"job": "pods", "instance": "a:1"}, {"job": "pods", "instance": "a:2"}
    names = "nv_inference_request_success", "nv_inference_request_failure"
    series = [
        later(at, scraped(**port, __name__=name)) for port, name, at in zip(ports, names, (0.0, 4.2), strict=True)
    ]
    assert not counted(*series).doubled
    assert counted(*(later(at, scraped(**port)) for port, at in zip(ports, (0.0, 4.2), strict=True))).doubled


def test_two_scrapes_that_show_other_models_are_no_double() -> None:
    found = counted(scraped(job="a", model_name="one"), later(3.0, scraped(job="b", model_name="two")))
    assert (found.doubled, len(found.total)) == ("", 2)


def test_two_pods_and_two_revisions_are_no_double() -> None:
    pods = [
        scraped(job="a"),
        later(3.0, scraped(job="b", pod="fraud-2-y")),
        scraped(revision="fraud-1", pod="fraud-1-z"),
    ]
    assert (counted(*pods).doubled, len(counted(*pods).total)) == ("", 3)


def test_series_without_samples_are_none_of_it() -> None:
    empty = replace(scraped(job="b"), samples=())
    assert not counted(scraped(job="a"), empty, replace(empty, labels={**empty.labels, "job": "c"})).doubled


# one after the other


@pytest.mark.parametrize("shown", [lambda one: one, native], ids=["counters", "native histograms"])
def test_a_scrape_that_came_and_went_changes_nothing_of_what_the_lasting_ones_show(
    shown: Callable[[RawSeries], RawSeries],
) -> None:
    """One job after the other, and a third for a while: all that is counted is in order, and of the two."""
    before, after = scraped(0, 10, job="pods"), scraped(10, 20, job="ml/fraud")
    for_a_while = later(4.2, scraped(4, 7, job="tried"))
    source = LATENCY if shown is native else RATIO
    found = counted(*map(shown, (before, for_a_while, after)), source=source)
    (one,) = found.buckets[inf] if shown is native else found.total
    assert [at for at, *_ in one.samples] == [at for series in (before, after) for at, _ in series.samples]
    assert not found.doubled


def test_who_lasts_longest_counts_throughout() -> None:
    throughout, for_a_while = scraped(job="pods"), later(4.2, scraped(8, 11, job="tried"))
    (one,) = counted(throughout, for_a_while).total
    assert [at for at, *_ in one.samples] == [at for at, _ in throughout.samples]


def requests(found: Counters, since: float) -> int:
    """What the judge counts of the candidate after that time (s), in all rounds."""
    windows = rounds(found, "ratio", "fraud-1", "fraud-2", MetricLedger(end=since), STEP, 10.0)
    return sum(pod.total for window, _ in windows for pod in window.candidate)


def test_a_pod_that_another_job_takes_over_is_no_double_and_none_of_its_requests_counts_anew() -> None:
    before, after = scraped(0, 10, **ANNOTATIONS), scraped(10, 20, **MONITOR)
    found = counted(before, after)
    assert (found.doubled, len(found.total)) == ("", 1)
    assert requests(found, since=5 * STEP) == 2 * (after.samples[-1][0] - 5 * STEP)


def test_a_double_that_is_over_is_none_any_more_and_counts_once() -> None:
    both = scraped(0, 12, **ANNOTATIONS), scraped(8, 20, **MONITOR)
    found = counted(*both)
    assert (found.doubled, len(found.total)) == ("", 1)
    assert requests(found, since=5 * STEP) == 2 * (both[1].samples[-1][0] - 5 * STEP)
    assert found.total[0].samples == (*both[0].samples[:9], *both[1].samples)
    assert counted(scraped(0, 18, **ANNOTATIONS), scraped(8, 20, **MONITOR)).doubled


def test_a_pod_that_is_gone_is_no_double_while_others_are_scraped() -> None:
    gone = scraped(0, 10, **ANNOTATIONS), scraped(0, 10, **MONITOR)
    assert counted(*gone).doubled
    assert not counted(*gone, scraped(pod="fraud-2-y", **ANNOTATIONS)).doubled


def test_a_scrape_that_just_began_beside_another_is_told_with_the_next_sample_of_the_first() -> None:
    first = scraped(0, 10, **ANNOTATIONS)
    assert not counted(first, scraped(9, 10, **MONITOR)).doubled
    assert counted(scraped(0, 11, **ANNOTATIONS), scraped(9, 10, **MONITOR)).doubled


@pytest.mark.parametrize("at", [[0], [7], [19], range(10)], ids=["first", "then", "last", "half of all"])
def test_two_scrapes_that_sometimes_began_at_the_same_time_are_two_all_the_same(at: Sequence[int]) -> None:
    """So they do after a standstill of Prometheus."""
    one, other = scraped(container="a"), later(4.2, scraped(container="b"))
    samples = [one.samples[number] if number in at else each for number, each in enumerate(other.samples)]
    assert counted(one, replace(other, samples=tuple(samples))).doubled


def test_the_very_first_sample_that_two_scrapes_show_is_told() -> None:
    assert counted(*(scraped(0, 1, prometheus_replica=name) for name in "ab")).doubled


def test_native_histograms_are_joined_too() -> None:
    found = counted(native(scraped(0, 10, **ANNOTATIONS)), native(scraped(10, 20, **MONITOR)), source=LATENCY)
    (whole,) = found.buckets[inf]
    assert (found.doubled, len(whole.samples)) == ("", 20)


def test_series_that_cannot_be_matched_one_to_one_are_left_as_they_are() -> None:
    """A proxy by code, and a server by handler after it: which continues which?"""
    before = [scraped(0, 10, job="a", method="GET", code=code) for code in ("200", "500")]
    after = [later(3.0, scraped(10, 20, job="b", method="GET", handler=handler)) for handler in ("/v1", "/v2")]
    found = counted(*before, *after)
    assert (found.doubled, len(found.total)) == ("", 4)
    assert counted(*before, later(3.0, scraped(0, 10, job="b", method="GET", handler="/v1"))).doubled


@given(
    st.lists(st.integers(1, 19), unique=True, max_size=4).map(sorted),
    st.lists(st.integers(0, 30), min_size=20, max_size=20),
    st.sampled_from(["job", "instance", "prometheus_replica", "container", "endpoint"]),
)
def test_whoever_scrapes_a_pod_one_after_the_other_counts_what_one_would(
    changes: Sequence[int], rises: Sequence[int], label: str
) -> None:
    values = [sum(rises[: place + 1]) for place in range(20)]
    samples = tuple((STEP * place, 500.0 + value) for place, value in enumerate(values))

    def parts() -> Iterable[RawSeries]:
        for number, (start, end) in enumerate(pairwise([0, *changes, 20])):
            yield replace(scraped(**{label: str(number)}), samples=samples[start:end])

    found = counted(*parts())
    assert not found.doubled
    assert requests(found, since=samples[0][0] + 1) == requests(counted(replace(scraped(), samples=samples)), since=1.0)
