"""Catches a template that reads the wrong series, a misfit that is judged in silence, a start on a metric that lies."""

import re
from math import inf
from pathlib import Path
from typing import Any

import pytest
from crossfade.api.v1alpha1.analysis import Metric
from crossfade.api.v1alpha1.metrictemplate import ArmLabel, MetricTemplateSpec
from crossfade.decide.builtin import BUILT_IN
from crossfade.decide.preflight import problem
from crossfade.decide.templates import Source, is_of, kinds_of, source_of
from crossfade.model.evidence import Counters, Series
from hypothesis import given
from hypothesis import strategies as st

_PAGE = Path(__file__).parents[3] / "docs" / "metric-templates.md"
_SHARE = {"absolute": {"max": "0.02"}}
_ERRORS = {"relative": {"rollbackAbove": 10}}
_SLOWER = {"relative": {"slowerBy": 10}}
_P99 = {"absolute": {"max": "500ms", "quantile": "0.99"}}
_NAMES = "abz09-."
_RULE = {"rule": {"max": "5"}}


def metric(objective: dict[str, Any], **source: Any) -> Metric:
    return Metric.model_validate({"name": "m", **source, "objective": objective})


def template(**spec: Any) -> MetricTemplateSpec:
    return MetricTemplateSpec.model_validate(spec)


_OWN = {
    "failures": template(ratio={"bad": "b", "total": "t"}),
    "slowness": template(latency={"buckets": "h", "unit": "Milliseconds"}),
    "memory": template(gauge={"series": "g"}),
}


def sentence(found: Source | str) -> str:
    assert isinstance(found, str), found
    return found


def test_a_metrics_own_series_are_read_as_they_were_written() -> None:
    ratio = source_of(metric(_SHARE, ratio={"bad": "b", "total": "t"}), {})
    latency = source_of(metric(_SLOWER, latency={"buckets": "h"}), {})
    gauge = source_of(metric(_RULE, gauge={"series": "g"}), {})
    assert ratio == Source("ratio", bad="b", total="t")
    assert (latency, gauge) == (Source("latency", buckets="h"), Source("gauge", series="g"))
    assert isinstance(ratio, Source)
    assert ratio.selectors == ("b", "t")


def test_a_template_of_the_namespace_is_read_with_its_unit_and_its_arm() -> None:
    arm = ArmLabel(label="service", contains="-{namespace}-{revision}-")
    own = {**_OWN, "slowness": _OWN["slowness"].model_copy(update={"arm": arm})}
    assert source_of(metric(_SLOWER, template="slowness"), own) == Source("latency", buckets="h", arm=arm, scale=0.001)
    assert source_of(metric(_SHARE, template="failures"), own) == Source("ratio", bad="b", total="t")
    assert source_of(metric(_RULE, template="memory"), own) == Source("gauge", series="g")


def test_a_built_in_template_cannot_be_replaced() -> None:
    found = source_of(metric(_SHARE, template="mlserver/errors"), {"mlserver/errors": _OWN["failures"]})
    assert isinstance(found, Source)
    assert found.bad.startswith("rest_server_requests_total")


def test_an_unknown_template_is_told_with_all_that_exist() -> None:
    found = sentence(source_of(metric(_SHARE, template="mlserver/error"), _OWN))
    assert "'m' names the template 'mlserver/error', which does not exist" in found
    assert "this namespace has failures, memory, slowness" in found
    assert all(name in found for name in BUILT_IN)
    assert "has none of its own" in sentence(source_of(metric(_SHARE, template="errors"), {}))


@pytest.mark.parametrize(
    ("name", "objective", "said"),
    [
        ("failures", _SLOWER, "a ratio of bad requests: its objective must not have `slowerBy`"),
        ("failures", _P99, "a ratio of bad requests: its objective must not have `slowerBy` or `quantile`"),
        ("failures", _RULE, "a ratio: its objective must be `relative`, `absolute` or both"),
        ("slowness", _ERRORS, "a latency: its objective must have `slowerBy`"),
        ("slowness", {**_ERRORS, "absolute": {"floor": "0.01"}}, "a latency"),
        ("slowness", _SHARE, "a latency"),
        ("slowness", _RULE, "a latency: its objective must be `relative`"),
        ("memory", _SHARE, "a gauge: its objective must be a `rule`"),
        ("memory", _SLOWER, "a gauge"),
    ],
)
def test_an_objective_that_does_not_fit_the_template_is_told(name: str, objective: Any, said: str) -> None:
    assert f"the template {name!r}, which is {said}" in sentence(source_of(metric(objective, template=name), _OWN))


@pytest.mark.parametrize("objective", [_SHARE, _ERRORS, {**_ERRORS, "absolute": {"floor": "0.01", "max": "0.2"}}])
def test_objectives_of_bad_requests_fit_a_ratio(objective: Any) -> None:
    assert isinstance(source_of(metric(objective, template="failures"), _OWN), Source)


@pytest.mark.parametrize("objective", [_P99, _SLOWER, {**_SLOWER, **_P99}])
def test_objectives_of_time_fit_a_latency(objective: Any) -> None:
    assert isinstance(source_of(metric(objective, template="slowness"), _OWN), Source)


