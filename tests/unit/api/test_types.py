"""Catches types that lose what they were given, coerce, or keep an operator from reading what a newer release wrote."""

from typing import Any

import pytest
from crossfade.api.admission import refusals
from crossfade.api.kinds import METRIC_TEMPLATE, MODEL_VERSION, ROLLOUT
from crossfade.api.v1alpha1 import ModelVersionStatus, RolloutSpec, RolloutStatus
from crossfade.api.v1alpha1.common import as_written, seconds
from crossfade.api.v1alpha1.serving import Serving
from pydantic import ValidationError

_AT = "2026-11-22T04:30:00.123456Z"
_DIGEST = "sha256:" + "a" * 64
_SPEC: dict[str, Any] = {
    "modelVersion": "fraud-2",
    "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public"}]}},
    "strategy": {"stages": [{"name": "five", "weight": 5}, {"name": "half", "weight": 50, "minDuration": "90s"}]},
    "analysis": {
        "metrics": [
            {"name": "errors", "template": "mlserver/errors", "objective": {"absolute": {"max": "0.02"}}},
        ]
    },
}
_OUTCOME = {
    "result": "RolledBack",
    "cause": "Regressed",
    "message": "errors: 12 of 200 requests failed.",
    "modelVersion": "fraud-2",
    "revision": "abc12",
    "at": _AT,
    "asked": "0123456789abcdef",
}
_STATUS = {
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "reason": "RolledBack",
            "message": "errors: 12 of 200 requests failed.",
            "observedGeneration": 3,
            "lastTransitionTime": _AT,
        }
    ],
    "observedGeneration": 3,
    "stable": {"modelVersion": "fraud-1", "revision": "f00", "digest": _DIGEST, "replicas": 3, "ready": 3},
    "stage": {"index": 0, "name": "five", "summary": "1/2 five", "enteredAt": _AT, "provenAt": _AT},
    "traffic": {"desired": 5, "scale": 100, "acknowledged": 5, "observed": "4.8%"},
    "analysis": {
        "at": "2026-11-22T05:00:00.000000Z",
        "verdict": "Rollback",
        "explanation": "errors regressed.",
        "checkpoint": "b3BhcXVl",
        "metrics": [
            {
                "name": "errors",
                "state": "Regressed",
                "stable": {"bad": 3, "total": 1800},
                "candidate": {"bad": 12, "total": 200},
                "ratio": "36.0",
                "low": "9.1",
                "high": "210",
                "evidence": "4100",
                "threshold": "100",
                "explanation": "12 of 200.",
                "checkpoint": "b3BhcXVl",
                "history": "b3BhcXVl",
            }
        ],
    },
    "handled": [
        {"verb": "advance", "token": "1", "by": "ann", "reason": "", "effect": "Idle", "message": "no gate.", "at": _AT}
    ],
    "outcome": _OUTCOME,
    "history": [{**_OUTCOME, "retryToken": "again"}],
}


def test_a_status_comes_back_as_it_was_written() -> None:
    assert RolloutStatus.of(_STATUS).to_json() == _STATUS


def test_absent_fields_stay_absent() -> None:
    assert RolloutStatus.of({}).to_json() == {"conditions": [], "observedGeneration": -1, "handled": [], "history": []}
    assert ModelVersionStatus.of({"observedGeneration": 7}).to_json() == {"conditions": [], "observedGeneration": 7}


def test_defaults_are_those_that_the_api_server_writes() -> None:
    written = RolloutSpec.model_validate(_SPEC).to_json()
    assert written["serving"]["startup"] == {"timeout": "10m"}
    assert written["traffic"]["gatewayAPI"]["mode"] == "Managed"
    assert RolloutSpec.model_validate(written).to_json() == written


def test_fields_of_a_newer_release_are_ignored_by_the_operator_and_named_by_the_strict_reading() -> None:
    newer = {**_SPEC, "surge": 1}
    assert RolloutSpec.model_validate(newer) == RolloutSpec.model_validate(_SPEC)
    assert refusals(ROLLOUT, newer) == ["spec.surge is not a field of this kind: remove it or mend its name"]


@pytest.mark.parametrize("weight", ["5", True, 5.0, None])
def test_no_json_type_is_taken_for_another(weight: object) -> None:
    spec = {**_SPEC, "strategy": {"stages": [{"name": "five", "weight": weight}]}}
    with pytest.raises(ValidationError):
        RolloutSpec.model_validate(spec)


def test_the_overlay_is_kept_as_it_was_written() -> None:
    overlay = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "m", "image": "i", "args": [None]}]},
    }
    spec = RolloutSpec.model_validate({**_SPEC, "serving": {"runtime": "custom", "template": overlay}})
    assert spec.serving.template == overlay
    assert spec.to_json()["serving"]["template"] == overlay


