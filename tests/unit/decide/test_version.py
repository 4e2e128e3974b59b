"""Would catch: a reference resolved twice, a hopeless one tried for ever, or an outage taken for an answer."""

from dataclasses import replace

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1 import ModelVersionSpec, ModelVersionStatus
from crossfade.api.v1alpha1.common import Condition
from crossfade.api.v1alpha1.modelversion import Resolved
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