def test_kinds_are_known_of_all_metrics_whose_source_is() -> None:
    metrics = [
        metric(_SHARE, template="failures"),
        metric(_SLOWER, template="slowness").model_copy(update={"name": "l"}),
        metric(_SHARE, template="gone").model_copy(update={"name": "x"}),
    ]
    assert kinds_of(metrics, _OWN) == {"m": "ratio", "l": "latency"}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_template_fits_the_objective_of_its_signal(name: str) -> None:
    objective = _ERRORS if name.endswith("/errors") else _SLOWER
    assert isinstance(source_of(metric(objective, template=name), {}), Source)


def test_the_documentation_names_all_that_are_built_in_and_no_other() -> None:
    rows = re.findall(r"^\| (`.*?) \|", _PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(re.findall(r"`([^`]+)`", " ".join(rows))) == sorted(BUILT_IN)


def test_an_arm_is_told_by_plain_text_in_one_label() -> None:
    arm = ArmLabel(label="service", contains="-svc-{namespace}-{revision}-")
    labels = {"service": "httproute-ml-fraud-gw-svc-ml-fraud-a1-0@kubernetesgateway"}
    assert is_of(arm, labels, "ml", "fraud-a1")
    assert not is_of(arm, labels, "ml", "fraud-a")
    assert not is_of(arm, labels, "m", "fraud-a1")
    assert not is_of(arm, {"other": labels["service"]}, "ml", "fraud-a1")
    assert not is_of(arm, labels, "ml", "fraud-.*")


@pytest.mark.parametrize(
    ("contains", "value", "is_it"),
    [
        ("{namespace}_{revision}_", "ml_fraud-a1_80", True),
        ("{namespace}_{revision}_", "staging-ml_fraud-a1_80", False),
        ("{namespace}_{revision}_", "2ml_fraud-a1_80", False),
        ("{namespace}_{revision}_", "staging-ml_fraud-a1_80|ml_fraud-a1_80", True),
        ("{namespace}/{revision}", "x/ml/fraud-a1", True),
        ("{namespace}/{revision}", "x/ml/fraud-a1.", True),
        ("{namespace}/{revision}", "x/ml/fraud-a10", False),
        ("{namespace}/{revision}", "x/ml/fraud-a1-b", False),
        ("/{namespace}/{revision}/", "a/ml/fraud-a1/b", True),
    ],
)
def test_a_name_at_an_end_is_a_whole_name(contains: str, value: str, is_it: bool) -> None:
    assert is_of(ArmLabel(label="l", contains=contains), {"l": value}, "ml", "fraud-a1") is is_it


@given(st.text(), st.text(_NAMES, min_size=1), st.text(_NAMES, min_size=1))
def test_an_arm_is_found_wherever_its_text_is_and_nowhere_else(value: str, namespace: str, revision: str) -> None:
    arm = ArmLabel(label="l", contains="<{namespace}|{revision}>")
    sought = f"<{namespace}|{revision}>"
    assert is_of(arm, {"l": value + sought + value}, namespace, revision)
    assert is_of(arm, {"l": value}, namespace, revision) == (sought in value)


# what is said before the start


def series(value: float, pod: str = "p", revision: str = "s") -> Series:
    return Series(revision, pod, ((1.0, 0.0), (2.0, value)))


def ratio(bad: float, total: float, revision: str = "s") -> Counters:
    return Counters(bad=(series(bad, revision=revision),), total=(series(total, revision=revision),))


def histogram(counts: dict[float, float]) -> Counters:
    return Counters(buckets={bound: (series(count),) for bound, count in counts.items()})


RATIO = Source("ratio", bad="b", total="t")
SECONDS = Source("latency", buckets="h")
MILLISECONDS = Source("latency", buckets="h", scale=0.001)
GAUGE = Source("gauge", series="g")


def said(objective: Any, source: Source, found: Counters) -> str | None:
    own = {"ratio": {"bad": "b", "total": "t"}} if source.kind == "ratio" else {source.kind: {"buckets": "h"}}
    given = {"gauge": {"series": "g"}} if source.kind == "gauge" else own
    return problem(metric(objective, **given), source, found, "s")


def test_counters_that_fit_are_no_problem() -> None:
    assert said(_ERRORS, RATIO, ratio(3, 100)) is None
    assert said(_ERRORS, RATIO, Counters(total=(series(100),))) is None
    many = (series(50), series(50), series(50, "q"))
    assert said(_ERRORS, RATIO, Counters(total=many)) is None


@pytest.mark.parametrize("found", [Counters(), ratio(1, 100, revision="candidate"), Counters(bad=(series(1),))])
def test_a_selector_without_series_of_stable_is_told(found: Counters) -> None:
    told = str(said(_ERRORS, RATIO, found))
    assert "the metric 'm' cannot be judged: `t` finds no series of the stable version" in told
    assert "labels namespace, pod and revision" in told


def test_a_series_without_samples_is_none() -> None:
    assert "finds no series" in str(said(_ERRORS, RATIO, Counters(total=(Series("s", "p", ()),))))


def test_series_of_a_gateway_are_missed_by_the_label_that_tells_arms() -> None:
    arm = ArmLabel(label="service", contains="-{namespace}-{revision}-")
    told = str(said(_SLOWER, Source("latency", buckets="h", arm=arm), Counters()))
    assert "`h` finds no series" in told
    assert "a label `service` that contains `-{namespace}-{revision}-`" in told


@pytest.mark.parametrize(
    ("bad", "total", "words"),
    [(20, 20, "counts every request of the stable version as bad"), (21, 20, "counts 21 of the stable version and")],
)
def test_counters_that_cannot_be_a_share_are_told(bad: float, total: float, words: str) -> None:
    assert words in str(said(_ERRORS, RATIO, ratio(bad, total)))
    assert said(_ERRORS, RATIO, ratio(bad - 2, total - 1)) is None  # too few to tell


_FINE = {0.005: 10.0, 0.05: 60.0, 0.5: 90.0, 5.0: 100.0, inf: 100.0}


def test_a_histogram_that_fits_is_no_problem() -> None:
    assert said({**_SLOWER, **_P99}, SECONDS, histogram(_FINE)) is None
    assert said({**_SLOWER, **_P99}, MILLISECONDS, histogram(_FINE)) is None
    wide = {0.001: 0.0, 1.0: 50.0, 2560.0: 100.0, inf: 100.0}  # vLLM's time to first token
    assert said(_SLOWER, SECONDS, histogram(wide)) is None
    idle = dict.fromkeys(_FINE, 0.0)
    assert said(_SLOWER, SECONDS, histogram(idle)) is None


def test_a_histogram_without_series_is_told() -> None:
    assert "`h` finds no series of the stable version" in str(said(_SLOWER, SECONDS, Counters()))


@pytest.mark.parametrize("counts", [{0.1: 5.0}, {inf: 5.0}])
def test_half_a_histogram_is_told(counts: dict[float, float]) -> None:
    assert "leave out matchers of `le`" in str(said(_SLOWER, SECONDS, histogram(counts)))


def test_bounds_in_milliseconds_that_are_read_as_seconds_are_told() -> None:
    counts = {0.5: 0.0, 25.0: 60.0, 10000.0: 100.0, inf: 100.0}
    told = str(said(_SLOWER, SECONDS, histogram(counts)))
    assert "go from 0.5 to 10000, which looks like milliseconds" in told
    assert "`unit: Milliseconds`" in told
    scaled = {bound / 1000: count for bound, count in counts.items()}
    assert said(_SLOWER, MILLISECONDS, histogram(scaled)) is None


def test_bounds_in_seconds_that_are_read_as_milliseconds_are_told() -> None:
    counts = {0.005 * 0.001: 10.0, 10 * 0.001: 60.0, inf: 100.0}
    assert "go from 0.005 to 10, which looks like seconds" in str(said(_SLOWER, MILLISECONDS, histogram(counts)))


def test_a_histogram_that_tells_no_difference_is_told() -> None:
    fast = {0.5: 100.0, 1.0: 100.0, inf: 100.0}
    slow = {0.005: 0.0, 0.01: 0.0, inf: 100.0}
    assert "faster than the smallest bound, 500ms" in str(said(_SLOWER, SECONDS, histogram(fast)))
    assert "slower than the largest bound, 10ms" in str(said(_SLOWER, SECONDS, histogram(slow)))
    few = {bound: count / 10 for bound, count in fast.items()}
    assert said(_SLOWER, SECONDS, histogram(few)) is None


@pytest.mark.parametrize(
    ("limit", "near"), [("400ms", "50ms and 500ms"), ("1ms", "5ms"), ("1m", "5s"), ("1s500ms", "500ms and 5s")]
)
def test_a_limit_between_two_buckets_is_told_with_the_nearest(limit: str, near: str) -> None:
    told = str(said({"absolute": {"max": limit, "quantile": "0.99"}}, SECONDS, histogram(_FINE)))
    assert f"ends at `absolute.max`, {limit}; the nearest end at {near}:" in told


def test_gauges_need_one_series_a_pod() -> None:
    assert said(_RULE, GAUGE, Counters(gauges=(series(1), series(2, "q")))) is None
    assert "`g` finds no series" in str(said(_RULE, GAUGE, Counters()))
    told = str(said(_RULE, GAUGE, Counters(gauges=(series(1), series(2), series(2, "q")))))
    assert "`g` finds 2 series of the pod p; narrow it to one a pod" in told


def test_pods_that_are_scraped_twice_are_told_before_all_else() -> None:
    twice = Counters(gauges=(series(1), series(2)), doubled="the pod p is scraped twice")
    assert said(_RULE, GAUGE, twice) == "the metric 'm' cannot be judged: the pod p is scraped twice"
    assert said(_ERRORS, RATIO, Counters(doubled="the pod p is scraped twice")) is not None


def test_a_sentence_fits_into_a_status() -> None:
    long = Source("ratio", bad="b" * 512, total="t" * 512)
    assert len(str(said(_ERRORS, long, ratio(21, 20)))) <= 1024
    assert "bbb…`" in str(said(_ERRORS, long, ratio(20, 20)))
