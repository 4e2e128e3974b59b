"""Would catch a promise in the spec that the judge does not keep: error rates, margins, floors, limits, durations."""

from typing import Any

import pytest
from crossfade.api.v1alpha1.rollout import Analysis
from crossfade.api.v1alpha1.strategy import Stage
from crossfade.decide.judge.rules import FLOOR, NOTHING_KNOWN, History, MetricRules, Rules, rules_of

ERRORS = {"name": "errors", "ratio": {"bad": "b", "total": "t"}, "objective": {"relative": {"rollbackAbove": 10}}}
LATENCY = {"name": "latency", "latency": {"buckets": "b"}, "objective": {"relative": {"slowerBy": 20}}}
MEMORY = {"name": "memory", "gauge": {"series": "g"}, "objective": {"rule": {"max": "95"}}}


def rules(*metrics: dict[str, Any], stages: list[dict[str, Any]] | None = None, **analysis: Any) -> Rules:
    asked = Analysis.model_validate({"metrics": list(metrics), **analysis})
    ladder = [{"name": f"s{i}", "weight": i + 1, **stage} for i, stage in enumerate(stages or [{}])]
    return rules_of(asked, [Stage.model_validate(stage) for stage in ladder], 15.0)


def aimed(metric: dict[str, Any], **objective: Any) -> MetricRules:
    return rules({**metric, "objective": objective}).metrics[0]


def named(metric: dict[str, Any], name: str, **changed: Any) -> dict[str, Any]:
    return {**metric, "name": name, **changed}


# --- error rates ---


def test_what_is_left_out_has_the_documented_defaults() -> None:
    found = rules(ERRORS)
    assert (found.threshold, found.enough) == (100.0, 20.0)
    assert found.confidence == pytest.approx(0.99)
    assert (found.tolerance, found.grace, found.warmup, found.step) == (0.2, 60.0, 0.0, 15.0)


def test_the_error_rates_are_those_asked_for() -> None:
    found = rules(ERRORS, falseRollback="0.05", falsePromotion="0.1")
    assert (found.threshold, found.enough, found.confidence) == pytest.approx((20.0, 10.0, 0.95))


def test_false_rollbacks_are_shared_by_the_metrics_that_roll_back_by_evidence() -> None:
    guard, seen = named(ERRORS, "guard", role="Guardrail"), named(ERRORS, "seen", role="Observe")
    assert rules(ERRORS, guard, LATENCY).threshold == 300.0
    assert rules(ERRORS, guard, seen, MEMORY).threshold == 200.0
    assert rules(MEMORY, seen).threshold == 100.0


def test_traffic_and_warmup_are_those_asked_for() -> None:
    found = rules(ERRORS, trafficCheck={"tolerance": 35, "grace": "90s"}, warmup="2m")
    assert (found.tolerance, found.grace, found.warmup) == (0.35, 90.0, 120.0)


# --- how long is planned ---


def test_the_ladder_is_planned_for_its_longest() -> None:
    assert rules(ERRORS, stages=[{"maxDuration": "10m"}, {"maxDuration": "5m"}]).planned == 60


def test_a_ladder_that_may_last_for_ever_is_planned_for_forty_minutes() -> None:
    assert rules(ERRORS, stages=[{"maxDuration": "10m"}, {}]).planned == 160
    assert rules(ERRORS).planned == 160


def test_at_least_two_windows_are_planned() -> None:
    assert rules(ERRORS, stages=[{"minDuration": "1s", "maxDuration": "15s"}]).planned == 2


def test_a_ladder_without_stages_is_planned_like_one_without_an_end() -> None:
    assert rules_of(Analysis.model_validate({"metrics": [ERRORS]}), [], 15.0).planned == 160


# --- metrics ---


def test_a_margin_of_bad_requests_brings_a_floor() -> None:
    found = rules(ERRORS).metrics[0]
    assert found == MetricRules("errors", "ratio", "Required", worse=1.1, enough=1.5, floor=0.001, floor_worth=5.0)
    assert FLOOR == 0.001


