"""Catches types that lose what they were given, coerce, or keep an operator from reading what a newer release wrote."""

import pytest
from crossfade.api.admission import refusals
from crossfade.api.kinds import MODEL_VERSION, ROLLOUT
from crossfade.api.v1alpha1 import ModelVersionStatus, RolloutSpec, RolloutStatus
from crossfade.api.v1alpha1.common import seconds
from pydantic import ValidationError

_AT = "2026-11-22T04:30:00.123456Z"
_DIGEST = "sha256:" + "a" * 64
_SPEC = {
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
    "traffic": {"desired": 5, "acknowledged": 5, "observed": "4.8"},
    "analysis": {
        "at": "2026-11-22T05:00:00.000000Z",
        "verdict": "Rollback",
        "explanation": "errors regressed.",
        "metrics": [{"name": "errors", "state": "Regressed", "bad": 12, "total": 200, "explanation": "12 of 200."}],
    },
    "outcome": _OUTCOME,
    "history": [{**_OUTCOME, "retryToken": "again"}],
}


def test_a_status_comes_back_as_it_was_written() -> None:
    assert RolloutStatus.of(_STATUS).to_json() == _STATUS


def test_absent_fields_stay_absent() -> None:
    assert RolloutStatus.of({}).to_json() == {"conditions": [], "observedGeneration": -1, "history": []}
    assert ModelVersionStatus.of({"observedGeneration": 7}).to_json() == {"conditions": [], "observedGeneration": 7}


def test_defaults_are_those_that_the_api_server_writes() -> None:
    written = RolloutSpec.model_validate(_SPEC).to_json()
    assert written["serving"]["startup"] == {"timeout": "10m"}
    assert written["traffic"]["gatewayAPI"]["rules"] == [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]
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
        "spec.source must have exactly one of `mlflow` and `uri`"
    ]


def test_a_null_is_an_absent_field() -> None:
    assert refusals(ROLLOUT, {**_SPEC, "suspend": None, "serving": {"replicas": None}}) == []
    assert refusals(ROLLOUT, {**_SPEC, "modelVersion": None}) == ["spec.modelVersion must be set"]


@pytest.mark.parametrize(
    ("text", "length"), [("90s", 90), ("1h30m", 5400), ("250ms", 0.25), ("1m1m", 120), ("719h59m60s", 2592000)]
)
def test_durations_are_read_to_the_millisecond(text: str, length: float) -> None:
    assert seconds(text) == length
