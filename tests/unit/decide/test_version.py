"""Would catch: a reference resolved twice, a hopeless one tried for ever, or an outage taken for an answer."""

from dataclasses import replace
from typing import Any

import pytest
from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1 import ModelVersionSpec, ModelVersionStatus
from crossfade.api.v1alpha1.common import Condition
from crossfade.api.v1alpha1.facts import Lineage, LineageFields, Serialization
from crossfade.api.v1alpha1.modelversion import Policy, Resolved
from crossfade.decide.plan import Standing
from crossfade.decide.version import plan_version
from crossfade.model.snapshot import Resolution, VersionSnapshot

AT = "2026-01-01T00:00:00Z"
SPEC = ModelVersionSpec.model_validate(
    {"modelName": "fraud", "version": "1.0.0", "source": {"mlflow": {"name": "fraud", "alias": "champion"}}}
)
RESOLVED = Resolved(
    uri="models:/fraud/1", immutable_uri="s3://b/1", digest="sha256:" + "0" * 64, files=1, size_bytes=1, resolved_at=AT
)
FRESH = VersionSnapshot(
    now=0.0,
    name="fraud-1",
    namespace="ml",
    uid="u",
    generation=1,
    spec=SPEC,
    spec_error="",
    status=ModelVersionStatus(),
    resolution=None,
)


def test_a_fresh_one_is_resolved() -> None:
    plan = plan_version(FRESH)
    assert plan.resolve
    assert plan.situation.standing == Standing.IN_PROGRESS


def test_an_answer_is_frozen() -> None:
    plan = plan_version(replace(FRESH, resolution=Resolution(resolved=RESOLVED)))
    assert plan.status.resolved == RESOLVED
    assert plan.situation.standing == Standing.DONE
    again = plan_version(replace(FRESH, status=plan.status, resolution=Resolution(error="moved", retry=True)))
    assert not again.resolve
    assert again.status == plan.status


def test_an_outage_is_tried_again_and_says_so() -> None:
    plan = plan_version(replace(FRESH, resolution=Resolution(error="MLflow does not answer")))
    assert plan.resolve
    assert (plan.situation.reason, plan.situation.message) == (Reason.WAITING_FOR_REGISTRY, "MLflow does not answer")


def test_other_bytes_than_pinned_are_refused_for_ever_also_after_a_restart() -> None:
    wrong = Resolution(error="sha256:1 is not sha256:0", reason=Reason.DIGEST_MISMATCH, retry=False)
    plan = plan_version(replace(FRESH, resolution=wrong))
    assert plan.situation.standing == Standing.FAILED
    stalled = Condition(
        type="Stalled", status="True", reason="DigestMismatch", message=plan.situation.message, last_transition_time=AT
    )
    stored = ModelVersionStatus(conditions=[stalled], observed_generation=1)
    restarted = plan_version(replace(FRESH, status=stored))
    assert not restarted.resolve
    assert restarted.situation == plan.situation


UNSAFE = RESOLVED.model_copy(
    update={
        "serialization": Serialization(
            origin="Artifact",
            formats=["pickle"],
            pickle="Unsafe",
            imports=["posix.system"],
            suspects={"model/model.pkl": "would import posix.system when it is loaded"},
        )
    }
)


@pytest.mark.parametrize(
    ("allowed", "pickle", "refused"),
    [
        *(("Allow", pickle, False) for pickle in ("None", "Known", "Unreadable", "Unsafe")),
        *(
            ("KnownOnly", pickle, pickle in ("Unreadable", "Unsafe"))
            for pickle in ("None", "Known", "Unreadable", "Unsafe")
        ),
        *(("Forbid", pickle, pickle != "None") for pickle in ("None", "Known", "Unreadable", "Unsafe")),
        ("KnownOnly", None, True),
    ],
)
def test_pickles_are_let_in_as_the_policy_says(allowed: str, pickle: str | None, refused: bool) -> None:
    spec = SPEC.model_copy(update={"policy": Policy.model_validate({"pickle": allowed})})
    stored = Serialization.model_validate({"origin": "Artifact", "pickle": pickle}) if pickle else None
    resolution = Resolution(resolved=RESOLVED.model_copy(update={"serialization": stored}))
    plan = plan_version(replace(FRESH, spec=spec, resolution=resolution))
    assert (plan.status.resolved is None) == refused
    assert plan.situation.standing == (Standing.FAILED if refused else Standing.DONE)