def test_no_more_at_all_is_a_margin_too() -> None:
    assert aimed(ERRORS, relative={"rollbackAbove": 0, "promoteWithin": 25}).worse == 1.0
    assert aimed(ERRORS, relative={"rollbackAbove": 0, "promoteWithin": 25}).enough == 1.25


def test_a_floor_and_a_limit_of_bad_requests() -> None:
    found = aimed(ERRORS, relative={"rollbackAbove": 10}, absolute={"floor": "0.005", "max": "0.02"})
    assert (found.floor, found.limit, found.edge) == (0.005, 0.02, None)


def test_a_limit_leaves_the_default_floor() -> None:
    assert aimed(ERRORS, relative={"rollbackAbove": 10}, absolute={"max": "0.02"}).floor == 0.001


def test_evidence_against_the_floor_needs_only_the_odds_of_being_good_enough() -> None:
    held = rules(ERRORS, LATENCY, falseRollback="0.02", falsePromotion="0.1")
    assert held.metrics[0].floor_worth == pytest.approx(held.threshold / 10)
    assert held.metrics[1].floor_worth == 1.0


def test_a_limit_alone_has_neither_margin_nor_floor() -> None:
    found = aimed(ERRORS, absolute={"max": "0.02"})
    assert found == MetricRules("errors", "ratio", "Required", limit=0.02)


def test_a_margin_of_latency_is_one_of_time_without_a_floor() -> None:
    assert rules(LATENCY, ERRORS).metrics[0] == MetricRules("latency", "latency", "Required", worse=1.2, enough=1.5)


def test_a_limit_of_latency_is_a_share_beyond_an_edge() -> None:
    found = aimed(LATENCY, absolute={"max": "1s500ms", "quantile": "0.95"})
    assert (found.worse, found.edge) == (None, 1.5)
    assert found.limit == pytest.approx(0.05)


def test_a_plain_threshold_is_taken_as_it_is() -> None:
    found = rules(MEMORY, ERRORS).metrics[0]
    assert (found.kind, found.worse, found.enough, found.floor, found.limit) == ("gauge", None, None, None, None)
    assert found.rule is not None
    assert found.rule.max == "95"


def test_roles_are_kept() -> None:
    found = rules(ERRORS, named(ERRORS, "a", role="Guardrail"), named(ERRORS, "b", role="Observe"))
    assert [metric.role for metric in found.metrics] == ["Required", "Guardrail", "Observe"]
    assert {name: metric.name for name, metric in found.by_name.items()} == {"errors": "errors", "a": "a", "b": "b"}


# --- templates and history ---


@pytest.mark.parametrize(
    ("objective", "kind"),
    [
        ({"relative": {"rollbackAbove": 10}}, "ratio"),
        ({"absolute": {"max": "0.02"}}, "ratio"),
        ({"relative": {"slowerBy": 10}}, "latency"),
        ({"absolute": {"max": "500ms", "quantile": "0.99"}}, "latency"),
        ({"relative": {"slowerBy": 10}, "absolute": {"max": "500ms", "quantile": "0.99"}}, "latency"),
    ],
)
def test_the_objective_of_a_template_says_what_it_is(objective: dict[str, Any], kind: str) -> None:
    assert rules({"name": "m", "template": "mlserver/m", "objective": objective}).metrics[0].kind == kind


def test_a_histogram_of_ones_own_is_latency_whatever_is_asked_of_it() -> None:
    assert aimed(LATENCY, absolute={"max": "500ms", "quantile": "0.99"}).kind == "latency"


def test_what_is_known_of_templates_and_history_goes_to_the_metric_named() -> None:
    asked = Analysis.model_validate({"metrics": [ERRORS, LATENCY]})
    known = History(kappa=0.5)
    found = rules_of(asked, [], 15.0, {"errors": "gauge"}, {"latency": known})
    assert [metric.kind for metric in found.metrics] == ["gauge", "latency"]
    assert [metric.history for metric in found.metrics] == [NOTHING_KNOWN, known]