def test_a_refusal_names_the_field_and_the_rule() -> None:
    spec = {**_SPEC, "serving": {"runtime": "custom", "template": {"spec": {"containers": [{"image": "i"}]}}}}
    assert refusals(ROLLOUT, spec) == [
        "spec.serving.template must fit a pod template: spec.containers[0].name must be set"
    ]
    assert refusals(MODEL_VERSION, {"modelName": "m", "version": "1.0.0", "source": {}}) == [
        "spec.source must have exactly one of `azureML`, `git`, `huggingFace`, `mlflow`, `oci`, `sageMaker`, "
        "`vertexAI`, `wandb`, `uri` and `volume`"
    ]


def analysis(**changes: object) -> dict[str, object]:
    """The spec with an analysis of one metric, changed."""
    metric = {"name": "m", "template": "mlserver/errors", "objective": {"absolute": {"max": "0.02"}}, **changes}
    return {**_SPEC, "analysis": {"metrics": [{key: value for key, value in metric.items() if value is not None}]}}


_RATIO = {"template": None, "ratio": {"bad": "b", "total": "t"}}
_LATENCY = {"template": None, "latency": {"buckets": "h"}}
_GAUGE = {"template": None, "gauge": {"series": "g"}}
_ERRORS = {"rollbackAbove": 10}
_SLOWER = {"slowerBy": 10}
_P99 = {"quantile": "0.99", "max": "500ms"}


@pytest.mark.parametrize(
    ("metric", "field", "words"),
    [
        ({"objective": {}}, "objective", "must have either `rule`, or `relative` or `absolute` or both"),
        ({"objective": {"rule": {"max": "1"}, "relative": _ERRORS}}, "objective", "must have either `rule`"),
        ({"objective": {"relative": {}}}, "objective.relative", "must have exactly one of `rollbackAbove`"),
        ({"objective": {"relative": {**_ERRORS, **_SLOWER}}}, "objective.relative", "must have exactly one of"),
        (
            {"objective": {"relative": {"slowerBy": 50, "promoteWithin": 50}}},
            "objective.relative",
            "must have a `promoteWithin` greater",
        ),
        ({"objective": {"absolute": {}}}, "objective.absolute", "must have `floor`, `max` or both"),
        ({"objective": {"absolute": {"max": "500ms"}}}, "objective.absolute", "must have `quantile` with a `max`"),
        ({"objective": {"absolute": {"quantile": "0.9", "max": "0.1"}}}, "objective.absolute", "must have `quantile`"),
        ({"objective": {"absolute": {"floor": "0.01"}}}, "objective", "must have `absolute.floor` only beside"),
        (
            {"objective": {"relative": _SLOWER, "absolute": {"floor": "0.01"}}},
            "objective",
            "must have `absolute.floor` only beside",
        ),
        ({"objective": {"relative": _ERRORS, "absolute": _P99}}, "objective", "must not have `absolute.quantile`"),
        (
            {"objective": {"relative": _SLOWER, "absolute": {"max": "0.1"}}},
            "objective",
            "must have an `absolute.max` that is a duration",
        ),
        ({"objective": {"rule": {}}}, "objective.rule", "must have `max`, `min` or both"),
        ({"objective": {"rule": {"max": "1", "min": "1.5"}}}, "objective.rule", "must have a `min` that is not above"),
        (
            {"objective": {"rule": {"max": "1", "violations": 6}}},
            "objective.rule",
            "must have no more `violations` than `windows`",
        ),
        ({**_RATIO, "template": "a/b"}, "", "must have exactly one of `template`, `ratio`, `latency` and `gauge`"),
        ({"template": None}, "", "must have exactly one of `template`"),
        (_GAUGE, "", "must have `objective.rule` for a `gauge`"),
        ({**_RATIO, "objective": {"rule": {"max": "1"}}}, "", "must have `objective.rule` for a `gauge`, and for noth"),
        ({**_RATIO, "objective": {"relative": _SLOWER}}, "", "must not have `slowerBy` or `quantile`"),
        ({**_RATIO, "objective": {"absolute": _P99}}, "", "must not have `slowerBy` or `quantile`"),
        ({**_LATENCY, "objective": {"relative": _ERRORS}}, "", "must not have `rollbackAbove`, `floor`"),
        (_LATENCY, "", "must not have `rollbackAbove`, `floor` or a `max` without `quantile`"),
    ],
)
def test_an_objective_that_contradicts_itself_or_its_series_is_refused(metric: object, field: str, words: str) -> None:
    (said,) = refusals(ROLLOUT, analysis(**metric))  # type: ignore[arg-type]  # written as in YAML
    assert said.startswith(f"spec.analysis.metrics[0]{'.' if field else ''}{field} {words}")


