"""Would catch a readiness probe so impatient that a busy model server leaves the route, and 503s come instead."""

from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import Arm, RolloutStatus
from crossfade.api.v1alpha1.serving import Serving
from crossfade.decide.workloads import pod_template
from crossfade.model.snapshot import Platform, RolloutFacts

_SLOWEST_ANSWER_SECONDS = 4.5
"""Median of a single-worker server with a queue, as seen when another version started on the same two cores."""


def test_a_model_server_with_a_queue_of_seconds_stays_ready() -> None:
    digest = "sha256:" + "0" * 64
    rollout = RolloutFacts("fraud", "ml", "u-1", 1, False, 0.0, False, None, None, "", RolloutStatus())
    resolved = Resolved(
        uri="s3://models/fraud",
        immutable_uri="s3://models/fraud",
        digest=digest,
        files=1,
        size_bytes=1,
        resolved_at="2026-11-22T05:00:00Z",
    )
    arm = Arm(model_version="fraud-1", revision="fraud-0", digest=digest)
    template = pod_template(rollout, Serving(), arm, resolved, Platform("crossfade"))
    assert template["spec"]["containers"][0]["readinessProbe"]["timeoutSeconds"] > _SLOWEST_ANSWER_SECONDS