@pytest.mark.parametrize("asked", ["Allow", "KnownOnly", "Forbid"])
@pytest.mark.parametrize("floor", ["Allow", "KnownOnly", "Forbid"])
@pytest.mark.parametrize("pickle", ["None", "Known", "Unreadable", "Unsafe"])
def test_an_author_asks_for_more_than_the_operator_does_and_never_for_less(floor: Any, asked: str, pickle: str) -> None:
    served = {"Allow": 4, "KnownOnly": 2, "Forbid": 1}
    spec = SPEC.model_copy(update={"policy": Policy.model_validate({"pickle": asked})})
    stored = Serialization.model_validate({"origin": "Artifact", "pickle": pickle})
    resolution = Resolution(resolved=RESOLVED.model_copy(update={"serialization": stored}))
    plan = plan_version(replace(FRESH, spec=spec, resolution=resolution, pickle_floor=floor))
    known = ["None", "Known", "Unreadable", "Unsafe"][: min(served[floor], served[asked])]
    assert (plan.status.resolved is not None) == (pickle in known)


@pytest.mark.parametrize("asked", ["Allow", "KnownOnly"])
def test_what_the_operator_refuses_is_said_to_be_its_configuration_and_no_new_version_is_proposed(asked: str) -> None:
    spec = SPEC.model_copy(update={"policy": Policy.model_validate({"pickle": asked})})
    plan = plan_version(replace(FRESH, spec=spec, resolution=Resolution(resolved=UNSAFE), pickle_floor="KnownOnly"))
    assert (plan.situation.reason, plan.resolve) == (Reason.PICKLE_REFUSED, False)
    assert plan.situation.message == (
        "the file 'model/model.pkl' would import posix.system when it is loaded, and the operator's configuration"
        " accepts no `spec.policy.pickle` weaker than `KnownOnly` (--pickle-policy, `models.pickle` in the chart's"
        " values); store the model as safetensors or ONNX"
    )


def test_what_was_resolved_before_the_operator_asked_for_more_goes_on_being_served() -> None:
    status = ModelVersionStatus(resolved=UNSAFE)
    plan = plan_version(replace(FRESH, status=status, pickle_floor="Forbid"))
    assert (plan.status, plan.situation.standing) == (status, Standing.DONE)


def test_a_refused_pickle_is_named_with_what_it_would_import_and_what_to_do_also_after_a_restart() -> None:
    spec = SPEC.model_copy(update={"policy": Policy(pickle="KnownOnly")})
    plan = plan_version(replace(FRESH, spec=spec, resolution=Resolution(resolved=UNSAFE)))
    assert (plan.situation.reason, plan.resolve) == (Reason.PICKLE_REFUSED, False)
    assert plan.situation.message == (
        "the file 'model/model.pkl' would import posix.system when it is loaded, and `spec.policy.pickle` is"
        " `KnownOnly`; store the model as safetensors or ONNX, or allow it in a new ModelVersion if you trust who made"
        " it"
    )
    assert [(event.reason, event.warning) for event in plan.events] == [(Reason.PICKLE_REFUSED, True)]
    stalled = Condition(
        type="Stalled", status="True", reason="PickleRefused", message=plan.situation.message, last_transition_time=AT
    )
    stored = ModelVersionStatus(conditions=[stalled], observed_generation=1)
    assert plan_version(replace(FRESH, spec=spec, status=stored)).situation == plan.situation


def test_what_the_registry_says_otherwise_is_told_once_and_shown_always_and_stops_nothing() -> None:
    spec = SPEC.model_copy(update={"lineage": LineageFields(git_commit="f" * 40)})
    resolved = RESOLVED.model_copy(update={"lineage": Lineage(origin="Registry", git_commit="0" * 40)})
    plan = plan_version(replace(FRESH, spec=spec, resolution=Resolution(resolved=resolved)))
    assert [(event.reason, event.warning) for event in plan.events] == [
        (Reason.RESOLVED, False),
        (Reason.SPEC_OVERRULED, True),
    ]
    assert (plan.situation.standing, plan.situation.reason) == (Standing.DONE, Reason.RESOLVED)
    assert plan.situation.message == f"resolved to {RESOLVED.digest}; {plan.events[1].message}"
    again = plan_version(replace(FRESH, spec=spec, status=plan.status))
    assert (again.situation, again.events) == (plan.situation, ())