@pytest.mark.parametrize(
    "metric",
    [
        {**_RATIO, "objective": {"relative": {"rollbackAbove": 0}, "absolute": {"floor": "0.001", "max": "0.02"}}},
        {**_LATENCY, "objective": {"relative": _SLOWER, "absolute": _P99}},
        {**_LATENCY, "objective": {"absolute": _P99}},
        {**_GAUGE, "objective": {"rule": {"max": "-1", "min": "-1.5", "violations": 1, "windows": 1}}},
        {"template": "memory", "objective": {"rule": {"max": "1"}}},
    ],
)
def test_an_objective_that_fits_its_series_is_taken(metric: object) -> None:
    assert refusals(ROLLOUT, analysis(**metric)) == []  # type: ignore[arg-type]  # written as in YAML


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ({"maxDuration": "59s"}, "must have a `maxDuration` that is not less than `minDuration`, which is `1m` when"),
        ({"minDuration": "2m", "maxDuration": "119s"}, "must have a `maxDuration` that is not less"),
        ({"onInconclusive": "Advance"}, "must have `maxDuration` when `onInconclusive` is not `Hold`"),
    ],
)
def test_a_stage_that_can_never_be_is_refused(stage: dict[str, str], words: str) -> None:
    spec = {**_SPEC, "strategy": {"stages": [{"name": "five", "weight": 5, **stage}]}}
    (said,) = refusals(ROLLOUT, spec)
    assert said.startswith(f"spec.strategy.stages[0] {words}")
    assert refusals(ROLLOUT, {**_SPEC, "strategy": {"stages": [{**stage, **_LONG}]}}) == []


_LONG = {"name": "five", "weight": 5, "minDuration": "1m", "maxDuration": "1m"}


def test_something_must_be_required() -> None:
    (said,) = refusals(ROLLOUT, analysis(role="Guardrail"))
    assert said.startswith("spec.analysis.metrics must have at least one metric whose `role` is `Required`")


def test_a_template_is_one_kind_of_series_and_tells_both_arms() -> None:
    ratio = {"bad": "b", "total": "t"}
    one = "spec must have exactly one of `ratio`, `latency` and `gauge`"
    assert refusals(METRIC_TEMPLATE, {}) == [one]
    assert refusals(METRIC_TEMPLATE, {"ratio": ratio, "gauge": {"series": "g"}}) == [one]
    for contains in ("{revision}", "-{namespace}-", "x"):
        (said,) = refusals(METRIC_TEMPLATE, {"ratio": ratio, "arm": {"label": "l", "contains": contains}})
        assert said.startswith("spec.arm must have both `{namespace}` and `{revision}` in `contains`")
    told = {"label": "l", "contains": "-{namespace}-{revision}-"}
    assert refusals(METRIC_TEMPLATE, {"ratio": ratio, "arm": told}) == []
    assert refusals(METRIC_TEMPLATE, {"ratio": ratio, "arm": {**told, "contains": "{namespace}{revision}{pod}"}})


def test_the_number_of_pods_has_one_owner() -> None:
    def said(**serving: object) -> list[str]:
        return refusals(ROLLOUT, {**_SPEC, "serving": serving})

    assert said(replicas=2) == said(autoscaling={"max": 3}) == said() == []
    assert said(replicas=2, autoscaling={"max": 3}) == [
        "spec.serving must have at most one of `replicas` and `autoscaling`: both would set the number of pods"
    ]
    assert said(autoscaling={"min": 3, "max": 2}) == [
        "spec.serving.autoscaling must have a `max` that is not less than `min`, which is `1` when left out"
    ]
    (kinds,) = said(autoscaling={"max": 3, "metrics": [{"type": "Cpu"}]})
    assert kinds.startswith("spec.serving.autoscaling.metrics[0] must have a `type` of ContainerResource, External")


def test_how_many_pods_serve_at_least() -> None:
    read = [Serving.model_validate(one).least for one in ({}, {"replicas": 4}, {"autoscaling": {"min": 2, "max": 3}})]
    assert read == [1, 4, 2]


def test_metrics_of_an_autoscaler_are_kept_as_they_were_written() -> None:
    metrics = [{"type": "Pods", "pods": {"target": {"averageValue": 7, "type": None}}, "any": [{}]}]
    spec = RolloutSpec.model_validate({**_SPEC, "serving": {"autoscaling": {"max": 3, "metrics": metrics}}})
    assert spec.to_json()["serving"]["autoscaling"] == {"min": 1, "max": 3, "metrics": metrics}


def test_a_null_is_an_absent_field() -> None:
    assert refusals(ROLLOUT, {**_SPEC, "suspend": None, "serving": {"replicas": None}}) == []
    assert refusals(ROLLOUT, {**_SPEC, "modelVersion": None}) == ["spec.modelVersion must be set"]


@pytest.mark.parametrize(
    ("text", "length"), [("90s", 90), ("1h30m", 5400), ("250ms", 0.25), ("1m1m", 120), ("719h59m60s", 2592000)]
)
def test_durations_are_read_to_the_millisecond(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"traffic": {}}, "must have exactly one of `gatewayAPI` and `replicas`"),
        ({"traffic": {**_SPEC["traffic"], "replicas": {}}}, "must have exactly one of `gatewayAPI` and `replicas`"),
        (
            {"serving": {"autoscaling": {"min": 1, "max": 2, "metrics": [{"type": "Resource"}]}}},
            "must not have `serving.autoscaling` beside `traffic.replicas`",
        ),
        ({"strategy": {"stages": [{"name": "copy", "shadow": 9}]}}, "must not have stages with `shadow` or `match`"),
        (
            {"strategy": {**_SPEC["strategy"], "onRollback": {"keepCandidate": "10m"}}},
            "must not have `strategy.onRollback.keepCandidate` beside `traffic.replicas`",
        ),
        (
            {"strategy": {**_SPEC["strategy"], "keepPrevious": "30m"}},
            "must not have `strategy.keepPrevious` beside `traffic.replicas`",
        ),
        (
            {"strategy": {**_SPEC["strategy"], "stableCapacity": "MatchTraffic"}},
            "must not have `strategy.stableCapacity: MatchTraffic` beside `traffic.replicas`",
        ),
    ],
)
def test_without_a_gateway_some_things_cannot_be_asked_for(changes: dict[str, object], words: str) -> None:
    (said, *_) = refusals(ROLLOUT, {**_SPEC, "traffic": {"replicas": {}}, **changes})
    assert words in said


def test_without_a_gateway_nothing_more_is_to_be_said() -> None:
    assert refusals(ROLLOUT, {**_SPEC, "traffic": {"replicas": {}}}) == []


def routed(**gateway: object) -> RolloutSpec:
    return RolloutSpec.model_validate(
        {**_SPEC, "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public"}], **gateway}}}
    )


_CALLS = [{"matches": [{"method": {"service": "a.B"}}]}]
_PATHS = [{"matches": [{"path": {"value": "/"}}]}]


@pytest.mark.parametrize(("kind", "rules"), [("HTTPRoute", _PATHS), ("GRPCRoute", _CALLS), ("GRPCRoute", [{}])])
def test_a_match_is_of_its_kind_of_route(kind: str, rules: object) -> None:
    assert routed(kind=kind, rules=rules).traffic.gateway_api.kind == kind


@pytest.mark.parametrize(
    ("kind", "rules", "sentence"),
    [
        ("GRPCRoute", _PATHS, "must have `method` in place of `path`"),
        ("HTTPRoute", _CALLS, "must have `path` in place of `method`"),
        ("GRPCRoute", [{"matches": [{"method": {}}]}], "must have `service`, `method` or both"),
    ],
)
def test_a_match_of_the_other_kind_is_refused_with_what_would_be_right(kind: str, rules: object, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        routed(kind=kind, rules=rules)


_ADOPTED = {"mode": "Adopted", "adopted": {"name": "shop", "rule": "model"}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "GRPCRoute"}, "must have `kind: HTTPRoute` when `mode` is `Adopted`"),
        ({"rules": [{}]}, "must not have `parentRefs`, `hostnames` or `rules` when `mode` is `Adopted`"),
        ({"hostnames": []}, "must not have `parentRefs`, `hostnames` or `rules` when `mode` is `Adopted`"),
        ({"adopted": None}, "must have `adopted` when `mode` is `Adopted`, and only then"),
    ],
)
def test_an_adopted_route_says_itself_what_is_its_own(changes: dict[str, object], words: str) -> None:
    assert refusals(ROLLOUT, {**_SPEC, "traffic": {"gatewayAPI": _ADOPTED}}) == []
    (said,) = refusals(ROLLOUT, {**_SPEC, "traffic": {"gatewayAPI": {**_ADOPTED, **changes}}})
    assert words in said


def test_what_was_a_default_once_asks_for_nothing() -> None:
    """Objects stored before there was a `method` have a `path` of `/`: the fingerprint of a rollback must not move."""
    stored = [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]
    assert as_written(routed(rules=stored)) == as_written(routed())
    assert as_written(routed(rules=[{"matches": [{}]}])) == as_written(routed())
    assert as_written(routed(kind="HTTPRoute")) == as_written(routed())
